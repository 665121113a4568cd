import { benchDecoder } from "./decoder-bench.ts";
import { type Finding, joinRuns } from "./finding.ts";
import { benchInward, benchOutward } from "./latency-bench.ts";
import { Rehearsal } from "./rehearsal.ts";
import { benchIdle, memoryOf } from "./resources-bench.ts";
import { benchStart } from "./start-bench.ts";
import { benchTalk } from "./talk-bench.ts";

const LINES = 8;

/** Lengths of one run. */
interface Size {
  readonly digits: number;
  readonly outward: number;
  readonly inward: number;
  readonly talkMs: number;
  readonly idleMs: number;
}
const FULL: Size = { digits: 1_000_000, outward: 200, inward: 100, talkMs: 60_000, idleMs: 62_000 };
const QUICK: Size = { digits: 100_000, outward: 24, inward: 16, talkMs: 15_000, idleMs: 20_000 };

type Run = (size: Size, programs: string, run: number) => Promise<Finding[]>;

export interface Bench {
  readonly name: string;
  readonly measures: string;
  readonly run: Run;
}

/** A gateway that is started for this run and stopped after it. */
const withGateway =
  (measure: (rehearsal: Rehearsal, size: Size) => Promise<Finding[]>): Run =>
  async (size, programs) => {
    const rehearsal = await Rehearsal.start(programs, LINES);
    try {
      const registered = new Promise<void>((resolve) => {
        rehearsal.peer.onRegister(resolve);
      });
      await rehearsal.startGateway();
      await registered;
      await rehearsal.quiet();
      return await measure(rehearsal, size);
    } finally {
      await rehearsal.stop();
    }
  };

export const benches: readonly Bench[] = [
  {
    name: "decoder",
    measures: "random digits over the whole envelope: wrong ones, speed; beside a naive decoder",
    run: async ({ digits }, _, run) => benchDecoder(digits, run + 1),
  },
  {
    name: "start",
    measures: "start of the gateway until it is ready for calls",
    run: (_, programs) => benchStart(programs, LINES),
  },
  {
    name: "idle",
    measures: "memory and processor time with nothing to do",
    run: withGateway((rehearsal, { idleMs }) => benchIdle(rehearsal, idleMs)),
  },
  {
    name: "outward",
    measures: `end of the last digit → INVITE on the wire, calls on ${LINES} lines at once; memory after them`,
    run: withGateway(async (rehearsal, { outward }) => [
      ...(await benchOutward(rehearsal, LINES, outward)),
      ...(await memoryOf(rehearsal, "after calls")),
    ]),
  },
  {
    name: "inward",
    measures: "network INVITE → loop closed",
    run: withGateway((rehearsal, { inward }) => benchInward(rehearsal, LINES, inward)),
  },
  {
    name: "talk",
    measures: `${LINES} lines in talk at once: frames late or lost, memory and processor time`,
    run: withGateway((rehearsal, { talkMs }) => benchTalk(rehearsal, LINES, talkMs)),
  },
];

export interface BenchOptions {
  /** Folder of the bundled programs. */
  readonly programs: string;
  /** Names of those to run; empty: all. */
  readonly only: readonly string[];
  readonly runs: number;
  readonly quick: boolean;
  readonly say: (text: string) => void;
}

/** Runs them in turn, each several times: A B C A B C, so that a slow minute of the machine does not meet only one. */
export async function runBenches({ programs, only, runs, quick, say }: BenchOptions): Promise<Finding[]> {
  const chosen = benches.filter(({ name }) => only.length === 0 || only.includes(name));
  const found: Finding[][] = chosen.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (const [at, bench] of chosen.entries()) {
      say(`${bench.name}, run ${run + 1} of ${runs}`);
      found[at]?.push(...(await bench.run(quick ? QUICK : FULL, programs, run)));
    }
  }
  return found.flatMap((findings) => joinRuns([findings]));
}
