/** What is wrong, for whoever holds the card in his hand. */
export interface Problems {
  /** Of the configuration as it stands, with places and remedies; null: it is in use. */
  readonly configFault: string | null;
  /** What the gateway runs on when that is not the configuration as it stands. */
  readonly runsOn: "file" | "last-good" | "safe-default" | "nothing";
  /** What keeps calls away, other than the configuration: in words; null when nothing does. */
  readonly fault: string | null;
  readonly lines: readonly { readonly name: string; readonly why: string }[];
}

const runsOnWords = {
  file: "",
  "last-good": "The gateway runs on the last configuration that could be used. Calls go on as they did with it.",
  "safe-default":
    "There is no earlier configuration that could be used: the gateway serves its status page and nothing else.",
  nothing: "The gateway does not run.",
} as const;

/** The text of PROBLEM.txt; null when all is well. It says no time, so that it changes only when the problem does. */
export function problemText({ configFault, runsOn, fault, lines }: Problems): string | null {
  const parts: string[] = [];
  if (configFault !== null) {
    parts.push("The configuration cannot be used as it stands:", indented(configFault));
    if (runsOn !== "file") parts.push(runsOnWords[runsOn]);
    parts.push("What to do: correct the file paxgate.yaml on this card, save it, and start the gateway again.");
  }
  if (fault !== null && fault !== configFault) parts.push("Calls cannot be made:", indented(fault));
  if (lines.length > 0) {
    const each = lines.map(({ name, why }) => `  ${name}: ${oneLine(why)}`);
    parts.push("Out of service; the others work:", each.join("\n"));
    parts.push("Look at the board, the cables and the names under lines: in paxgate.yaml.");
  }
  if (parts.length === 0) return null;
  const title = "WHAT IS WRONG WITH THIS GATEWAY";
  return `${[title, ...parts, "This file goes away by itself once all is well."].join("\n\n")}\n`;
}

const indented = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
const oneLine = (text: string) => text.replace(/\s+/g, " ").trim();

/** A problem that comes and goes within this time is not written, ms. */
export const SETTLE_MS = 20_000;
/** Shortest and longest time between two writes, ms: each write of a card wears it, and a loose plug comes and goes. */
export const SHORTEST_GAP_MS = 60_000;
export const LONGEST_GAP_MS = 3_600_000;
/** After a time without any write the gap is short again, ms. */
const FORGOTTEN_MS = 6 * 3_600_000;

/** When what is on the card is to be replaced. Time is an argument; the decision is the caller's to perform. */
export class ProblemRecord {
  /** Undefined: nobody knows, as writing failed. */
  #written: string | null | undefined;
  #wanted: string | null;
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #gapMs = SHORTEST_GAP_MS;

  /** `written`: what is on the card already. */
  constructor(written: string | null) {
    this.#written = written;
    this.#wanted = written;
  }

  /**
   * `text`: how things are. Whether the card is to be changed to that now. `urgent`: what is known for certain, such as
   * a fault of the configuration at the start, need not settle.
   */
  look(text: string | null, nowMs: number, urgent = false): boolean {
    if (text !== this.#wanted) {
      this.#wanted = text;
      this.#sinceMs = nowMs;
    }
    if (text === this.#written) return false;
    if (!urgent && (nowMs - this.#sinceMs < SETTLE_MS || nowMs - this.#lastMs < this.#gapMs)) return false;
    this.#gapMs = nowMs - this.#lastMs > FORGOTTEN_MS ? SHORTEST_GAP_MS : Math.min(2 * this.#gapMs, LONGEST_GAP_MS);
    this.#lastMs = nowMs;
    this.#written = text;
    return true;
  }

  /** The change that `look` has asked for could not be made: it is asked for again, after the usual gap. */
  failed(): void {
    this.#written = undefined;
  }
}
