import { spawn } from "node:child_process";
import { GatewayError } from "../base/errors.ts";
import type { NftPort } from "../firewall/port.ts";

export interface NftOptions {
  /** Words that start nft; others in front of it run it elsewhere, such as in a network namespace. */
  readonly command: readonly string[];
  /** A transaction of 100,000 elements takes 0.4 s on a desktop machine and some seconds on a small one. */
  readonly limitMs: number;
  /** Of nft's output. */
  readonly maxBytes: number;
}

const defaults: NftOptions = { command: ["nft"], limitMs: 60_000, maxBytes: 16 * 1024 * 1024 };
/** Of what nft says about a fault. */
const MAX_WORDS = 2_000;
const NO_RIGHT = "nft has no right to change the rules (that takes root, or CAP_NET_ADMIN)";

/**
 * nftables by its program, one process for each transaction. The script goes through its standard input: it appears in no
 * argument and in no file.
 */
export class Nft implements NftPort {
  readonly #options: NftOptions;

  constructor(options: Partial<NftOptions> = {}) {
    this.#options = { ...defaults, ...options };
  }

  async check(script: string): Promise<void> {
    await this.#run(["--check", "--file", "-"], script);
  }

  async apply(script: string): Promise<void> {
    await this.#run(["--file", "-"], script);
  }

  /**
   * Asks for the rules of the whole family, because only then nft heeds `--terse`: `list table` reads every element first
   * (measured with 100,000 of them: 0.3 s and 71 MB against 4 ms and 5 MB).
   */
  async table(name: string): Promise<unknown> {
    const all = listOf(await this.#run(["--json", "--terse", "list", "ruleset", "inet"], ""));
    const ours = all.filter((entry) => belongsTo(entry, name));
    return ours.length === 0 ? null : ours;
  }

  async set(table: string, name: string): Promise<unknown> {
    return listOf(await this.#run(["--json", "list", "set", "inet", table, name], ""));
  }

  #run(args: readonly string[], input: string): Promise<string> {
    const { command, limitMs, maxBytes } = this.#options;
    const [program = "nft", ...words] = [...command, ...args];
    // Also for users whose path leaves out the system's programs.
    const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C" };
    return new Promise((resolve, reject) => {
      const child = spawn(program, words, { env, stdio: ["pipe", "pipe", "pipe"] });
      const chunks: Buffer[] = [];
      let bytes = 0;
      let complaint = "";
      child.once("error", (cause: NodeJS.ErrnoException) => {
        const code = cause.code === "EACCES" || cause.code === "EPERM" ? "nft-denied" : "nft-missing";
        reject(new GatewayError(code, "nft cannot be started (nftables has to be installed)", { cause }));
      });
      // Without a process there may be no streams.
      if (child.pid === undefined) return;
      // Its end is not waited for: one that the kernel holds does not end.
      const end = (why: GatewayError) => {
        reject(why);
        child.kill("SIGKILL");
      };
      const limit = setTimeout(() => end(new GatewayError("timeout", `nft took longer than ${limitMs} ms`)), limitMs);
      child.stdout.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) end(new GatewayError("nft-refused", `nft said more than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        complaint = (complaint + text).slice(0, MAX_WORDS);
      });
      child.once("close", (status, signal) => {
        clearTimeout(limit);
        if (status === 0) resolve(Buffer.concat(chunks).toString("utf8"));
        else reject(refusal(complaint, status ?? signal));
      });
      // It may refuse, and end, before it has read everything.
      child.stdin.on("error", () => undefined);
      child.stdin.end(input);
    });
  }
}

function refusal(complaint: string, status: number | string | null): GatewayError {
  const denied = /Operation not permitted|Permission denied|must be root/.test(complaint);
  const words = [...complaint]
    .filter((letter) => letter === "\n" || letter >= " ")
    .join("")
    .trim();
  const message = words === "" ? `nft ended with ${status}` : words;
  return denied
    ? new GatewayError("nft-denied", `${NO_RIGHT}: ${message}`)
    : new GatewayError("nft-refused", `nft refused: ${message}`, { details: { status } });
}

function listOf(text: string): readonly unknown[] {
  try {
    const { nftables } = JSON.parse(text) as { nftables?: unknown };
    if (Array.isArray(nftables)) return nftables;
  } catch (cause) {
    throw new GatewayError("nft-refused", "nft's answer is no JSON", { cause });
  }
  throw new GatewayError("nft-refused", "nft's answer is no list");
}

/** Whether an entry, such as `{"chain": {"table": "paxgate", ...}}`, is that table or something in it. */
function belongsTo(entry: unknown, table: string): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  return Object.entries(entry).some(
    ([kind, fields]: [string, { table?: unknown; name?: unknown } | null]) =>
      (kind === "table" ? fields?.name : fields?.table) === table,
  );
}
