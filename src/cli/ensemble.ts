import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EVENT_CONTROL_SOCKET } from "../app/simulated-event.ts";
import { type GatewayView, STATUS_SOCKET } from "../app/status-server.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { JsonLinesClient } from "../base/json-lines.ts";
import { within } from "../base/lifecycle.ts";
import { EventControlClient } from "../sim/event-control.ts";
import { noteProcesses } from "./left-over.ts";
import { READY_WORD } from "./simulator-process.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** Longest that a simulator, and then the gateway, may take to be ready, ms. */
const SIMULATOR_LIMIT_MS = 25_000;
const GATEWAY_LIMIT_MS = 40_000;
const LOOK_MS = 100;
/** As systemd would: again after a second, but not more often than five times in a minute. */
const RESTART_AFTER_MS = 1_000;
const RESTARTS = { count: 5, withinMs: 60_000 } as const;

export interface EnsembleOptions {
  /** Folder of the bundled programs. */
  readonly programs: string;
  /** Absolute path of the configuration. */
  readonly configFile: string;
  readonly runtime: string;
  readonly logs: string;
  readonly simulatePax: boolean;
  /** Usernames of the trunks that register with the simulated event network; none: it is not started. */
  readonly eventAccounts: readonly string[];
  readonly level: string;
  /** A line of a process's log. */
  readonly onLog: (name: string, line: string) => void;
  /** What happens to the processes, in words. */
  readonly say: (text: string) => void;
}

/** The processes of a demonstration, in the order in which they start. */
export class Ensemble {
  readonly #options: EnsembleOptions;
  readonly #simulators: readonly SupervisedProcess[];
  readonly #gateway: SupervisedProcess;
  readonly #failed: Promise<never>;
  #fail: (error: GatewayError) => void = () => undefined;
  #restarts: number[] = [];
  #stopping = false;

  constructor(options: EnsembleOptions) {
    this.#options = options;
    const args = ["-c", options.configFile];
    const of = (name: string, script: string, stopLimitMs: number, all: readonly string[] = args) =>
      new SupervisedProcess({
        name,
        script: join(options.programs, script),
        args: all,
        logFile: join(options.logs, `${name}.log`),
        stopLimitMs,
      });
    this.#simulators = [
      ...(options.simulatePax ? [of("pax", "pax-sim.js", 3_000)] : []),
      ...(options.eventAccounts.length > 0 ? [of("event", "event-sim.js", 10_000)] : []),
    ];
    this.#gateway = of("gateway", "paxgate.js", 15_000, ["run", ...args, "--log", "json", "--level", options.level]);
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
  }

  /** Rejects when a process has ended too often. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /** Resolves when calls can be made in both directions. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#simulators.map((simulator) => this.#startSimulator(simulator, signal)));
    signal.throwIfAborted();
    this.#gateway.on("logged", (line) => this.#options.onLog("gateway", line));
    const ended = exitOf(this.#gateway);
    this.#gateway.start();
    await this.#note();
    await within(
      GATEWAY_LIMIT_MS,
      Promise.race([this.#untilReady(signal), ended, aborted(signal)]),
      "the gateway was not ready for calls",
    ).catch(async (error: unknown) => {
      const fault = signal.aborted ? null : await this.#fault();
      throw fault === null ? error : new GatewayError("not-ready", describeError(error), { cause: fault });
    });
    for (const process of [...this.#simulators, this.#gateway]) {
      process.on("exit", (how) => this.#exited(process, how));
    }
  }

  /** Ends everything in reverse order. Answers the names of those that had to be killed. */
  async stop(): Promise<readonly string[]> {
    this.#stopping = true;
    const killed: string[] = [];
    for (const process of [this.#gateway, ...this.#simulators.toReversed()]) {
      if (!(await process.stop())) killed.push(process.name);
      process.close();
    }
    return killed;
  }

  /** Ends everything at once: for somebody who does not want to wait for `stop`. */
  kill(): void {
    for (const process of [this.#gateway, ...this.#simulators]) process.kill();
  }

  async #startSimulator(simulator: SupervisedProcess, signal: AbortSignal): Promise<void> {
    simulator.on("logged", (line) => this.#options.onLog(simulator.name, line));
    const ready = new Promise<void>((resolve) => {
      simulator.on("said", (line) => {
        if (line === READY_WORD) resolve();
      });
    });
    const ended = exitOf(simulator);
    simulator.start();
    await this.#note();
    const limit = `the simulated ${simulator.name} was not ready`;
    await within(SIMULATOR_LIMIT_MS, Promise.race([ready, ended, aborted(signal)]), limit);
  }

  /** The gateway tells its state when asked, and so does the registrar. */
  async #untilReady(signal: AbortSignal): Promise<void> {
    while (!this.#stopping && !signal.aborted) {
      if ((await this.#gatewayReady()) && (await this.#registered())) return;
      await delay(LOOK_MS);
    }
  }

  async #gatewayReady(): Promise<boolean> {
    return (await this.#view())?.ready ?? false;
  }

  /** What the gateway itself says is wrong. */
  async #fault(): Promise<string | null> {
    return (await this.#view())?.fault ?? null;
  }

  async #view(): Promise<GatewayView | null> {
    const client = new JsonLinesClient(join(this.#options.runtime, STATUS_SOCKET));
    try {
      await client.connect();
      return (await client.request("status", null)) as GatewayView;
    } catch {
      return null;
    } finally {
      client.close();
    }
  }

  async #registered(): Promise<boolean> {
    if (this.#options.eventAccounts.length === 0) return true;
    const client = new EventControlClient(join(this.#options.runtime, EVENT_CONTROL_SOCKET));
    try {
      await client.connect();
      const states = await Promise.all(this.#options.eventAccounts.map((account) => client.registered(account)));
      return states.every((registered) => registered);
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  #exited(process: SupervisedProcess, how: string): void {
    if (this.#stopping) return;
    const now = performance.now();
    this.#restarts = this.#restarts.filter((at) => now - at < RESTARTS.withinMs);
    if (this.#restarts.length >= RESTARTS.count) {
      this.#fail(new GatewayError("process-ended", `${process.name} ended again (${how}), too often in a minute`));
      return;
    }
    this.#restarts.push(now);
    this.#options.say(`${process.name} ended (${how}); starting it again`);
    void delay(RESTART_AFTER_MS).then(async () => {
      if (this.#stopping) return;
      process.start();
      await this.#note();
    });
  }

  #note(): Promise<void> {
    const pids = [...this.#simulators, this.#gateway].flatMap(({ pid }) => pid ?? []);
    return noteProcesses(this.#options.runtime, pids);
  }
}

/** Rejects when the process ends before it was ready. */
function exitOf(process: SupervisedProcess): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    const dispose = process.on("exit", (how) => {
      dispose();
      reject(new GatewayError("process-ended", `${process.name} ended before it was ready (${how})`));
    });
  });
  ended.catch(() => undefined);
  return ended;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
