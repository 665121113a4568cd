import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { within } from "../../../src/base/lifecycle.ts";
import { decodePacket, type Packet, PcapReader } from "./pcap.ts";

export type { Packet } from "./pcap.ts";

export interface CapturePlan {
  /** Words that run a program in the namespace (`LabHost.inside`); none: this one. */
  readonly inside?: readonly string[];
  /** `any` hears all of them; a packet that is forwarded is then heard twice. */
  readonly interface: string;
  /** In tcpdump's language, such as `udp port 5060`. */
  readonly filter: string;
  /** Octets of each packet that are kept; 512 unless told. */
  readonly snap?: number;
  /** What is kept of the packets: those that fit; all unless told. Every packet is counted. */
  readonly keep?: (packet: Packet) => boolean;
}

/** What was guessed and what was answered, by the clock of the kernel that handled both. */
export interface GuessTally {
  readonly guesses: number;
  readonly answers: number;
  /** From the first guess to the last answer; null when there was none, ms. */
  readonly lastAnswerMs: number | null;
}

const LIMIT_MS = 10_000;

/**
 * Hears the packets at an interface by tcpdump. It stands before every rule on the way in and after every rule on the
 * way out: what it hears leaving was really sent, what it hears coming need not have been let in.
 */
export class Capture {
  readonly packets: Packet[] = [];
  /** IP packets heard, kept or not. */
  count = 0;
  readonly #plan: CapturePlan;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #reader = new PcapReader();
  readonly #waiters = new Set<() => void>();
  #words = "";

  private constructor(plan: CapturePlan) {
    this.#plan = plan;
    const options = ["-n", "-U", "--immediate-mode", "--time-stamp-precision=nano", "-B", "65536"];
    const [program = "", ...args] = [...(plan.inside ?? []), "tcpdump", ...options].concat([
      "-s",
      String(plan.snap ?? 512),
      "-i",
      plan.interface,
      "-w",
      "-",
      plan.filter,
    ]);
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#ended = once(this.#child, "close");
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#words = (this.#words + text).slice(-2_000);
      for (const look of [...this.#waiters]) look();
    });
  }

  /** Resolves when it hears. Errors: what tcpdump said. */
  static async start(plan: CapturePlan): Promise<Capture> {
    const capture = new Capture(plan);
    const failed = capture.#ended.then(() => {
      throw new Error(`tcpdump ended: ${capture.#words}`);
    });
    failed.catch(() => undefined);
    const listening = capture.#waitFor(() => /listening on/.test(capture.#words));
    await within(LIMIT_MS, Promise.race([listening, failed]), "tcpdump did not begin");
    return capture;
  }

  /** Waits until so many packets that fit were kept. */
  seen(fits: (packet: Packet) => boolean, count = 1, ms = LIMIT_MS): Promise<void> {
    const enough = this.#waitFor(() => this.packets.filter(fits).length >= count);
    return within(ms, enough, `the capture has not heard ${count} such packets`);
  }

  /**
   * Ends it and answers how many packets the kernel had to leave out (they are not in `count`): a test that counts
   * wants 0.
   */
  async stop(): Promise<{ readonly dropped: number }> {
    // tcpdump reads what is in its buffer before it goes.
    this.#child.kill("SIGTERM");
    await within(LIMIT_MS, this.#ended, "tcpdump did not end");
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#words)?.[1];
    if (dropped === undefined) throw new Error(`tcpdump said nothing of drops: ${this.#words}`);
    return { dropped: Number(dropped) };
  }

  /** First guess → last answer. */
  tally(isGuess: (packet: Packet) => boolean, isAnswer: (packet: Packet) => boolean): GuessTally {
    const guesses = this.packets.filter(isGuess);
    const answers = this.packets.filter(isAnswer);
    const first = guesses[0];
    const last = answers.at(-1);
    const lastAnswerMs = first === undefined || last === undefined ? null : last.atMs - first.atMs;
    return { guesses: guesses.length, answers: answers.length, lastAnswerMs };
  }

  #receive(chunk: Buffer): void {
    for (const record of this.#reader.feed(chunk)) {
      const packet = decodePacket(record);
      if (packet === null) continue;
      this.count++;
      if (this.#plan.keep?.(packet) ?? true) this.packets.push(packet);
    }
    for (const look of [...this.#waiters]) look();
  }

  #waitFor(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
  }
}

/** A request of this method (any unless told) to this port, over UDP or at the beginning of a TCP segment. */
export function isRequest(port: number, method = "[A-Za-z]+"): (packet: Packet) => boolean {
  const start = new RegExp(`^${method} \\S+ SIP/2\\.0\\r\\n`, "i");
  return (packet) => packet.toPort === port && start.test(packet.payload);
}

/** A response from this port; provisional ones as well. */
export function isResponse(port: number): (packet: Packet) => boolean {
  return (packet) => packet.fromPort === port && /^SIP\/2\.0 [1-6]/.test(packet.payload);
}
