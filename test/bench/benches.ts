import type { Finding } from "../../src/app/bench/finding.ts";
import { benchCalls, type CallSize } from "./call-bench.ts";
import { benchGuesses } from "./guess-bench.ts";
import { benchGuardedIdle } from "./idle-bench.ts";
import { benchLists } from "./lists-bench.ts";
import { benchPackets, type PacketSize } from "./packet-bench.ts";
import { benchPageWeight } from "./page-weight-bench.ts";
import { benchStatusIdle } from "./status-idle-bench.ts";
import { benchStatusLatency } from "./status-latency-bench.ts";

/** Lengths of one run. */
interface Size {
  readonly idleMs: number;
  /** Changes that are timed, with each broker. */
  readonly latencyRounds: number;
  readonly attackS: number;
  readonly calls: CallSize;
  readonly packets: PacketSize;
}
const FULL: Size = {
  idleMs: 62_000,
  latencyRounds: 500,
  attackS: 6,
  calls: { calls: 12, talkS: 20 },
  packets: { rounds: 9, packets: 300_000 },
};
const QUICK: Size = {
  idleMs: 10_000,
  latencyRounds: 100,
  attackS: 2,
  calls: { calls: 4, talkS: 6 },
  packets: { rounds: 3, packets: 100_000 },
};

export interface GuardBench {
  readonly name: string;
  readonly measures: string;
  readonly run: (size: Size) => Promise<Finding[]>;
}

export const guardBenches: readonly GuardBench[] = [
  {
    name: "guard-guesses",
    measures: "the same password guessing against us and against fail2ban: answered guesses, time, memory, logs",
    run: ({ attackS }) => benchGuesses(attackS),
  },
  {
    name: "guard-call",
    measures: "a call of the trunk while 50,000 hostile packets a second arrive: audio lost, time to set up",
    run: ({ calls }) => benchCalls(calls),
  },
  {
    name: "guard-packets",
    measures: "what a packet costs with 100,000 addresses and 5,000 networks blocked, and with none",
    run: ({ packets }) => benchPackets(packets),
  },
  {
    name: "guard-lists",
    measures: "100,000 addresses and 5,000 networks loaded and replaced under traffic: time, memory, packets",
    run: () => benchLists(),
  },
  {
    name: "guard-idle",
    measures: "start, memory and processor time with the firewall on",
    run: ({ idleMs }) => benchGuardedIdle(idleMs),
  },
  {
    name: "status-idle",
    measures: "memory and processor time with everything on: firewall, page with a browser, broker, inputs",
    run: ({ idleMs }) => benchStatusIdle(idleMs),
  },
  {
    name: "status-latency",
    measures: "from a contact of the exchange to an MQTT subscriber, through our own broker and mosquitto",
    run: ({ latencyRounds }) => benchStatusLatency(latencyRounds),
  },
  {
    name: "page-weight",
    measures: "what a browser is sent for the dashboard",
    run: () => benchPageWeight(),
  },
];

export interface GuardBenchOptions {
  readonly only: readonly string[];
  readonly runs: number;
  readonly quick: boolean;
  readonly say: (text: string) => void;
}

/** Runs them in turn, each several times: A B C A B C, so that a slow minute of the machine does not meet only one. */
export async function runGuardBenches({ only, runs, quick, say }: GuardBenchOptions): Promise<Finding[][]> {
  const chosen = guardBenches.filter(({ name }) => only.length === 0 || only.includes(name));
  const found: Finding[][] = chosen.map(() => []);
  for (let run = 0; run < runs; run++) {
    for (const [at, bench] of chosen.entries()) {
      say(`${bench.name}, run ${run + 1} of ${runs}`);
      found[at]?.push(...(await bench.run(quick ? QUICK : FULL)));
    }
  }
  return found;
}
