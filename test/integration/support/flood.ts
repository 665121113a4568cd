import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { within } from "../../../src/base/lifecycle.ts";

export interface FloodPlan {
  /** Words that run a program in the attacker's namespace (`LabHost.inside`); none: this one. */
  readonly inside?: readonly string[];
  /** IPv4 or IPv6 address, and UDP port. */
  readonly target: string;
  readonly port: number;
  /** Packets a second; 0: as many as the machine can. */
  readonly perSecond: number;
  /** When to end, s or packets; not before `stop()` unless told. */
  readonly seconds?: number;
  readonly packets?: number;
  /** First source address, and how many there are from it on (IPv6: how many /64s); they need not be the host's own. */
  readonly source: string;
  readonly sources?: number;
  /** All of 1024-65535 in turn unless told. */
  readonly sourcePort?: number;
  /** Sent in turn; at most 64 of up to 8192 octets. `########` becomes eight hexadecimal digits, others in each packet. */
  readonly messages: readonly (string | Uint8Array)[];
}

/** What the kernel really took. */
export interface FloodReport {
  readonly sent: number;
  /** Packets that it did not take for want of buffers. */
  readonly refused: number;
  readonly seconds: number;
  readonly perSecond: number;
}

const LIMIT_MS = 10_000;

/** The compiled sender of flood.c, one for a test file. Errors: what the compiler said. */
export class FloodTool {
  readonly #directory = mkdtempSync(join(tmpdir(), "paxgate-flood-"));
  readonly #program = join(this.#directory, "flood");
  readonly #running = new Set<Flood>();
  #serial = 0;

  constructor() {
    const source = join(import.meta.dirname, "flood.c");
    // Headers are written over octets, which strict aliasing forbids.
    const options = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing"];
    execFileSync("cc", [...options, source, "-o", this.#program], { stdio: ["ignore", "ignore", "pipe"] });
  }

  /** Resolves when the first packets are on their way. */
  async start(plan: FloodPlan): Promise<Flood> {
    const files = plan.messages.map((message) => {
      const file = join(this.#directory, `message-${++this.#serial}`);
      writeFileSync(file, typeof message === "string" ? Buffer.from(message, "latin1") : message);
      return file;
    });
    const { target, port, perSecond, seconds = 0, packets = 0, source, sources = 1, sourcePort = 0 } = plan;
    const words = [target, port, perSecond, seconds, packets, source, sources, sourcePort];
    const [program = "", ...args] = [...(plan.inside ?? []), this.#program, ...words.map(String), ...files];
    const flood = new Flood(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] }));
    this.#running.add(flood);
    flood.finished.finally(() => this.#running.delete(flood)).catch(() => undefined);
    await within(LIMIT_MS, flood.sending, "the flood did not begin");
    return flood;
  }

  /** Ends what still sends: after a test that failed in the middle of one. */
  async stopAll(): Promise<void> {
    await Promise.allSettled([...this.#running].map((flood) => flood.stop()));
  }

  /** Ends what still sends and removes the program. */
  async remove(): Promise<void> {
    await this.stopAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export class Flood {
  readonly #child: ChildProcess;
  readonly sending: Promise<void>;
  /** Resolves with the report when it has ended; rejects with the sender's words when it failed. */
  readonly finished: Promise<FloodReport>;

  constructor(child: ChildProcess) {
    this.#child = child;
    let output = "";
    let words = "";
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.startsWith("sending\n")) begin();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2_000);
    });
    this.finished = once(child, "close").then(([code]) => {
      if (code !== 0) throw new Error(`the flood ended with ${code}: ${words}`);
      return JSON.parse(output.slice("sending\n".length)) as FloodReport;
    });
    this.finished.catch(() => undefined);
    this.sending = Promise.race([begun, this.finished.then(() => undefined)]);
  }

  /** Ends it, if it has not by itself. */
  async stop(): Promise<FloodReport> {
    this.#child.kill("SIGTERM");
    return await within(LIMIT_MS, this.finished, "the flood did not end");
  }
}
