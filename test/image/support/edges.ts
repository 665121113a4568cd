import type { Ssh } from "./ssh.ts";

/** One edge of an output, by the kernel's clock. */
export interface KernelEdge {
  readonly gpio: number;
  readonly high: boolean;
  readonly atMs: number;
}

const TRACING = "/sys/kernel/tracing";

/** Notes every output that the kernel sets, with its own timestamps (trace event gpio:gpio_value). */
export class EdgeTrace {
  readonly #ssh: Ssh;

  constructor(ssh: Ssh) {
    this.#ssh = ssh;
  }

  async start(): Promise<void> {
    await this.#ssh.run(
      [
        `mountpoint -q ${TRACING} || mount -t tracefs tracefs ${TRACING}`,
        `cd ${TRACING} && echo 0 >tracing_on && echo mono >trace_clock && echo >trace`,
        "echo 'get == 0' >events/gpio/gpio_value/filter && echo 1 >events/gpio/gpio_value/enable && echo 1 >tracing_on",
      ].join(" && "),
    );
  }

  /** The edges since the start, in order; changes only. */
  async take(): Promise<readonly KernelEdge[]> {
    const text = await this.#ssh.run(`cd ${TRACING} && echo 0 >tracing_on && cat trace && echo >trace`);
    const levels = new Map<number, boolean>();
    const edges: KernelEdge[] = [];
    for (const match of text.matchAll(/(\d+\.\d+): gpio_value: (\d+) set (\d)/g)) {
      const edge = { gpio: Number(match[2]), high: match[3] === "1", atMs: Number(match[1]) * 1_000 };
      if (levels.get(edge.gpio) === edge.high) continue;
      levels.set(edge.gpio, edge.high);
      edges.push(edge);
    }
    return edges.sort((a, b) => a.atMs - b.atMs);
  }
}

/** What an edge should have been at, and how far off it was, ms, from its digit's first edge. */
export interface Judgement {
  readonly digits: readonly number[];
  /** Absolute errors of every edge but the first of each digit, ms. */
  readonly errorsMs: readonly number[];
  /** Of the breaks and makes, how many were off by more than this. */
  readonly intervalsOver: (ms: number) => number;
}

const BREAK_MS = 67;
const MAKE_MS = 33;
/** Makes longer than this end a digit (line-signalling: a pause is at least 240 ms). */
const PAUSE_MS = 200;

/** Judges impulses: edges of outputs on which a closed loop is high and a break low. Each output is looked at by itself. */
export function judge(edges: readonly KernelEdge[]): Judgement {
  const outputs = new Set(edges.map(({ gpio }) => gpio));
  const digits = [...outputs]
    .flatMap((gpio) => digitsOf(edges.filter((edge) => edge.gpio === gpio)))
    .sort((a, b) => (a[0]?.atMs ?? 0) - (b[0]?.atMs ?? 0));
  const errors: number[] = [];
  const intervals: number[] = [];
  for (const digit of digits) {
    const start = digit[0]?.atMs ?? 0;
    digit.forEach(({ atMs }, at) => {
      if (at === 0) return;
      const expected = Math.floor(at / 2) * (BREAK_MS + MAKE_MS) + (at % 2) * BREAK_MS;
      errors.push(Math.abs(atMs - start - expected));
      intervals.push(Math.abs(atMs - (digit[at - 1]?.atMs ?? 0) - (at % 2 === 1 ? BREAK_MS : MAKE_MS)));
    });
  }
  return {
    digits: digits.map((digit) => Math.ceil(digit.length / 2)),
    errorsMs: errors,
    intervalsOver: (ms) => intervals.filter((interval) => interval > ms).length,
  };
}

/** The edges of each digit that one output sent, first break to last make. */
function digitsOf(edges: readonly KernelEdge[]): KernelEdge[][] {
  const digits: KernelEdge[][] = [];
  let closedMs = Number.NEGATIVE_INFINITY;
  edges.forEach((edge, at) => {
    const next = edges[at + 1];
    if (edge.high) {
      closedMs = edge.atMs;
      // The seizure, and the make after which the loop stays closed, are no impulse's.
      if (digits.at(-1)?.at(-1)?.high === false) digits.at(-1)?.push(edge);
      return;
    }
    // The release at the end of the call: a break that no make follows soon.
    if (next === undefined || next.atMs - edge.atMs > PAUSE_MS) return;
    if (edge.atMs - closedMs > PAUSE_MS) digits.push([]);
    digits.at(-1)?.push(edge);
  });
  return digits;
}

/** The value below which this share of the numbers lies; NaN of none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
