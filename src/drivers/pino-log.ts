import { Writable } from "node:stream";
import { type Logger, type LoggerOptions, pino } from "pino";
import type { Log, LogLevel } from "../base/log.ts";

export interface LogOptions {
  readonly level: LogLevel;
  /** `json` for the journal, `text` for people. */
  readonly format: "json" | "text";
}

/** Fields that must never appear, wherever a mistake puts them. */
const SECRET_FIELDS = ["password", "secret", "apiKey", "authorization", "ariSecret", "amiSecret", "eventsSecret"];

/** The gateway's log, on standard error. Written synchronously: the last line before a crash counts most. */
export function createLog(options: LogOptions): Log {
  const redact = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]);
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    redact,
    formatters: { level: (level) => ({ level }) },
  };
  const output = options.format === "text" ? new TextOutput() : pino.destination({ fd: 2, sync: true });
  return wrap(pino(settings, output));
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    child: (facility) => wrap(logger.child({ facility })),
  };
}

/** One line for people per record. Control characters, which an attacker may have sent, are shown, not obeyed. */
class TextOutput extends Writable {
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const { level, time, facility, msg, ...fields } = JSON.parse(String(chunk)) as Record<string, unknown>;
    const clock = new Date(Number(time)).toISOString().slice(11, 23);
    const values = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    const text = `${clock} ${String(level).padEnd(5)} ${String(facility ?? "").padEnd(8)} ${String(msg)}${values.join("")}`;
    process.stderr.write(`${printable(text)}\n`, done);
  }
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
