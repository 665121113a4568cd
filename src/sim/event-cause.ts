import type { EndCause } from "./event-types.ts";

/** Meaning of the Q.850 cause that Asterisk gives a channel when it goes. */
function endCause(cause: number): EndCause {
  switch (cause) {
    case 0:
    case 16:
    case 31:
    case 127: // chan_sip: the caller cancelled
      return "normal";
    case 17:
      return "busy";
    case 18:
    case 19:
      return "no-answer";
    case 1:
    case 28:
      return "unobtainable";
    case 21:
      return "rejected";
    case 3:
    case 20:
    case 27:
      return "unavailable";
    default:
      return "congestion";
  }
}

/**
 * Meaning of a channel's end, with the cause that the far end gave (0: none). Asterisk may end a channel as cleared normally
 * that was refused while it was still about to dial.
 */
export function goneCause(cause: number, farCause: number): EndCause {
  const end = endCause(cause);
  return end === "normal" ? endCause(farCause) : end;
}

const failures: ReadonlyMap<string, EndCause> = new Map([
  ["BUSY", "busy"],
  ["NOANSWER", "no-answer"],
  ["CONGESTION", "congestion"],
  ["CHANUNAVAIL", "unavailable"],
]);

/** Whether this dial status says that the far end will not answer. */
export function isFailure(dialStatus: string): boolean {
  return failures.has(dialStatus);
}

/** Why it will not: by the Q.850 cause where that says anything, otherwise by the dial status. */
export function failureCause(dialStatus: string, cause: number): EndCause {
  const byCause = endCause(cause);
  return cause > 0 && byCause !== "normal" ? byCause : (failures.get(dialStatus) ?? "congestion");
}

/** ARI's word to clear a call with; chan_sip makes the SIP response of it. */
export function hangupReason(cause: EndCause): string {
  const reasons: Record<EndCause, string> = {
    normal: "normal",
    busy: "busy", // 486
    "no-answer": "no_answer", // 480
    unobtainable: "unallocated", // 404
    rejected: "rejected", // 403
    congestion: "congestion", // 503
    unavailable: "no_answer", // 480
    lost: "congestion",
  };
  return reasons[cause];
}
