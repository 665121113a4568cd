import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { GatewayError } from "../base/errors.ts";
import type { ScannerPort, ScannerRules } from "../firewall/port.ts";
import { type FoundRules, parseSaved, removal, replacement } from "./scanner-script.ts";

const LIMIT_MS = 10_000;
const MAX_OUTPUT = 4 * 1024 * 1024;
const FAMILIES = ["iptables-nft", "ip6tables-nft"] as const;
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/**
 * The kernel's string match, which only iptables has, in chains of our own in the table `mangle`. Invariants:
 * - each family's rules are replaced in one transaction, and only when they differ;
 * - no rule, chain or policy of anybody else is touched;
 * - `apply(null)` leaves nothing of ours.
 */
export class ScannerRulesKernel implements ScannerPort {
  readonly #prefix: readonly string[];
  #last: Promise<unknown> = Promise.resolve();

  /** `prefix`: words before each command, for a network namespace. */
  constructor(prefix: readonly string[] = []) {
    this.#prefix = prefix;
  }

  /**
   * One after the other. IPv6 fails after IPv4 was changed in the worst case: then the next `apply` makes it good.
   * @throws GatewayError `scanner-missing` (no iptables-nft), `scanner-refused` with iptables' words
   */
  apply(rules: ScannerRules | null): Promise<void> {
    const applied = this.#last.then(() => this.#apply(rules));
    this.#last = applied.catch(() => undefined);
    return applied;
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    const total = new Map<string, number>();
    for (const family of FAMILIES) {
      const { dropped } = await this.#saved(family);
      for (const [token, packets] of dropped) total.set(token, (total.get(token) ?? 0) + packets);
    }
    return total;
  }

  async #apply(rules: ScannerRules | null): Promise<void> {
    const identity = rules === null ? "" : identityOf(rules);
    for (const family of FAMILIES) {
      const found = await this.#saved(family);
      if (rules === null) {
        if (!found.present) continue;
        await this.#run(`${family}-restore`, ["--noflush"], removal(found));
        // iptables made the table's own chains for us; empty ones do nothing, but were not there before.
        if (found.alone) await this.#run(family, ["-t", "mangle", "-X"], "");
      } else {
        const script = replacement(rules, identity, found);
        if (script !== null) await this.#run(`${family}-restore`, ["--noflush"], script);
      }
    }
  }

  async #saved(family: (typeof FAMILIES)[number]): Promise<FoundRules> {
    const text = await this.#run(`${family}-save`, ["-c", "-t", "mangle"], "");
    // Then it lists nothing of it, and our own rules would be added once more each time.
    if (/^# Table .*incompatible/m.test(text)) {
      throw new GatewayError("scanner-refused", `somebody's rules in the table mangle are none that ${family} knows`);
    }
    return parseSaved(text);
  }

  #run(command: string, args: readonly string[], input: string): Promise<string> {
    const [program = command, ...words] = [...this.#prefix, command, ...args];
    return new Promise((resolve, reject) => {
      const child = spawn(program, words, {
        stdio: ["pipe", "pipe", "pipe"],
        timeout: LIMIT_MS,
        killSignal: "SIGKILL",
        env: { PATH, LC_ALL: "C" },
      });
      child.on("error", (cause) => reject(new GatewayError("scanner-missing", `cannot run ${command}`, { cause })));
      // Without a process there may be no streams.
      if (child.pid === undefined) return;
      let out = "";
      let complaint = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        out += chunk;
        // What others put into the table is not ours to bound; half a listing must not be taken for a whole one.
        if (out.length > MAX_OUTPUT) child.kill("SIGKILL");
      });
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        if (complaint.length < 2_000) complaint += chunk;
      });
      child.on("close", (code) => {
        if (code === 0) resolve(out);
        else reject(new GatewayError("scanner-refused", `${command}: ${complaint.trim() || "did not end well"}`));
      });
      child.stdin.on("error", () => undefined);
      child.stdin.end(input);
    });
  }
}

function identityOf(rules: ScannerRules): string {
  const { mark, sipPort, tcp, tokens, patterns } = rules;
  const text = JSON.stringify([mark, sipPort, tcp, tokens.map((token) => [token, patterns?.[token] ?? [token]])]);
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
