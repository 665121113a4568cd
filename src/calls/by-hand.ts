import type { LineReport } from "./port.ts";
import type { Draft } from "./state.ts";
import { lineIdle } from "./to-pax.ts";

/** Lines out of service by hand, and test calls. */

/** A call on the line goes on; the next one finds it blocked. Unblocked, it serves whoever waits. */
export function setBlocked(draft: Draft, line: string, blocked: boolean): void {
  if (!draft.context.lines.some(({ name }) => name === line)) return;
  if (blocked) draft.blocked.add(line);
  else draft.blocked.delete(line);
  draft.order(line, { type: "block", blocked });
  if (!blocked) lineIdle(draft, line);
}

/**
 * Takes an idle line as a caller in the second stage would, and keys nothing: the PAX gives it dial tone, and rings
 * nobody. A blocked line may be tested. Callers find it resting: it will be idle in a moment.
 */
export function beginTest(draft: Draft, line: string): void {
  if (draft.lines.get(line) !== "idle") return;
  draft.tested.add(line);
  draft.lines.set(line, "resting");
  draft.order(line, { type: "seize", digits: null });
}

export function endTest(draft: Draft, line: string): void {
  if (draft.tested.delete(line)) draft.order(line, { type: "release" });
}

/** What a line that is tested reports. The PAX's own seizure wins, as over any call. */
export function testedLine(draft: Draft, line: string, report: LineReport): void {
  switch (report.type) {
    case "looped":
    case "dial-tone":
      draft.lines.set(line, "resting");
      return;
    case "seized":
    case "cleared":
    case "failed":
    case "parked":
    case "idle":
      draft.tested.delete(line);
      return;
    // None of these can come before a digit was sent or the PAX has seized.
    default:
  }
}
