import type { Dispose } from "../base/events.ts";
import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ } from "../line/port.ts";
import { classify, type Heard, levelDbm0, toneLevelDbm0 } from "./ear.ts";
import type { Simulation } from "./simulation.ts";

/** What can be awaited at a telephone. The tones and silence are really listened for. */
export const phoneConditions = [
  "idle", // on the hook, and nobody rings
  "ringing", // its bell rings
  "connected", // joined to somebody for speech
  "answered", // in an answered call (over a tie line: the gateway has given answer supervision)
  "dial-tone",
  "ringing-tone",
  "busy-tone",
  "congestion-tone",
  "unobtainable-tone",
  "silence",
] as const;
export type PhoneCondition = (typeof phoneConditions)[number];

/** What a telephone heard. Levels are in dBm0; -100 is nothing at all. */
export interface Hearing {
  readonly heard: Heard;
  readonly levelDbm0: number;
  readonly tones: readonly { readonly frequencyHz: number; readonly levelDbm0: number }[];
}

/** Time that is remembered while waiting for a tone: one cycle of ringing tone and some, ms. */
const MEMORY_MS = 4_000;
/** Silence that counts as such, ms. */
const SILENCE_MS = 1_000;
/** A tone is looked for in every so many frames. */
const LOOK_EVERY = 3;

/** Listens for `ms` from now, then tells what was heard and how strong each frequency was. */
export function hear(
  simulation: Simulation,
  number: string,
  options: { readonly ms: number; readonly frequenciesHz: readonly number[] },
  done: (hearing: Hearing) => void,
): Dispose {
  const samples = new Int16Array(Math.max(1, Math.round(options.ms / FRAME_MS)) * FRAME_SAMPLES);
  let filled = 0;
  const stop = simulation.sound.listen(number, (frame) => {
    samples.set(frame, filled);
    filled += frame.length;
    if (filled < samples.length) return;
    stop();
    const tones = options.frequenciesHz.map((frequencyHz) => ({
      frequencyHz,
      levelDbm0: toneLevelDbm0(samples, frequencyHz),
    }));
    done({ heard: classify(samples), levelDbm0: levelDbm0(samples), tones });
  });
  return stop;
}

/** Calls `done` once, as soon as the condition holds: at once, if it does already. */
export function watch(simulation: Simulation, number: string, condition: PhoneCondition, done: () => void): Dispose {
  const tone = toneOf(condition);
  if (tone !== null) return watchTone(simulation, number, tone, done);
  if (holds(simulation, number, condition)) {
    done();
    return () => undefined;
  }
  const stop = simulation.events.on("circuit", () => {
    if (!holds(simulation, number, condition)) return;
    stop();
    done();
  });
  return stop;
}

function holds(simulation: Simulation, number: string, condition: PhoneCondition): boolean {
  const state = simulation.circuit(number)?.state.type;
  if (condition === "idle") return state === "idle" && simulation.telephones.get(number)?.offHook === false;
  if (condition === "ringing") return state === "rung";
  if (condition === "answered") return simulation.inAnsweredCall(number);
  return simulation.partnerOf(number) !== null || state === "intruding";
}

function toneOf(condition: PhoneCondition): Heard | null {
  if (condition === "silence") return "silence";
  if (!condition.endsWith("-tone")) return null;
  return condition.slice(0, -"-tone".length) as Heard;
}

function watchTone(simulation: Simulation, number: string, tone: Heard, done: () => void): Dispose {
  const memory = new Int16Array((MEMORY_MS * SAMPLE_RATE_HZ) / 1000);
  let filled = 0;
  let frames = 0;
  const stop = simulation.sound.listen(number, (frame) => {
    memory.copyWithin(0, frame.length);
    memory.set(frame, memory.length - frame.length);
    filled = Math.min(memory.length, filled + frame.length);
    if (++frames % LOOK_EVERY !== 0) return;
    const recent = memory.subarray(memory.length - filled);
    if (tone === "silence") {
      const enough = (SILENCE_MS * SAMPLE_RATE_HZ) / 1000;
      if (filled < enough || classify(recent.subarray(-enough)) !== "silence") return;
    } else if (classify(recent) !== tone) return;
    stop();
    done();
  });
  return stop;
}
