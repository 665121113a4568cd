import type { Dispose } from "../base/events.ts";

/** What the calls room needs from outside: lines (through `app/`), and SIP legs with their audio (`drivers/ari`). */

/** Identifies one leg for its lifetime. */
export type LegId = string;

/** Where a call to SIP goes. */
export type DialTarget =
  | { readonly kind: "trunk"; readonly trunk: string; readonly number: string }
  | { readonly kind: "account"; readonly account: string }
  | { readonly kind: "service"; readonly service: "echo" | "clock" | "milliwatt" };

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
  /** Starts a call whose audio is the line's; everything that follows comes as events of the returned leg. */
  dial(line: string, target: DialTarget): LegId;
  /** Sends 180 to an incoming leg. */
  ring(leg: LegId): void;
  /** Sends 183 and joins the leg's audio with the line's. */
  connectEarly(leg: LegId, line: string): void;
  answer(leg: LegId, line: string): void;
  hangup(leg: LegId, reason: EndReason): void;
}
