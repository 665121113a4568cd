import { execFile } from "node:child_process";
import { write } from "node:fs";
import { toolEnvironment } from "./gpio-child.ts";

/** A service manager that does not take a message has other troubles: ms. */
const LIMIT_MS = 10_000;

/** What the service manager may be told: sd_notify(3). */
export interface ServiceManager {
  /** The service does what it is there for. Never rejects. */
  ready(): Promise<void>;
  /** It is ending. */
  stopping(): Promise<void>;
  /** What it is doing, one line; for `systemctl status`. */
  status(text: string): Promise<void>;
  /** It still does what it is there for. */
  alive(): Promise<void>;
  /** How often `alive` has to come, ms; null when nobody waits for it. */
  readonly watchdogMs: number | null;
}

/** Name that the unit gives to the connected socket (`OpenFile=/run/systemd/notify:notify`, systemd.service(5)). */
const SOCKET_NAME = "notify";
/** First descriptor that a service manager hands over: sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3;

/**
 * The service manager that started us; null when none did, or none that wants to be told. Node cannot connect to its
 * datagram socket: the unit hands it over connected, and a write to it is a message. Without that systemd-notify(1)
 * sends, which asks for `NotifyAccess=all` in the unit.
 */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  program = "systemd-notify",
): ServiceManager | null {
  const socket = environment["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return null;
  const microseconds = Number(environment["WATCHDOG_USEC"]);
  const env = { ...toolEnvironment, NOTIFY_SOCKET: socket };
  const descriptor = handedOver(environment);
  const tell = (message: string) =>
    new Promise<void>((resolve) => {
      if (descriptor !== null) return write(descriptor, message, () => resolve());
      const options = { env, timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;
      execFile(program, [message], options, () => resolve());
    });
  return {
    ready: () => tell("READY=1"),
    stopping: () => tell("STOPPING=1"),
    status: (text) => tell(`STATUS=${text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 300)}`),
    alive: () => tell("WATCHDOG=1"),
    watchdogMs: Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1_000 : null,
  };
}

/** The connected socket, if the service manager has handed it over to us and to no parent of ours. */
function handedOver(environment: Readonly<Record<string, string | undefined>>): number | null {
  if (environment["LISTEN_PID"] !== String(process.pid)) return null;
  const at = (environment["LISTEN_FDNAMES"] ?? "").split(":").indexOf(SOCKET_NAME);
  return at < 0 ? null : FIRST_DESCRIPTOR + at;
}
