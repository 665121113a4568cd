import { type DecoderOutput, decoderStep, newDecoder, nextDeadline } from "../../line/decoder.ts";
import { pax50 } from "../../line/profiles.ts";
import { seededRandom } from "../../line/train-generator.ts";
import type { DigitErrorReason } from "../../line/types.ts";
import { type DialledTrains, dialTrains, type TrainConditions, wakeAfter } from "./dialled-trains.ts";
import type { Finding } from "./finding.ts";
import { NaiveDecoder } from "./naive-decoder.ts";

/** Digits generated, and then decoded against the clock, in one go. */
const BATCH = 5_000;

type Decided = { readonly atMs: number; readonly what: number | DigitErrorReason };
type Decode = (trains: DialledTrains) => Decided[];

/** What became of the digits that were dialled. */
interface Score {
  right: number;
  /** Another digit than the one dialled, or a digit too many. */
  wrong: number;
  /** The caller hears number unobtainable and dials again. */
  readonly refused: Map<DigitErrorReason, number>;
  /** Nothing at all came of it. */
  silent: number;
  edges: number;
  ms: number;
}

const newScore = (): Score => ({ right: 0, wrong: 0, refused: new Map(), silent: 0, edges: 0, ms: 0 });

/** The gateway's decoder, fed as `line/service` does: every edge that can be read before any deadline is honoured. */
const decode: Decode = ({ edgesMs, closed, readableMs, stallsMs }) => {
  const decided: Decided[] = [];
  const state = newDecoder(pax50, true, 0);
  const wake = wakeAfter(stallsMs);
  const take = (outputs: readonly DecoderOutput[]) => {
    for (const output of outputs) {
      if (output.type === "digit") decided.push({ atMs: output.atMs, what: output.digit });
      else if (output.type === "error") decided.push({ atMs: output.atMs, what: output.reason });
    }
  };
  for (let i = 0; i <= edgesMs.length; i++) {
    const readable = i < edgesMs.length ? (readableMs[i] as number) : Number.MAX_VALUE;
    for (let due = nextDeadline(state); due < readable && wake(due) < readable; due = nextDeadline(state)) {
      take(decoderStep(state, { type: "time", atMs: due }));
    }
    if (i === edgesMs.length) break;
    take(decoderStep(state, { type: "edge", closed: closed[i] === 1, atMs: edgesMs[i] as number }));
  }
  return decided;
};

/** The naive decoder. After a stall its timer fires before the edges are read, as timers do. */
const decodeNaively: Decode = ({ edgesMs, closed, readableMs, stallsMs }) => {
  const decided: Decided[] = [];
  const naive = new NaiveDecoder();
  const wake = wakeAfter(stallsMs);
  let lastAt = 0;
  for (let i = 0; i <= edgesMs.length; i++) {
    const readable = i < edgesMs.length ? (readableMs[i] as number) : Number.MAX_VALUE;
    while (naive.dueMs < readable + 1e-9 && wake(naive.dueMs) <= readable) {
      const digit = naive.fire();
      decided.push({ atMs: lastAt, what: digit ?? "too-many-pulses" });
    }
    if (i === edgesMs.length) break;
    lastAt = edgesMs[i] as number;
    naive.edge(closed[i] === 1, lastAt, readable);
  }
  return decided;
};

/** Each decision belongs to the train in which it lies; of each train the right digit must come, and only that. */
function mark(score: Score, { digits, startsMs }: DialledTrains, decided: readonly Decided[]): void {
  let at = 0;
  for (const [i, digit] of digits.entries()) {
    const end = startsMs[i + 1] ?? Number.POSITIVE_INFINITY;
    const results: Decided["what"][] = [];
    for (let next = decided[at]; next !== undefined && next.atMs < end; next = decided[++at]) results.push(next.what);
    const told = results.filter((result) => typeof result === "number");
    const reason = results.find((result) => typeof result === "string");
    // A digit that an error follows was given out all the same.
    if (told.length > 1 || told.some((result) => result !== digit)) score.wrong++;
    else if (reason !== undefined) score.refused.set(reason, (score.refused.get(reason) ?? 0) + 1);
    else if (told.length === 0) score.silent++;
    else score.right++;
  }
}

function measure(score: Score, trains: DialledTrains, decoder: Decode): void {
  const begun = performance.now();
  const decided = decoder(trains);
  score.ms += performance.now() - begun;
  score.edges += trains.edgesMs.length;
  mark(score, trains, decided);
}

const CONDITIONS: readonly (TrainConditions & { readonly name: string })[] = [
  { name: "", falseImpulses: false, stalls: false },
  { name: ", false impulses", falseImpulses: true, stalls: false },
  { name: ", stalls", falseImpulses: false, stalls: true },
  { name: ", false impulses and stalls", falseImpulses: true, stalls: true },
];

/** One run over `digits` digits, a quarter of them under each condition; both decoders hear the same. */
export function benchDecoder(digits: number, seed: number): Finding[] {
  const random = seededRandom(seed);
  const ours = newScore();
  const naive = newScore();
  const findings: Finding[] = [];
  const told = (name: string, value: number, unit = "digits") => {
    findings.push({ name: `decoder: ${name}`, unit, goal: null, values: [value] });
  };
  for (const { name, ...conditions } of CONDITIONS) {
    const refusedBefore = sum(ours.refused);
    const naiveBefore = naive.wrong + sum(naive.refused) + naive.silent;
    const share = Math.ceil(digits / CONDITIONS.length);
    for (let left = share; left > 0; left -= BATCH) {
      const trains = dialTrains(Math.min(BATCH, left), conditions, random);
      measure(ours, trains, decode);
      measure(naive, trains, decodeNaively);
    }
    told(`refused as damaged${name}`, sum(ours.refused) - refusedBefore);
    told(`errors of the naive one${name}`, naive.wrong + sum(naive.refused) + naive.silent - naiveBefore);
  }
  const wrong: Finding = {
    name: `decoder: wrong or lost of ${digits.toLocaleString("en")}`,
    unit: "digits",
    goal: { most: 0, of: "worst" },
    values: [ours.wrong + ours.silent],
  };
  for (const [reason, count] of ours.refused) told(`refused: ${reason}`, count);
  const speed = (score: Score) => score.edges / score.ms / 1_000;
  told("speed", speed(ours), "M edges/s");
  told("naive one's speed", speed(naive), "M edges/s");
  told("time, ours : naive", speed(naive) / speed(ours), "×");
  return [wrong, ...findings];
}

const sum = (counts: ReadonlyMap<unknown, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
