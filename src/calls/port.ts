import type { DialTarget } from "../base/dial-target.ts";
import type { Dispose } from "../base/events.ts";

export type { DialTarget } from "../base/dial-target.ts";

/** What the calls room needs from outside: lines (through `app/`), and SIP legs with their audio (`drivers/ari`). */

/** Identifies one leg for its lifetime. */
export type LegId = string;

/** How a leg ended, or is to be ended. */
export type EndReason =
  | "normal"
  | "busy"
  | "no-answer"
  | "unobtainable" // unknown number
  | "congestion"
  | "rejected"
  | "unavailable"; // the phone or the trunk is not there

export type SipEvent =
  /** A call from outside, already authenticated and filtered by the dialplan. It has not been answered. */
  | {
      readonly type: "incoming";
      readonly leg: LegId;
      /** Name of the trunk or account it came by. */
      readonly from: { readonly kind: "trunk" | "account"; readonly name: string };
      /** Number that was called, digits only. */
      readonly number: string;
      /** Caller's number, digits only, possibly empty. Not to be trusted. */
      readonly caller: string;
    }
  | { readonly type: "ringing"; readonly leg: LegId }
  | { readonly type: "early-media"; readonly leg: LegId }
  | { readonly type: "answered"; readonly leg: LegId }
  | { readonly type: "dtmf"; readonly leg: LegId; readonly digit: string }
  | { readonly type: "ended"; readonly leg: LegId; readonly reason: EndReason }
  /** Asterisk, or the connection to it, came or went. When it goes every leg has ended without an event of its own. */
  | { readonly type: "up" }
  | { readonly type: "down" };

export interface SipPort {
  onEvent(listener: (event: SipEvent) => void): Dispose;
  /** Whether calls can be made now. */
  readonly up: boolean;
  /** Prepares the audio of a line for a call that may come; `dial` and `connect` then find it ready. */
  openMedia(line: string): void;
  /** Ends a line's audio. */
  closeMedia(line: string): void;
  /**
   * Starts a call whose audio is the line's; what becomes of it comes as events of `leg`, a name that the caller
   * chooses and never uses again.
   */
  dial(leg: LegId, line: string, target: DialTarget): void;
  /**
   * Sends 183 and joins the leg's audio with the line's. There is no way to send 180 before: the PAX's own ringing or
   * busy tone follows, and some telephones do not let it through once they have begun a ringing tone of their own.
   */
  connectEarly(leg: LegId, line: string): void;
  answer(leg: LegId, line: string): void;
  hangup(leg: LegId, reason: EndReason): void;
}

/** What the calls room hears of a line; the line room's events have this shape. */
export type LineReport =
  /** The PAX has taken the line, or rings it. */
  | { readonly type: "seized" }
  | { readonly type: "digit"; readonly digit: number }
  | { readonly type: "digit-error"; readonly reason: string }
  | { readonly type: "digit-timeout"; readonly which: "first" | "next" }
  | { readonly type: "flash" }
  /** The PAX has cleared: the call is over. */
  | { readonly type: "cleared" }
  /** Our loop holds. */
  | { readonly type: "looped" }
  /** Second stage: the PAX's dial tone is there. */
  | { readonly type: "dial-tone" }
  /** All digits are sent and the line's audio is through. */
  | { readonly type: "dialled" }
  | { readonly type: "answered"; readonly by: string }
  | {
      readonly type: "failed";
      readonly reason: "glare" | "no-current" | "not-idle" | "busy" | "unobtainable" | "no-answer" | "lost";
    }
  | { readonly type: "parked" }
  /** Ready for use. */
  | { readonly type: "idle" };

/** What the calls room tells a line; the line room's commands have this shape. */
export type LineOrder =
  | { readonly type: "seize"; readonly digits: readonly number[] | null }
  | { readonly type: "send-digit"; readonly digit: number }
  /** The number is complete: the PAX caller's, or the one that a caller keyed in the second stage. */
  | { readonly type: "proceed" }
  | { readonly type: "tone"; readonly tone: "ringing" | "busy" | "congestion" | "unobtainable" }
  | { readonly type: "connect" }
  | { readonly type: "answer" }
  | { readonly type: "release" }
  /** Out of service by hand, or back in it. */
  | { readonly type: "block"; readonly blocked: boolean };

/** The lines, by name. */
export interface LinesPort {
  onReport(listener: (line: string, report: LineReport) => void): Dispose;
  order(line: string, order: LineOrder): void;
}
