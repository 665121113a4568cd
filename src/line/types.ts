/** Tones that a caller on the PAX can be given, and that a caller of the PAX can hear. */
export const toneNames = ["dial", "ringing", "busy", "congestion", "unobtainable"] as const;
export type ToneName = (typeof toneNames)[number];

/** What a line is doing, in the words of the trade. */
export type LineStatus =
  | "starting" // inputs not read yet
  | "idle"
  | "seized" // the PAX has taken the line: dial tone, digits
  | "proceeding" // number complete, or ringing the gateway; nobody has answered
  | "talking"
  | "seizing" // we have closed the loop and wait for current and dial tone
  | "sending" // impulses are going out
  | "awaiting-answer" // digits sent, the PAX rings (or not)
  | "second-stage" // the caller hears the PAX's dial tone
  | "awaiting-clear" // the call is over, the PAX caller has not cleared: busy tone
  | "guard" // resting before it may be used again
  | "parked" // stuck loop: back-busied until the loop goes
  | "fault"; // no loop current, or the interface is gone

/** Why a call to the PAX did not come about. */
export type SeizeFailure =
  | "glare" // the PAX seized the line at the same time; its call wins
  | "no-current" // line fault
  | "not-idle" // the line was taken before the command came
  | "busy" // the PAX's busy tone
  | "unobtainable" // the PAX's number-unobtainable tone
  | "no-answer"
  | "lost"; // the interface is gone

/** Why dialled digits could not be understood. The caller hears number unobtainable, never a wrong number. */
export type DigitErrorReason =
  | "too-many-pulses"
  | "flash-in-train"
  | "damaged-train" // ambiguous lengths
  | "late-edges"; // edges came after the digit had been decided

/** Health of the dial that sent a digit. */
export interface DialHealth {
  /** Impulses per second. NaN for a train of one pulse. */
  readonly ips: number;
  /** Share of the break in the period, percent. NaN for a train of one pulse. */
  readonly breakPercent: number;
}

/** What a line tells the call that uses it (or might use it). `atMs` is the time of the edge or timer behind it. */
export type LineEvent =
  | { readonly type: "seized"; readonly atMs: number } // tie-line looped, or subscriber line rung
  | { readonly type: "digit"; readonly digit: number; readonly health: DialHealth; readonly atMs: number }
  | { readonly type: "digit-error"; readonly reason: DigitErrorReason; readonly atMs: number }
  | { readonly type: "digit-timeout"; readonly which: "first" | "next"; readonly atMs: number }
  | { readonly type: "flash"; readonly atMs: number }
  | { readonly type: "cleared"; readonly atMs: number } // the PAX has cleared: the call is over
  | { readonly type: "looped"; readonly atMs: number } // our loop is closed and holds
  /** Second stage: send digits now. `heard`: there is a dial tone; false: time has passed, and it may yet come. */
  | { readonly type: "dial-tone"; readonly heard: boolean; readonly atMs: number }
  | { readonly type: "dialled"; readonly atMs: number } // all digits sent, audio is through
  | { readonly type: "answered"; readonly by: "reversal" | "ringing-stopped" | "time"; readonly atMs: number }
  | { readonly type: "failed"; readonly reason: SeizeFailure; readonly atMs: number }
  | { readonly type: "parked"; readonly atMs: number }
  | { readonly type: "idle"; readonly atMs: number }; // ready for use (again)

/** What a call tells its line. */
export type LineCommand =
  /** Take the line and dial; `digits: null` is second stage (dial tone to the caller). */
  | { readonly type: "seize"; readonly digits: readonly number[] | null }
  /** One more digit, in second stage or for intrusion. */
  | { readonly type: "send-digit"; readonly digit: number }
  /** The PAX caller's number is complete: no more digits are awaited. */
  | { readonly type: "proceed" }
  /** Give the PAX caller this tone. For busy, congestion and unobtainable the call is over. */
  | { readonly type: "tone"; readonly tone: Exclude<ToneName, "dial"> }
  /** Join the audio both ways without answering (early media). */
  | { readonly type: "connect" }
  /** The far end has answered: audio joined, answer supervision given (subscriber: the loop is closed). */
  | { readonly type: "answer" }
  /** The call is over. Opens our loop, or gives a PAX caller who still holds his busy tone until he clears. */
  | { readonly type: "release" }
  /** Out of service by hand, or back in it: back-busied, whatever the line is doing; a call on it goes on. */
  | { readonly type: "block"; readonly blocked: boolean };
