import { setTimeout as delay } from "node:timers/promises";
import { GatewayError } from "../base/errors.ts";
import type { AsteriskPorts } from "./port.ts";

/** Long, because names of trunks are looked up meanwhile; ordinarily it takes 0.2-0.4 s. */
const READY_LIMIT_MS = 30_000;
const RETRY_MS = 20;

/** Connects as soon as Asterisk lets us, and waits until all of it has started. Error `asterisk-start`. */
export async function connectWhenReady(
  { commands, process }: Pick<AsteriskPorts, "commands" | "process">,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + READY_LIMIT_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      await commands.connect(signal);
      break;
    } catch (error) {
      const refused = error instanceof GatewayError && error.code === "ami-refused";
      if (!process.running || refused || performance.now() > until) {
        throw new GatewayError("asterisk-start", "Asterisk did not become ready", { cause: error });
      }
    }
    await delay(RETRY_MS);
  }
  // Whoever stops us while it boots need not wait for it.
  const giveUp = () => commands.close();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    signal.throwIfAborted();
    await commands.command("core waitfullybooted", READY_LIMIT_MS);
  } finally {
    signal.removeEventListener("abort", giveUp);
    signal.throwIfAborted();
  }
}

/** Whether a command failed because the connection had ended. */
export function isClosed(error: unknown): boolean {
  return error instanceof GatewayError && error.code === "ami-closed";
}
