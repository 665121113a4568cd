import { generateTrain, type Random, randomTrainSpec, ukPulses } from "../../line/train-generator.ts";

/** A line on which digits are dialled one after the other, and when the process that listens comes to read it. */
export interface DialledTrains {
  readonly digits: readonly number[];
  /** Start of each digit's first break, ms. */
  readonly startsMs: Float64Array;
  readonly edgesMs: Float64Array;
  readonly closed: Uint8Array;
  /** When each edge can be read, ms: at once, or when the stall is over in which it came. */
  readonly readableMs: Float64Array;
  /** Beginnings and ends of the stalls, ms, in pairs. */
  readonly stallsMs: Float64Array;
}

export interface TrainConditions {
  /** A false extra impulse follows each train. */
  readonly falseImpulses: boolean;
  /** The listening process stands still for up to 600 ms in every third train or so. */
  readonly stalls: boolean;
}

const between = (random: Random, min: number, max: number) => min + random() * (max - min);

/** Shortest and longest pause between trains, ms: SIN 351's 240, and a leisurely dial. */
const PAUSE_MS = [240, 900] as const;
const STALL_SHARE = 0.3;
const STALL_MS = [20, 600] as const;

/** Random digits, each from anywhere in the envelope of `line/train-generator`. The loop is closed before them. */
export function dialTrains(count: number, conditions: TrainConditions, random: Random): DialledTrains {
  const digits: number[] = [];
  const starts: number[] = [];
  const times: number[] = [];
  const levels: number[] = [];
  const stalls: number[] = [];
  let at = 1_000;
  for (let i = 0; i < count; i++) {
    const digit = Math.floor(random() * 10);
    digits.push(digit);
    starts.push(at);
    const spec = randomTrainSpec(ukPulses(digit), random, conditions.falseImpulses);
    const edges = generateTrain(spec, at, random);
    for (const edge of edges) {
      times.push(edge.atMs);
      levels.push(edge.closed ? 1 : 0);
    }
    const end = edges.at(-1)?.atMs ?? at;
    const sinceReal = spec.falseImpulse == null ? 0 : spec.falseImpulse.afterMs + spec.falseImpulse.lengthMs;
    if (conditions.stalls && random() < STALL_SHARE) {
      const from = Math.max(between(random, at, end + 200), stalls.at(-1) ?? 0);
      stalls.push(from, from + between(random, ...STALL_MS));
    }
    at = Math.max(end - sinceReal + between(random, ...PAUSE_MS), end + 10);
  }
  const stallsMs = Float64Array.from(stalls);
  const wake = wakeAfter(stallsMs);
  return {
    digits,
    startsMs: Float64Array.from(starts),
    edgesMs: Float64Array.from(times),
    closed: Uint8Array.from(levels),
    readableMs: Float64Array.from(times, wake),
    stallsMs,
  };
}

/** For rising times: when the process runs that wants to run at that time. */
export function wakeAfter(stallsMs: Float64Array): (atMs: number) => number {
  let at = 0;
  return (atMs) => {
    while (at < stallsMs.length && (stallsMs[at + 1] as number) <= atMs) at += 2;
    return at < stallsMs.length && (stallsMs[at] as number) <= atMs ? (stallsMs[at + 1] as number) : atMs;
  };
}
