import { execFile } from "node:child_process";
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

/**
 * The service manager that started us; null when none did, or none that wants to be told. Node cannot send to its
 * datagram socket, so systemd-notify(1) does, which asks for `NotifyAccess=all` in the unit.
 */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  program = "systemd-notify",
): ServiceManager | null {
  const socket = environment["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return null;
  const microseconds = Number(environment["WATCHDOG_USEC"]);
  const env = { ...toolEnvironment, NOTIFY_SOCKET: socket };
  const tell = (...words: readonly string[]) =>
    new Promise<void>((resolve) => {
      const options = { env, timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;
      execFile(program, [...words], options, () => resolve());
    });
  return {
    ready: () => tell("--ready"),
    stopping: () => tell("STOPPING=1"),
    status: (text) => tell(`--status=${text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 300)}`),
    alive: () => tell("WATCHDOG=1"),
    watchdogMs: Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1_000 : null,
  };
}
