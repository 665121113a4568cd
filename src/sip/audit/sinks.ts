/** What outside data can do in an argument, and which characters it needs for that. */
export const DANGERS = {
  shell: { id: "taint-shell", characters: "\n \"$&'();<>?[\\]`{|}" },
  application: { id: "taint-application", characters: "()," },
  dial: { id: "taint-dial", characters: "&/@," },
  file: { id: "taint-file", characters: "/" },
  place: { id: "taint-goto", characters: "," },
  eval: { id: "taint-eval", characters: "$" },
  sql: { id: "taint-sql", characters: "'\"\\;" },
  url: { id: "taint-url", characters: "/:@?&#" },
} as const;

export type Danger = keyof typeof DANGERS;

/** Which arguments of an application are dangerous, counted from 0; the names are in lower case. */
export const APPLICATION_SINKS: Readonly<Record<string, readonly (readonly [index: number, danger: Danger])[]>> = {
  system: [[-1, "shell"]],
  trysystem: [[-1, "shell"]],
  externalivr: [[-1, "shell"]],
  agi: [[0, "shell"]],
  eagi: [[0, "shell"]],
  deadagi: [[0, "shell"]],
  festival: [[0, "shell"]],
  exec: [[-1, "application"]],
  tryexec: [[-1, "application"]],
  dial: [[-1, "dial"]],
  retrydial: [[-1, "dial"]],
  page: [[-1, "dial"]],
  originate: [[-1, "dial"]],
  chanspy: [[0, "place"]],
  transfer: [[0, "dial"]],
  mixmonitor: [
    [0, "file"],
    [2, "shell"],
  ],
  monitor: [[1, "file"]],
  record: [[0, "file"]],
  dictate: [[0, "file"]],
  playback: [[0, "file"]],
  background: [[0, "file"]],
  controlplayback: [[0, "file"]],
  backgrounddetect: [[0, "file"]],
  readfile: [[0, "file"]],
  receivefax: [[0, "file"]],
  sendfax: [[0, "file"]],
  rxfax: [[0, "file"]],
  txfax: [[0, "file"]],
  mysql: [[-1, "sql"]],
};

/** The same for functions, whose whole argument counts. */
export const FUNCTION_SINKS: Readonly<Record<string, Danger>> = {
  SHELL: "shell",
  FILE: "file",
  FILE_COUNT_LINE: "file",
  EVAL: "eval",
  CURL: "url",
};

/** Applications that give a caller nothing: a context that holds no others reaches nothing. */
export const HARMLESS: ReadonlySet<string> = new Set(
  `hangup congestion busy noop verbose log wait answer set mset playtones stopplaytones ringing progress proceeding zapateller
  playback goto gotoif gotoiftime return stackpop execif setcallerpres hangupcauseclear resetcdr nocdr userevent
  background waitexten gosub gosubif macro incomplete sayalpha saydigits saynumber sayphonetic sayunixtime echo milliwatt`.split(
    /\s+/,
  ),
);
