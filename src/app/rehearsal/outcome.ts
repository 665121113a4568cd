import type { EndCause } from "../../sim/event-types.ts";

/** How a call went, as its caller learnt it: by a tone at the PAX, by the cause at the event. */
export const outcomes = ["answered", "busy", "unobtainable", "no-answer", "congestion", "failed"] as const;
export type Outcome = (typeof outcomes)[number];

/** A tone that was sent in at one end and measured at the other. */
export interface ToneMeasure {
  readonly frequencyHz: number;
  /** Level of that frequency: dBm0 at the PAX, dB below a full-scale sine at the event; null: it was not heard. */
  readonly levelDb: number | null;
}

export interface CallReport {
  readonly outcome: Outcome;
  /** In words. */
  readonly detail: string;
  /** What the PAX telephone heard of the other end's tone; null when that was not tried. */
  readonly atPax: ToneMeasure | null;
  /** What the event telephone heard of the other end's tone; null when that was not tried. */
  readonly atEvent: ToneMeasure | null;
  /** What went wrong besides: audio that was not heard, an end that was not released. */
  readonly faults: readonly string[];
  /** From the end of dialling to the answer, ms; null without answer. */
  readonly answeredAfterMs: number | null;
}

/** Who hangs up first. */
export type ClearBy = "pax" | "event";

/** What becomes of a call that the event network says has ended before it was answered. */
export function outcomeOf(cause: EndCause): Outcome {
  switch (cause) {
    case "busy":
    case "rejected":
      return "busy";
    case "unobtainable":
      return "unobtainable";
    case "no-answer":
      return "no-answer";
    case "congestion":
    case "unavailable":
      return "congestion";
    case "normal":
    case "lost":
      return "failed";
  }
}
