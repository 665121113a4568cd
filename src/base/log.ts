/** Levels in rising order of urgency. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Fields of one log line. Never a secret: no password, no key, no digest. */
export type LogFields = Record<string, unknown>;

/** A structured log. Each room logs under its own facility. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log under a facility of its own, such as `line` or `sip`. */
  child(facility: string): Log;
}

/** A log that writes nothing: for commands that print their own result, and for tests that don't look. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
