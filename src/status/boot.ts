import type { BootTexts } from "./port.ts";
import type { GatewayStatus } from "./schema.ts";
import type { RaisedAlert } from "./types.ts";

/** What is known of the machine's start, on the appliance. */
export interface BootStatus {
  /** Which of the two systems runs; null: this is no appliance. */
  readonly system: GatewayStatus["system"];
  /** What was wrong at this start, a line each. */
  readonly problems: readonly string[];
}

/** More than the scripts have to say at once; a page has no room for more. */
const MOST_PROBLEMS = 8;
const LONGEST = 200;
/** What a system says that has made room for the one before it, in UPDATE-FAILED.txt. */
const FELL_BACK = /: the other system runs again$/;

/**
 * The files of the start. Part of what they say is a file on the boot partition, which whoever has the card can write:
 * no more than some lines of printable text comes out of it.
 */
export function bootStatus({ slot, trial, problem }: BootTexts): BootStatus {
  const runs = slot?.trim();
  const lines = (problem ?? "").split("\n").map(printable);
  const problems = lines.filter((line) => line !== "");
  return {
    system: runs === "a" || runs === "b" ? { slot: runs, trial: trial?.trim() === "yes" } : null,
    problems: [
      ...problems.slice(0, MOST_PROBLEMS),
      ...(problems.length > MOST_PROBLEMS ? ["more than that was wrong at the start"] : []),
    ],
  };
}

/** An alert for each problem. They stand until a start without: nothing that runs now can take them back. */
export function bootAlerts(problems: readonly string[]): readonly RaisedAlert[] {
  return problems.map((problem, at): RaisedAlert => {
    const alert = { alert: `boot-${at + 1}`, source: "boot" };
    if (FELL_BACK.test(problem)) {
      // It works as it did before; with the update something has to be done.
      const remedy = 'see UPDATE-FAILED.txt on the card and "rauc status"; the next update clears it';
      return { ...alert, severity: "warning", text: `the update failed: ${problem} (${remedy})` };
    }
    const remedy = 'see BOOT-PROBLEM.txt and README.txt on the card, or "journalctl -k"';
    return { ...alert, severity: "error", text: `${problem} (${remedy})` };
  });
}

/** Without what is not seen, or turns the direction of text round. */
function printable(line: string): string {
  const words = line.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  return [...words].slice(0, LONGEST).join("");
}
