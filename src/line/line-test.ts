import { type Edge, type PatternStep, SAMPLE_RATE_HZ } from "./port.ts";
import { ZERO_DBM0_RMS } from "./tones.ts";

/**
 * What is found out about a line's interface, for whoever wires it, and how it is judged. Pure: `app/line-test.ts` does
 * the measuring.
 */

/** `note`: nothing to judge by, or nothing wrong. */
export type Verdict = "ok" | "note" | "warning" | "failed";

/** One thing that was looked at. */
export interface Finding {
  readonly step: string;
  readonly verdict: Verdict;
  readonly says: string;
  /** What to do about it. */
  readonly remedy?: string;
  /** Measured values; the unit is in the name. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** Whether nothing has failed. */
export const passed = (findings: readonly Finding[]): boolean => findings.every(({ verdict }) => verdict !== "failed");

/** How far a break may be from what was sent, ms (SIN 351: 67 ± 5). */
const EDGE_LIMIT_MS = 5;

/**
 * Impulses that were sent, as an input saw them by the kernel's timestamps. Its edges begin with the first break; it is
 * active while the loop is closed.
 */
export function judgeImpulses(edges: readonly Edge[], sent: readonly PatternStep[]): Finding {
  const step = "impulses";
  const pulses = sent.filter(({ closed }) => !closed).length;
  const seen = edges.filter(({ active }) => !active).length;
  const first = edges[0];
  if (first === undefined || seen !== pulses || edges.length !== sent.length) {
    return {
      step,
      verdict: "failed",
      says: `${pulses} impulses were sent, and ${seen} were seen (${edges.length} edges of ${sent.length})`,
      remedy:
        "more: contacts or the opto-coupler bounce; fewer: they are too slow, or the input's filter capacitor too large",
      figures: { pulsesSent: pulses, pulsesSeen: seen, edges: edges.length },
    };
  }
  let due = 0;
  let worst = 0;
  let broken = 0;
  for (const [at, edge] of edges.entries()) {
    worst = Math.max(worst, Math.abs(edge.atMs - first.atMs - due));
    due += sent[at]?.ms ?? 0;
    const next = edges[at + 1];
    if (!edge.active && next !== undefined) broken += next.atMs - edge.atMs;
  }
  const breakMs = broken / pulses;
  const wanted = sent.reduce((sum, { closed, ms }) => sum + (closed ? 0 : ms), 0) / pulses;
  const figures = { pulsesSent: pulses, pulsesSeen: seen, breakMs: rounded(breakMs), worstEdgeMs: rounded(worst) };
  const says = `${seen} impulses, break ${breakMs.toFixed(1)} ms (sent ${wanted.toFixed(1)}), worst edge ${worst.toFixed(1)} ms off`;
  if (worst <= EDGE_LIMIT_MS) return { step, verdict: "ok", says, figures };
  const remedy =
    "a relay or opto-coupler that opens and closes at different speeds lengthens breaks or makes; see the note";
  return { step, verdict: "warning", says, remedy, figures };
}

/** A current or loop input after the loop was closed or opened. */
export interface Response {
  readonly input: string;
  /** After the output was set, ms. */
  readonly afterMs: number;
}

/** The first edge of each input since `sinceMs`, as time after it. */
export function responsesOf(edges: readonly Edge[], sinceMs: number): Response[] {
  const first = new Map<string, Response>();
  for (const { input, atMs } of edges) {
    if (atMs >= sinceMs && !first.has(input)) first.set(input, { input, afterMs: rounded(atMs - sinceMs) });
  }
  return [...first.values()];
}

/** Level of samples, dBm0; -Infinity for silence. */
export function levelDbm0(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return 20 * Math.log10(Math.sqrt(sum / Math.max(1, samples.length)) / ZERO_DBM0_RMS);
}

/** Level of one frequency in the samples, dBm0 (Goertzel's algorithm); -Infinity where there is nothing of it. */
export function toneDbm0(samples: Int16Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE_HZ);
  let before = 0;
  let last = 0;
  for (const sample of samples) [before, last] = [last, sample + coefficient * last - before];
  const power = last * last + before * before - coefficient * last * before;
  const rms = Math.SQRT2 * (Math.sqrt(Math.max(0, power)) / Math.max(1, samples.length));
  return 20 * Math.log10(rms / ZERO_DBM0_RMS);
}

/** A wrong rate or number of channels is off by half or more; a busy machine, over a second, by a few frames (EJ). */
const RATE_LIMIT = 0.1;
/** A codec's inputs are never quite silent: less than this is a cable in the wrong place, or a muted mixer (EJ). */
const DEAD_DBM0 = -90;

/** Sound that came while we were silent: `heardMs` of it in `tookMs`. */
export function judgeSound(samples: Int16Array, tookMs: number): Finding {
  const step = "sound from the line";
  const heardMs = (samples.length * 1_000) / SAMPLE_RATE_HZ;
  const level = levelDbm0(samples);
  const figures = { ratePercent: rounded((100 * heardMs) / tookMs), levelDbm0: rounded(Math.max(level, -99)) };
  const says = `${words(level)}, at ${figures.ratePercent.toFixed(0)} % of its rate`;
  if (Math.abs(heardMs / tookMs - 1) > RATE_LIMIT) {
    const remedy = "another program uses the card, or it does not run at the rate that asound.conf names (RATE=48000)";
    return { step, verdict: "failed", says, remedy, figures };
  }
  if (level > DEAD_DBM0) return { step, verdict: "ok", says, figures };
  return {
    step,
    verdict: "note",
    says,
    remedy: "a real codec is never so quiet: is the input muted (alsamixer), or the other channel wired?",
    figures,
  };
}

/** A tone that was sent at `sentDbm0`, and what of it came back. */
export function judgeEcho(samples: Int16Array, hz: number, sentDbm0: number): Finding {
  const step = "tone to the line";
  const level = toneDbm0(samples, hz);
  const figures = { sentDbm0, backDbm0: rounded(Math.max(level, -99)) };
  const lossDb = sentDbm0 - level;
  const sent = `${hz} Hz sent at ${sentDbm0} dBm0`;
  if (lossDb > 40) {
    const says = `${sent}; none of it comes back, so listen for it at the line`;
    return { step, verdict: "note", says, figures };
  }
  if (lossDb < -3) {
    const remedy = "turn the codec's levels down: the line would sing";
    return { step, verdict: "failed", says: `${sent}; louder back, ${words(level)}`, remedy, figures };
  }
  return { step, verdict: "ok", says: `${sent}; comes back ${lossDb.toFixed(1)} dB weaker`, figures };
}

const words = (dbm0: number) => (dbm0 < -99 ? "silence" : `${dbm0.toFixed(1)} dBm0`);
const rounded = (value: number) => Math.round(value * 10) / 10;
