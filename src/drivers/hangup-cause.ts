import type { EndReason } from "../calls/port.ts";

/** Meaning of a Q.850 cause as Asterisk reports it when a channel has gone. */
export function endReason(cause: number): EndReason {
  switch (cause) {
    case 0: // unknown: Asterisk gives it to channels that ended without a word
    case 16: // normal clearing
    case 31: // normal, unspecified
      return "normal";
    case 17:
      return "busy";
    case 18: // no user responding
    case 19: // no answer
      return "no-answer";
    case 1: // unallocated number
    case 28: // invalid number format
      return "unobtainable";
    case 21:
      return "rejected";
    case 3: // no route
    case 20: // subscriber absent
    case 27: // destination out of order
    case 38: // network out of order
      return "unavailable";
    default:
      return "congestion";
  }
}

/** Meaning of the dialplan's DIALSTATUS, refined by the cause where there is one. */
export function dialOutcome(status: string, cause: number): EndReason {
  switch (status) {
    case "ANSWER":
      return "normal";
    case "BUSY":
      return "busy";
    case "NOANSWER":
    case "CANCEL":
      return "no-answer";
    case "CHANUNAVAIL":
      return cause === 0 ? "unavailable" : refused(cause);
    default:
      return cause === 0 ? "congestion" : refused(cause);
  }
}

/** A call that was not answered has not ended normally, whatever the cause says. */
function refused(cause: number): EndReason {
  const reason = endReason(cause);
  return reason === "normal" ? "congestion" : reason;
}

/** ARI's word for a reason; chan_sip makes the SIP response of it (busy 486, unallocated 404, congestion 503 …). */
export function hangupReason(reason: EndReason): string {
  const words: Record<EndReason, string> = {
    normal: "normal",
    busy: "busy",
    "no-answer": "no_answer",
    unobtainable: "unallocated",
    congestion: "congestion",
    rejected: "rejected",
    unavailable: "congestion",
  };
  return words[reason];
}
