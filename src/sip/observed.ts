/** Reading what Asterisk's command line says. Text only; nothing here decides. */

/** `key: value` lines of `sip show settings` or `sip show peer`. A key that comes twice is in `repeated`. */
export interface Readout {
  readonly values: ReadonlyMap<string, string>;
  readonly repeated: ReadonlySet<string>;
}

/** What is in force, as far as it can be read back. */
export interface Observed {
  /** UDP ports that the process really has open. */
  readonly udpPorts: ReadonlySet<number>;
  /** Who listens at TCP ports of 127.0.0.1. */
  readonly tcpListeners: ReadonlyMap<number, "ours" | "other">;
  readonly settings: Readout;
  readonly peers: ReadonlyMap<string, Readout>;
  readonly modules: ReadonlySet<string>;
  /** Context → lines `extension,priority,application(argument)`. */
  readonly dialplan: ReadonlyMap<string, ReadonlySet<string>>;
}

export function parseReadout(lines: readonly string[]): Readout {
  const values = new Map<string, string>();
  const repeated = new Set<string>();
  for (const line of lines) {
    // The realm is the one setting that Asterisk prints without a colon.
    const entry = /^ {2}(Our auth realm) +(.*)$/.exec(line) ?? /^ {2}(?:\* )?([^\s:][^:]*?)\s*:(.*)$/.exec(line);
    const key = entry?.[1];
    if (key === undefined) continue;
    if (values.has(key)) repeated.add(key);
    values.set(key, entry?.[2]?.trim() ?? "");
  }
  return { values, repeated };
}

/** Names of `sip show peers`: first column, without the user name after the slash. */
export function parsePeerNames(lines: readonly string[]): string[] {
  return lines
    .filter((line) => !/^Name\/username\s/.test(line) && !/^\d+ sip peers? /.test(line))
    .flatMap((line) => /^([^\s/]+)(?:\/\S*)?\s/.exec(line)?.[1] ?? []);
}

/** Files of `module show` that are loaded and run; parts of the core have no `.so`. */
export function parseModules(lines: readonly string[]): Set<string> {
  return new Set(lines.flatMap((line) => /^(\S+\.so)\s.*\sRunning\s/.exec(line)?.[1] ?? []));
}

/** `dialplan show`. A line that is not understood is kept as it is, so that it counts as a difference. */
export function parseDialplan(lines: readonly string[]): Map<string, Set<string>> {
  const contexts = new Map<string, Set<string>>();
  let context = "";
  let extension = "";
  for (const line of lines) {
    const opened = /^\[ Context '([^']*)' created by '([^']*)' \]$/.exec(line.trim());
    if (opened !== null) {
      // A context made by hand counts as another one than ours of the same name.
      context = opened[2] === "pbx_config" ? (opened[1] ?? "") : `${opened[1]} (${opened[2]})`;
      contexts.set(context, new Set());
      continue;
    }
    if (line.trim() === "" || line.startsWith("-= ")) continue;
    const entry = /^ +(?:'([^']*)' => +)?(\d+)\. (.*?) *\[(\S+)\]$/.exec(line);
    if (entry === null) {
      contexts.get(context)?.add(line.trim());
      continue;
    }
    extension = entry[1] ?? extension;
    contexts.get(context)?.add(`${extension},${entry[2]},${entry[3]}`);
  }
  return contexts;
}
