import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildSync } from "esbuild";

/** What an attacker does. `{n}` in a text is the number of the request, from 0. */
export interface AttackPlan {
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp";
  /** Any method in any spelling. */
  readonly method: string;
  /** Whose account; also `4{n}` for as many users. */
  readonly user: string;
  /** User of the request URI; REGISTER has none. */
  readonly to?: string;
  /** Answers the challenges that come, with a wrong password unless told. */
  readonly answer?: boolean;
  readonly password?: string;
  /** User name in the digest, if not `user`. */
  readonly digestUser?: string;
  /** A blind sender: every request carries a digest to a nonce that nobody ever issued. */
  readonly madeUpNonce?: string;
  readonly realm?: string;
  readonly headers?: readonly string[];
  /** Put behind the Via, such as `;maddr=192.0.2.1`. */
  readonly viaParameters?: string;
  /** These bytes instead of a request. */
  readonly raw?: string;
  /** Requests a second, 0.1 upwards; full speed when left out. */
  readonly perSecond?: number;
  /** Requests written at once; over TCP in one segment as far as it holds them. */
  readonly pipeline?: number;
  /** One after the other, each at once when the one before was judged: as fast as guesses can be answered. */
  readonly inTurn?: boolean;
  /** So many short REGISTERs in one piece, then as many guesses in one piece; the last one is right. Over TCP only. */
  readonly volley?: { readonly size: number; readonly password: string };
  /** Requests in all; without a limit but time when left out. */
  readonly count?: number;
  readonly seconds: number;
  /** How long answers are waited for after the last request, ms. */
  readonly lingerMs?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

/** What came of it. Times are ms since the attack began. */
export interface AttackReport {
  /** Requests sent, guesses among them. */
  readonly sent: number;
  /** Requests that carried a digest. */
  readonly guesses: number;
  /** Responses that came, repetitions too. */
  readonly answers: number;
  /** Requests that had a final response, and guesses that had one. */
  readonly answered: number;
  readonly guessesAnswered: number;
  readonly statuses: Record<string, number>;
  readonly firstAnswerMs: number | null;
  readonly lastAnswerMs: number | null;
  readonly lastGuessAnswerMs: number | null;
  /** Why it could not go on, such as a connection refused. */
  readonly error: string | null;
}

/** Runs attacks, each as a process of its own. */
export class Attacker {
  readonly #directory = mkdtempSync(join(tmpdir(), "paxgate-attacker-"));
  readonly #program = join(this.#directory, "attacker.mjs");

  constructor() {
    buildSync({
      entryPoints: [join(import.meta.dirname, "attacker-program.ts")],
      outfile: this.#program,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "esm",
      logLevel: "warning",
    });
  }

  /** Carries out a plan, in a network namespace if one is named. */
  async run(plan: AttackPlan, namespace?: string): Promise<AttackReport> {
    const command = this.command(plan, namespace);
    const { stdout } = await promisify(execFile)(command[0] ?? "", command.slice(1));
    return JSON.parse(stdout) as AttackReport;
  }

  /** The command line that `run` uses, for those who start it otherwise. */
  command(plan: AttackPlan, namespace?: string): string[] {
    const node = [process.execPath, this.#program, JSON.stringify(plan)];
    return namespace === undefined ? node : ["ip", "netns", "exec", namespace, ...node];
  }

  /**
   * Sends one payload over UDP with a forged IPv4 source: as many times as told, from one port upwards. Needs the right
   * to open raw sockets. Where the answers go is not the sender's to know.
   */
  async spoof(forged: Forged, namespace?: string): Promise<void> {
    const python = ["python3", join(import.meta.dirname, "spoof.py"), JSON.stringify(forged)];
    const command = namespace === undefined ? python : ["ip", "netns", "exec", namespace, ...python];
    await promisify(execFile)(command[0] ?? "", command.slice(1));
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export interface Forged {
  readonly from: string;
  readonly fromPort: number;
  readonly host: string;
  readonly port: number;
  /** `{n}` is the number of the packet. */
  readonly payload: string;
  readonly count: number;
  /** Each packet from the next port. */
  readonly manyPorts?: boolean;
  /** At full speed when left out. */
  readonly perSecond?: number;
}
