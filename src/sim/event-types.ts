/** The event network's words. All of it is plain JSON, since it also goes over the control socket. */

/** What a telephone puts on the line. Levels are dB below a full-scale sine. */
export type PhoneSound =
  | { readonly kind: "silence" }
  | { readonly kind: "tone"; readonly frequencyHz: number; readonly levelDb?: number }
  /** Returns what it hears. */
  | { readonly kind: "echo" };

/** What a telephone does when it is called. */
export type PhoneBehaviour =
  /** Rings and answers after `afterMs` ms. */
  | { readonly kind: "answer"; readonly afterMs: number; readonly sound?: PhoneSound }
  | { readonly kind: "busy" }
  /** Rings until the caller gives up, or for `ringMs` ms. */
  | { readonly kind: "no-answer"; readonly ringMs?: number }
  /** Refuses the call (403). */
  | { readonly kind: "reject" }
  /** The network has no way to it (503). */
  | { readonly kind: "congestion" }
  /** Answers at once and returns what it hears. */
  | { readonly kind: "echo" };

export interface PhoneOptions {
  /** 4 to 8 digits. */
  readonly number: string;
  readonly behaviour: PhoneBehaviour;
  /** Calls at the same time before callers find it busy. */
  readonly lines?: number;
}

/** Somebody's account on the event's server, such as a gateway's trunk. */
export interface AccountOptions {
  /** The number, which is also the username. */
  readonly number: string;
  readonly password: string;
  /** Further numbers routed to it: digits with X for any digit. */
  readonly numbers?: readonly string[];
}

export interface EventNetworkOptions {
  /** Where its Asterisk lives; made when it is not there. */
  readonly directory: string;
  readonly accounts: readonly AccountOptions[];
  readonly phones: readonly PhoneOptions[];
  /** Address of the SIP server. */
  readonly bindAddress?: string;
  /** SIP port (UDP); any free one when it is not given. */
  readonly sipPort?: number;
}

export type CallId = string;

/** Why a call ended, from the Q.850 cause. */
export type EndCause =
  | "normal"
  | "busy"
  | "no-answer"
  | "unobtainable"
  | "rejected"
  | "congestion"
  | "unavailable"
  /** Asterisk went away. */
  | "lost";

export type EventNetworkEvent =
  /** A telephone is called. */
  | { readonly type: "incoming"; readonly call: CallId; readonly phone: string; readonly caller: string }
  /** A telephone calls. */
  | { readonly type: "outgoing"; readonly call: CallId; readonly phone: string; readonly number: string }
  | { readonly type: "ringing"; readonly call: CallId }
  | { readonly type: "early-media"; readonly call: CallId }
  | { readonly type: "answered"; readonly call: CallId }
  | { readonly type: "dtmf"; readonly call: CallId; readonly digit: string }
  | { readonly type: "ended"; readonly call: CallId; readonly cause: EndCause }
  /** A number that nobody has was called, or a busy telephone: the call never reached one. */
  | { readonly type: "refused"; readonly number: string; readonly caller: string; readonly cause: EndCause };

export type CallState = "ringing" | "talking" | "ended";

export interface CallView {
  readonly call: CallId;
  readonly phone: string;
  /** The far end's number. */
  readonly with: string;
  readonly direction: "incoming" | "outgoing";
  readonly state: CallState;
  /** Set when the call has ended. */
  readonly cause?: EndCause;
}

/** What a telephone heard. */
export interface Heard {
  /** Time that was measured, ms. */
  readonly ms: number;
  /** Level of everything, dB relative to a full-scale sine; -120 for none. */
  readonly levelDb: number;
  /** Level at each frequency that was asked for, in the same order. */
  readonly tones: readonly { readonly frequencyHz: number; readonly levelDb: number }[];
  readonly kind: "nothing" | "faint" | "sound";
}
