import { type ChildProcessByStdio, spawn } from "node:child_process";
import { setPriority } from "node:os";
import type { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { Edge, LineInput } from "../line/port.ts";
import { endChild, type GpioTools, RestartBudget, runTool, toolEnvironment } from "./gpio-child.ts";
import {
  GPIOMON_FORMAT,
  type GpioTrack,
  isGpiomonBanner,
  newGpioTrack,
  parseGpioget,
  parseGpiomonLine,
  type Tracked,
  trackEvent,
  trackLevels,
} from "./gpio-events.ts";

/**
 * The inputs of one line that lie on one GPIO chip, watched by one gpiomon (libgpiod 2): a process of its own fetches
 * the edges with the kernel's timestamps whatever holds up this one.
 *
 * Invariants:
 * - Output that is not understood ends the monitor; it is started again and the gap is treated as lost edges.
 * - Levels are read when nobody holds the inputs, and followed from edge to edge afterwards: while gpiomon has them,
 *   the kernel lets nobody else read.
 */
export interface GpiomonOptions {
  readonly chip: string;
  readonly inputs: readonly { readonly input: LineInput; readonly offset: number }[];
  readonly tools: GpioTools;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEdge: (edge: Edge) => void;
  readonly onLost: (error: GatewayError) => void;
}

/** Longest wait for gpiomon to have taken the inputs, ms (EJ). */
const READY_LIMIT_MS = 3_000;
/** A line of gpiomon's is never so long; more without an end is not gpiomon's. */
const LINE_LIMIT = 1_024;
/** Ahead of everything ordinary on the machine: a monitor that does not get the processor loses edges. */
const PRIORITY = -15;

type Child = ChildProcessByStdio<null, Readable, Readable>;

export class Gpiomon {
  readonly #options: GpiomonOptions;
  readonly #budget = new RestartBudget();
  #track: GpioTrack | null = null;
  #child: Child | null = null;
  #running = false;
  /** The restart under way, for whoever asks for levels meanwhile. */
  #restart: Promise<void> = Promise.resolve();

  constructor(options: GpiomonOptions) {
    this.#options = options;
  }

  /** @throws GatewayError `line-unavailable` */
  async start(): Promise<void> {
    this.#running = true;
    try {
      const levels = await this.#readLevels();
      const { inputs } = this.#options;
      this.#track = newGpioTrack(inputs.map((one) => ({ ...one, level: levels.get(one.offset) ?? false })));
      await this.#watch();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    const child = this.#child;
    this.#child = null;
    if (child !== null) await endChild(child);
  }

  /** The inputs' levels after the last edge, once a restart under way is done. */
  async levels(): Promise<ReadonlyMap<LineInput, boolean>> {
    await this.#restart;
    return new Map([...(this.#track?.inputs.values() ?? [])].map(({ input, level }) => [input, level]));
  }

  /** The monitor's process, for tests and status. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async #readLevels(): Promise<ReadonlyMap<number, boolean>> {
    const { chip, inputs, tools } = this.#options;
    const offsets = inputs.map(({ offset }) => offset);
    const answer = await runTool(tools.gpioget, ["--numeric", "--chip", chip, ...offsets.map(String)]);
    const levels = answer.ok ? parseGpioget(answer.stdout, offsets.length) : null;
    if (levels === null) throw this.#error(`the inputs cannot be read: ${answer.stderr || answer.stdout.trim()}`);
    return new Map(offsets.map((offset, at) => [offset, levels[at] ?? false]));
  }

  /** Starts gpiomon and waits until it has the inputs. */
  async #watch(): Promise<void> {
    const { chip, inputs, tools } = this.#options;
    // Options come before the lines: gpiomon takes nothing else after them.
    const args = ["--banner", "--event-clock", "monotonic", "--edges", "both", "--format", GPIOMON_FORMAT];
    const [program = tools.gpiomon, ...rest] = [
      ...tools.wrapper,
      tools.gpiomon,
      ...args,
      "--chip",
      chip,
      ...inputs.map(({ offset }) => String(offset)),
    ];
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: toolEnvironment });
    this.#child = child;
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-LINE_LIMIT);
    });
    let ready: () => void = () => undefined;
    const started = new Promise<void>((resolve, reject) => {
      ready = () => {
        resolve();
        child.removeAllListeners("error");
        child.on("error", () => undefined);
      };
      child.once("error", (cause) => reject(this.#error("gpiomon did not start", cause)));
      child.once("close", () => reject(this.#error(`gpiomon ended at once: ${complaint.trim()}`)));
    });
    this.#listen(child, ready);
    await within(READY_LIMIT_MS, started, "gpiomon did not take the inputs");
    if (child.pid !== undefined) favour(child.pid);
    child.once("close", (code, signal) => {
      if (this.#child === child) this.#died(`${complaint.trim()} (${signal ?? `exit code ${code}`})`.trim());
    });
    // It may have gone between its banner and now.
    if (child.exitCode !== null || child.signalCode !== null) throw this.#error("gpiomon ended at once");
  }

  #listen(child: Child, ready: () => void): void {
    let waiting = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (this.#child !== child) return;
      const nowMs = this.#options.clock.now();
      const lines = (waiting + text).split("\n");
      waiting = lines.pop() ?? "";
      for (const line of lines) {
        if (isGpiomonBanner(line)) ready();
        else if (!this.#take(line, nowMs)) return this.#distrust(child, line);
      }
      if (waiting.length > LINE_LIMIT) this.#distrust(child, waiting);
    });
  }

  #take(line: string, nowMs: number): boolean {
    const event = parseGpiomonLine(line);
    const tracked = event === null || this.#track === null ? null : trackEvent(this.#track, event, nowMs);
    if (tracked === null) return false;
    this.#tell(tracked);
    return true;
  }

  #tell({ edges, doubt }: Tracked): void {
    if (doubt !== null) this.#options.log.warn("edges may have been lost", { chip: this.#options.chip, doubt });
    for (const edge of edges) this.#options.onEdge(edge);
  }

  #distrust(child: Child, line: string): void {
    this.#options.log.error("gpiomon said something that cannot be", { line: line.slice(0, 80) });
    child.stdout.removeAllListeners("data").resume();
    child.kill("SIGKILL");
  }

  /** Starts it again, reads what the levels are now, and says that edges may be missing. */
  #died(how: string): void {
    const { clock, log, chip } = this.#options;
    this.#child = null;
    log.error("gpiomon died", { chip, how });
    if (!this.#budget.spend(clock.now())) return this.#lost(this.#error(`gpiomon dies again and again: ${how}`));
    this.#restart = this.#again().catch((cause) => {
      if (this.#running) this.#lost(this.#error(`gpiomon cannot be started again: ${describeError(cause)}`, cause));
    });
  }

  async #again(): Promise<void> {
    const levels = await this.#readLevels();
    if (!this.#running || this.#track === null) return;
    this.#tell(trackLevels(this.#track, levels, this.#options.clock.now()));
    await this.#watch();
    if (!this.#running) await this.stop();
  }

  #lost(error: GatewayError): void {
    this.stop().catch(() => undefined);
    this.#options.onLost(error);
  }

  #error(what: string, cause?: unknown): GatewayError {
    return new GatewayError("line-unavailable", `${this.#options.chip}: ${what}`, { cause });
  }
}

/** Needs a privilege (CAP_SYS_NICE, or LimitNICE= in the unit); without it the monitor is as quick as any program. */
function favour(pid: number): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // As said.
  }
}
