import type { Heard } from "./machine.ts";
import { FRAME_MS, FRAME_SAMPLES } from "./port.ts";
import { DECIMATED, HISTORY, purrs } from "./purr.ts";
import { ZERO_DBM0_RMS } from "./tones.ts";

/**
 * Recognises the PAX's tones in frames of 20 ms. Three looks at each frame: its level, how much of it lies at 350-450
 * Hz, and whether it repeats at 33⅓ or 50 Hz; the rest is cadence. Single frames decide nothing, so clicks do not.
 *
 * The state is changed in place: eight lines at once must be cheap on the smallest Raspberry Pi.
 */

/** Sound below this is silence, dBm0: 7 dB under the faintest tone that must be heard (EJ). */
const THRESHOLD = (ZERO_DBM0_RMS * 10 ** (-42 / 20)) ** 2 * FRAME_SAMPLES;
/** On and off are believed after this many frames: a click is two or three (levels are smoothed), a burst eleven. */
const CONFIRM_FRAMES = 4;
/** Share of a frame's energy at 350-450 Hz that makes it a tone (EJ; speech stays below a half). */
const TONAL_SHARE = 0.72;
/** Relative variance of 5 ms energies: a steady tone's is near 0, a beating or modulated one's above a tenth (EJ). */
const MODULATED_VARIANCE = 0.08;
/** Dial tone is continuous for longer than any burst of ringing (400 ms) before it is believed, ms (EJ). */
const DIAL_MS = 600;
const SPEECH_MS = 200;
const SILENCE_MS = 500;
/** Frames in which the envelope of a tone is judged. */
const BLOCK_FRAMES = 5;

/** Goertzel coefficients of 350, 400 and 450 Hz: bins 7 to 9 of a 20 ms frame. */
const [C350, C400, C450] = [7, 8, 9].map((bin) => 2 * Math.cos((2 * Math.PI * bin) / FRAME_SAMPLES)) as [
  number,
  number,
  number,
];

interface Burst {
  readonly onMs: number;
  readonly tonal: boolean;
}

export interface ToneDetector {
  readonly unobtainableMs: number;
  on: boolean;
  /** Frames in a row that contradict `on`. */
  against: number;
  energyBefore: number;
  /** Frames of the present on or off, and what the on was like. */
  frames: number;
  tonalFrames: number;
  purrFrames: number;
  steadyBlocks: number;
  modulatedBlocks: number;
  /** Block in progress. */
  blockFrames: number;
  windows: number;
  sum: number;
  squares: number;
  /** Reported for the present on or off. */
  told: boolean;
  /** The bursts before, and the gap before the last. */
  last: Burst | null;
  beforeLast: Burst | null;
  lastOffMs: number;
  offBefore: number;
  ringing: boolean;
  busyCycles: number;
  congestionCycles: number;
  readonly history: Float64Array;
}

const NOTHING: readonly Heard[] = [];

/** `unobtainableMs`: continuous tone for this long is number unobtainable. */
export function newToneDetector(unobtainableMs: number): ToneDetector {
  return {
    unobtainableMs,
    on: false,
    against: 0,
    energyBefore: 0,
    frames: 0,
    tonalFrames: 0,
    purrFrames: 0,
    steadyBlocks: 0,
    modulatedBlocks: 0,
    blockFrames: 0,
    windows: 0,
    sum: 0,
    squares: 0,
    told: false,
    last: null,
    beforeLast: null,
    lastOffMs: 0,
    offBefore: 0,
    ringing: false,
    busyCycles: 0,
    congestionCycles: 0,
    history: new Float64Array(HISTORY),
  };
}

/** Takes one frame and returns what it completed, mostly nothing. */
export function toneDetectorStep(state: ToneDetector, frame: Int16Array): readonly Heard[] {
  const { energy, tonal } = look(state, frame);
  // Two frames together: a single one may fall into the dip of a purr or of a modulated tone.
  const loud = energy + state.energyBefore > 2 * THRESHOLD;
  state.energyBefore = energy;
  let out = NOTHING;
  state.against = loud === state.on ? 0 : state.against + 1;
  state.frames++;
  if (state.against >= CONFIRM_FRAMES) {
    out = change(state);
  }
  if (state.on) {
    if (loud) {
      if (tonal) state.tonalFrames++;
      else if (purrs(state.history)) state.purrFrames++;
    }
    return out.length > 0 ? [...out, ...sounding(state)] : sounding(state);
  }
  if (!state.told && state.frames * FRAME_MS >= SILENCE_MS) {
    state.told = true;
    out = [...out, { tone: "silence", cycles: 0 }];
  }
  return out;
}

/** Energy and tonality of a frame; feeds the purr's history and the envelope's block. */
function look(state: ToneDetector, frame: Int16Array): { energy: number; tonal: boolean } {
  const { history } = state;
  history.copyWithin(0, DECIMATED);
  let [a1, a2, b1, b2, c1, c2] = [0, 0, 0, 0, 0, 0];
  let energy = 0;
  let window = 0;
  let four = 0;
  for (let n = 0; n < FRAME_SAMPLES; n++) {
    const x = frame[n] ?? 0;
    const square = x * x;
    energy += square;
    window += square;
    four += x;
    const a0 = x + C350 * a1 - a2;
    a2 = a1;
    a1 = a0;
    const b0 = x + C400 * b1 - b2;
    b2 = b1;
    b1 = b0;
    const c0 = x + C450 * c1 - c2;
    c2 = c1;
    c1 = c0;
    if ((n & 3) === 3) {
      history[HISTORY - DECIMATED + (n >> 2)] = four;
      four = 0;
    }
    if ((n + 1) % 40 === 0) {
      state.windows++;
      state.sum += window;
      state.squares += window * window;
      window = 0;
    }
  }
  const power =
    a1 * a1 + a2 * a2 - C350 * a1 * a2 + (b1 * b1 + b2 * b2 - C400 * b1 * b2) + (c1 * c1 + c2 * c2 - C450 * c1 * c2);
  closeBlock(state);
  return { energy, tonal: 2 * power > TONAL_SHARE * FRAME_SAMPLES * energy };
}

/** Judges the envelope of every hundred milliseconds. */
function closeBlock(state: ToneDetector): void {
  if (++state.blockFrames < BLOCK_FRAMES) return;
  const mean = state.sum / state.windows;
  const variance = state.squares / state.windows - mean * mean;
  if (mean > 0 && variance > MODULATED_VARIANCE * mean * mean) state.modulatedBlocks++;
  else state.steadyBlocks++;
  newBlock(state);
}

function newBlock(state: ToneDetector): void {
  state.blockFrames = 0;
  state.windows = 0;
  state.sum = 0;
  state.squares = 0;
}

const isTonal = (state: ToneDetector) => state.tonalFrames > 0.7 * state.frames;

/** What can be said while it sounds. */
function sounding(state: ToneDetector): readonly Heard[] {
  if (state.told) return NOTHING;
  const ms = state.frames * FRAME_MS;
  const blocks = state.steadyBlocks + state.modulatedBlocks;
  let heard: Heard["tone"] | null = null;
  if (isTonal(state)) {
    const steady = state.steadyBlocks > 0.6 * blocks;
    if (steady && ms >= state.unobtainableMs) heard = "unobtainable";
    else if (state.modulatedBlocks > 0.6 * blocks && ms >= DIAL_MS) heard = "dial";
  } else if (state.purrFrames > 0.7 * state.frames) {
    if (ms >= DIAL_MS) heard = "dial";
  } else if (ms >= SPEECH_MS && state.tonalFrames + state.purrFrames < 0.5 * state.frames) {
    heard = "speech";
  }
  if (heard === null) return NOTHING;
  state.told = true;
  return [{ tone: heard, cycles: 0 }];
}

/** The sound has begun or ended, some frames ago: looks at the cadence. */
function change(state: ToneDetector): readonly Heard[] {
  const wasOn = state.on;
  // Smoothing and frames that are partly filled make sounds longer and gaps shorter by about a frame.
  const ms = (state.frames - CONFIRM_FRAMES + (wasOn ? -1 : 1)) * FRAME_MS;
  // The frames that confirmed the change belong to what begins.
  const tonal = state.tonalFrames > 0.7 * Math.max(1, state.frames - CONFIRM_FRAMES);
  const out = wasOn ? burstEnded(state, { onMs: ms, tonal }) : gapEnded(state, ms);
  state.on = !wasOn;
  state.against = 0;
  state.frames = CONFIRM_FRAMES;
  state.tonalFrames = state.on ? CONFIRM_FRAMES - 1 : 0;
  state.purrFrames = 0;
  state.steadyBlocks = 0;
  state.modulatedBlocks = 0;
  state.told = false;
  newBlock(state);
  return out;
}

const near = (ms: number, nominal: number) => Math.abs(ms - nominal) <= Math.max(0.2 * nominal, 45);

function burstEnded(state: ToneDetector, burst: Burst): readonly Heard[] {
  const { last, lastOffMs } = state;
  state.beforeLast = last;
  state.last = burst;
  state.offBefore = lastOffMs;
  if (!burst.tonal || last === null || !last.tonal) {
    state.ringing = false;
    return NOTHING;
  }
  const double = near(burst.onMs, 400) && near(last.onMs, 400);
  const second = double && near(lastOffMs, 200);
  const first = double && near(lastOffMs, 2_000) && state.ringing;
  // Single bursts with long gaps: interrupted ringing tone of exchanges that have no double ring.
  const single = burst.onMs >= 600 && near(burst.onMs, last.onMs) && lastOffMs >= 1.4 * burst.onMs;
  state.ringing = second || first || single;
  return state.ringing ? [{ tone: "ringing", cycles: 0 }] : NOTHING;
}

function gapEnded(state: ToneDetector, offMs: number): readonly Heard[] {
  const { last, beforeLast, offBefore } = state;
  state.lastOffMs = offMs;
  if (last === null || !last.tonal) {
    state.busyCycles = 0;
    state.congestionCycles = 0;
    return NOTHING;
  }
  if (
    near(last.onMs, 225) &&
    near(offMs, 525) &&
    beforeLast?.tonal &&
    near(beforeLast.onMs, 400) &&
    near(offBefore, 350)
  ) {
    state.busyCycles = 0;
    return [{ tone: "congestion", cycles: ++state.congestionCycles }];
  }
  const even = last.onMs >= 200 && last.onMs <= 1_000 && near(offMs, last.onMs);
  const again = beforeLast?.tonal === true && near(beforeLast.onMs, last.onMs) && near(offBefore, offMs);
  state.busyCycles = even ? (again ? state.busyCycles + 1 : 1) : 0;
  if (!(near(last.onMs, 400) && near(offMs, 350))) state.congestionCycles = 0;
  // One cycle may be a burst of something else, heard in part.
  if (state.busyCycles < 2) return NOTHING;
  return [{ tone: "busy", cycles: state.busyCycles }];
}
