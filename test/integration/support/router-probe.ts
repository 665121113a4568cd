import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { within } from "../../../src/base/lifecycle.ts";
import type { NatOptions } from "../../../src/nat/service.ts";
import type { NatView } from "../../../src/nat/types.ts";
import type { RouterNetwork } from "./router.ts";

/** One script of this directory as a single file that Node runs. */
export async function bundle(script: string, directory: string): Promise<string> {
  const outfile = join(directory, script.replace(/\.ts$/, ".mjs"));
  await build({
    entryPoints: [new URL(script, import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "silent",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return outfile;
}

export const SIP = {
  name: "sip",
  protocol: "udp",
  internalPort: 5060,
  count: 1,
  externalPort: 5060,
  otherPort: true,
} as const;
export const SIP_TCP = { ...SIP, name: "sip-tcp", protocol: "tcp" } as const;
export const RTP = {
  name: "rtp",
  protocol: "udp",
  internalPort: 10_000,
  count: 4,
  externalPort: 10_000,
  otherPort: false,
} as const;

/** The port mapping of `router-client.ts`, running in the gateway's namespace. */
export class NatProbe {
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #views: NatView[] = [];
  /** Every line that it printed. */
  readonly lines: Record<string, unknown>[] = [];
  #errors = "";

  constructor(network: RouterNetwork, script: string, options: Partial<NatOptions> & { memory?: unknown }) {
    const whole = {
      protocols: ["pcp", "nat-pmp", "upnp"],
      wanted: [SIP, SIP_TCP, RTP],
      leaseSeconds: 600,
      stunServers: [],
      trunkServers: [],
      ...options,
    };
    this.#child = spawn("ip", network.inside("gateway", process.execPath, script, JSON.stringify(whole)), {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stderr?.on("data", (chunk) => {
      this.#errors += String(chunk);
    });
    if (this.#child.stdout === null) throw new Error("no output");
    createInterface({ input: this.#child.stdout }).on("line", (text) => {
      const line = JSON.parse(text);
      this.lines.push(line);
      if (line.view !== undefined) this.#views.push(line.view);
      for (const look of this.#waiting) look();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The first view from now on, or the present one, that is as wanted. */
  async until(wanted: (view: NatView) => boolean, limitMs = 15_000): Promise<NatView> {
    return this.#await(
      () => this.#views.slice(-1).find(wanted),
      limitMs,
      () => JSON.stringify(this.#views.at(-1)),
    );
  }

  /** A line that it printed, or prints. */
  async line(wanted: (line: Record<string, unknown>) => boolean, limitMs = 15_000): Promise<Record<string, unknown>> {
    return this.#await(
      () => this.lines.find(wanted),
      limitMs,
      () => JSON.stringify(this.lines.slice(-4)),
    );
  }

  /** The view as it is now. */
  async now(): Promise<NatView> {
    const count = this.#views.length;
    this.#child.stdin?.write("view\n");
    return this.#await(
      () => this.#views[count] && this.#views.at(-1),
      5_000,
      () => "no view",
    );
  }

  /** Stops it as the gateway would; how long that took, ms. */
  async stop(): Promise<number> {
    if (this.#child.exitCode !== null) return 0;
    const gone = once(this.#child, "exit");
    this.#child.stdin?.write("stop\n");
    const line = await this.line((one) => one["stopped"] !== undefined);
    await within(5_000, gone, "the port mapping does not end");
    return Number(line["stopped"]);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async #await<T>(find: () => T | undefined, limitMs: number, last: () => string): Promise<T> {
    let look = () => {};
    const found = new Promise<T>((resolve) => {
      look = () => {
        const value = find();
        if (value !== undefined) resolve(value);
      };
      this.#waiting.add(look);
      look();
    });
    try {
      return await within(limitMs, found, "not as wanted");
    } catch (cause) {
      throw new Error(`${last()} ${this.#errors}`, { cause });
    } finally {
      this.#waiting.delete(look);
    }
  }
}
