import { once } from "node:events";
import type { Ssh } from "./ssh.ts";

/** Busy shells in the machine: twice as many as it has processors. */
export async function underLoad<T>(ssh: Ssh, action: () => Promise<T>): Promise<T> {
  const child = ssh.spawn(
    "for i in 1 2 3 4; do sh -c 'while :; do :; done' & done; echo running; trap 'kill $(jobs -p)' EXIT; read -r line",
  );
  await once(child.stdout ?? child, "data");
  try {
    return await action();
  } finally {
    const gone = once(child, "exit");
    child.stdin?.end("stop\n");
    await gone;
  }
}
