interface LogRecord {
  readonly level: string;
  readonly time: number;
  readonly facility: string;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Whether a line of a process's log is worth showing: a warning, an error, or no log line at all (a crash). */
export function isUrgent(line: string): boolean {
  const record = parse(line);
  return record === null ? line.trim() !== "" : record.level === "warn" || record.level === "error";
}

/** A line of a process's JSON log, for people. Control characters are shown, not obeyed. */
export function describeLogLine(name: string, line: string): string {
  const record = parse(line);
  if (record === null) return printable(`${name}: ${line}`);
  const { level, time, facility, msg, fields } = record;
  const values = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  const who = facility === "" || facility === name ? name : `${name}/${facility}`;
  return printable(`${new Date(time).toTimeString().slice(0, 8)} ${level.padEnd(5)} ${who}: ${msg}${values.join("")}`);
}

function parse(line: string): LogRecord | null {
  try {
    const { level, time, facility, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level !== "string") return null;
    return { level, time: Number(time ?? 0), facility: String(facility ?? ""), msg: String(msg ?? ""), fields };
  } catch {
    return null;
  }
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
