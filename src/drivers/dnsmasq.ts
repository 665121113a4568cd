import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { endsWithUs } from "./ends-with-us.ts";
import { endChild, toolEnvironment } from "./gpio-child.ts";

export interface DnsmasqOptions {
  /** `dnsmasq`, or a path. */
  readonly program: string;
  /** Unprivileged user to run as; null when we are not root ourselves. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  /** Its directory is made, and given to that user. */
  readonly leaseFile: string;
  /** Words before the program, such as `nsenter …`: another network namespace. */
  readonly words?: readonly string[];
}

/** What it needs of root's rights: low ports, DHCP answers to hosts without an address, ARP entries for these. */
const CAPABILITIES = "+net_bind_service,+net_raw,+net_admin";
/** Longest wait until it serves, ms (EJ). */
const READY_LIMIT_MS = 5_000;
const WORDS_LIMIT = 4_096;

/**
 * dnsmasq in the foreground. It never is root, it ends with us, and its configuration is given to it
 * directly: no file of the machine's is read but the name servers.
 */
export class Dnsmasq {
  readonly #options: DnsmasqOptions;
  readonly #emitter = new TypedEmitter<{ exit: [how: string] }>();
  #child: ChildProcess | null = null;
  #running: string | null = null;

  constructor(options: DnsmasqOptions) {
    this.#options = options;
  }

  get running(): string | null {
    return this.#running;
  }

  /** Process id, for tests. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  onExit(listener: (how: string) => void): Dispose {
    return this.#emitter.on("exit", listener);
  }

  /** Resolves when it has opened its ports. Error `dnsmasq-failed`. */
  async start(configuration: string): Promise<void> {
    await this.stop();
    await this.#makeDirectory();
    const [program = "", ...args] = this.#command();
    const child = spawn(program, args, { env: toolEnvironment, stdio: ["pipe", "ignore", "pipe"] });
    this.#child = child;
    let words = "";
    let started: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      started = resolve;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      // Later on it names what strangers ask for.
      if (this.#running !== null) return;
      words = (words + text).slice(-WORDS_LIMIT);
      // The first thing it says, once its ports are open and its configuration is understood.
      if (/ started, version /.test(words)) started();
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(configuration);
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(signal ?? (lastLine(words) || `exit code ${code}`)));
    });
    const limit = new AbortController();
    const late = once(AbortSignal.timeout(READY_LIMIT_MS), "abort", { signal: limit.signal }).then(() => "no answer");
    const failure = await Promise.race([ready.then(() => null), ended, late.catch(() => null)]);
    limit.abort();
    if (failure !== null) {
      this.#child = null;
      await endChild(child);
      throw new GatewayError("dnsmasq-failed", failure);
    }
    this.#running = configuration;
    words = "";
    void ended.then((how) => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#running = null;
      this.#emitter.emit("exit", how);
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    this.#running = null;
    if (child !== null) await endChild(child);
  }

  #command(): string[] {
    const { program, user, words = [] } = this.#options;
    const wrapper =
      user === null
        ? endsWithUs(process.env)
        : [
            ...[
              "setpriv",
              "--reuid",
              String(user.uid),
              "--regid",
              String(user.gid),
              "--clear-groups",
              "--no-new-privs",
            ],
            ...["--inh-caps", `-all,${CAPABILITIES}`, "--ambient-caps", `-all,${CAPABILITIES}`],
            ...["--bounding-set", `-all,${CAPABILITIES}`, "--pdeathsig", "KILL", "--"],
          ];
    // An empty pid file is none: nobody looks for it.
    // A ping takes CAP_NET_RAW, which root gives to it and a gateway that is not root has not.
    const ping = user === null && process.getuid?.() !== 0 ? ["--no-ping"] : [];
    const dnsmasq = [program, "--keep-in-foreground", "--conf-file=-", "--pid-file=", ...ping];
    return [...words, ...wrapper, ...dnsmasq];
  }

  async #makeDirectory(): Promise<void> {
    const { user, leaseFile } = this.#options;
    const directory = dirname(leaseFile);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await chmod(directory, 0o700);
      if (user !== null) await chown(directory, user.uid, user.gid);
    } catch (cause) {
      throw new GatewayError("dnsmasq-failed", `the directory of its leases cannot be made: ${directory}`, { cause });
    }
  }
}

/** Without the time and name in front, and without anything that is not plain text. */
function lastLine(words: string): string {
  const line = words.trim().split("\n").at(-1) ?? "";
  return line
    .replace(/^.*?dnsmasq(?:\[\d+\])?: /, "")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 300);
}
