import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { ProblemFile } from "../drivers/problem-file.ts";
import type { ServiceManager } from "../drivers/systemd-notify.ts";
import type { Gateway } from "./gateway.ts";
import type { Chosen } from "./last-good.ts";
import { ProblemRecord, type Problems, problemText } from "./problems.ts";
import { Progress } from "./progress.ts";
import { VERSION } from "./version.ts";

/** Name of the file, in the runtime directory, that is there while calls can be made. */
export const READY_MARKER = "ready";
const LOOK_MS = 2_000;
/** Going over to another configuration may take so long, ms: stopping is bounded, and lines open slowly. */
const CHANGE_LIMIT_MS = 120_000;

export interface SupervisionOptions {
  /** Null: nobody supervises us. */
  readonly manager: ServiceManager | null;
  /** Where what is wrong is written for people; null: nowhere. */
  readonly problemFile: string | null;
}

/**
 * What an appliance wants besides the gateway: the service manager is told how things are and fed as long as they move,
 * others can see when calls can be made, and what is wrong is written on the card.
 */
export class Supervision {
  readonly progress: Progress;
  readonly #manager: ServiceManager | null;
  readonly #problems: { readonly file: ProblemFile; readonly record: ProblemRecord } | null;
  readonly #clock: Clock;
  readonly #log: Log;
  #feeding: NodeJS.Timeout | null = null;
  #said = "";
  #late = "";
  #cardFault = "";

  constructor({ manager, problemFile }: SupervisionOptions, log: Log, clock: Clock = systemClock) {
    this.progress = new Progress(clock);
    this.#manager = manager;
    const file = problemFile === null ? null : new ProblemFile(problemFile);
    this.#problems = file === null ? null : { file, record: new ProblemRecord(file.read()) };
    this.#clock = clock;
    this.#log = log.child("app");
  }

  /** Before a gateway is made: whoever looks must not take an earlier one's marker for this one's. */
  async preparing(runtime: string): Promise<void> {
    await rm(join(runtime, READY_MARKER), { force: true });
  }

  /** The gateway serves its lines from now on, until this is disposed. */
  serving(gateway: Gateway, { prepared, runsOn }: Chosen): Dispose {
    const marker = join(prepared.loaded.config.paths.runtime, READY_MARKER);
    // One after the other: what happened last is what the marker says.
    let marking: Promise<void> = Promise.resolve();
    const mark = (ready: boolean) => {
      marking = marking
        .then(() => (ready ? writeFile(marker, `${VERSION}\n`, { mode: 0o644 }) : rm(marker, { force: true })))
        .catch((error: unknown) => this.#log.warn("the marker of readiness", { error: describeError(error) }));
    };
    const disposers = [
      // On the safe default nobody can call: an update that comes to this is not a good one.
      gateway.onReady(() => {
        if (runsOn !== "safe-default") mark(true);
      }),
      gateway.asterisk.on("down", () => mark(false)),
    ];
    const look = (urgent: boolean) => {
      const { configFault, fault } = gateway;
      const instead = configFault === null ? "file" : runsOn;
      // The safe default's line is none that anybody has.
      const lines = instead === "safe-default" ? [] : gateway.lineFaults;
      void this.#write({ configFault, runsOn: instead, fault, lines }, urgent);
      this.#say(statusText(gateway, runsOn));
    };
    void this.#manager?.ready();
    this.#feed();
    look(gateway.configFault !== null);
    const looking = setInterval(() => look(false), LOOK_MS);
    return () => {
      clearInterval(looking);
      for (const dispose of disposers) dispose();
      mark(false);
    };
  }

  /** One gateway ends and another one is to serve; the end of that has to come. Returns what tells of it. */
  changing(): Dispose {
    const watched = this.progress.watch("the change to another configuration", CHANGE_LIMIT_MS);
    return () => watched.end();
  }

  /** The gateway cannot run at all. */
  async failed(error: unknown): Promise<void> {
    const words = describeError(error);
    await this.#write({ configFault: words, runsOn: "nothing", fault: null, lines: [] }, true);
  }

  async stop(): Promise<void> {
    if (this.#feeding !== null) clearInterval(this.#feeding);
    this.#feeding = null;
    await this.#manager?.stopping();
  }

  /** As long as everything moves. */
  #feed(): void {
    const { watchdogMs } = this.#manager ?? { watchdogMs: null };
    if (watchdogMs === null || this.#feeding !== null) return;
    const look = () => {
      const late = this.progress.late().join(", ");
      if (late === "") void this.#manager?.alive();
      else if (late !== this.#late) this.#log.error("no progress: the watchdog is not fed any more", { late });
      this.#late = late;
    };
    look();
    this.#feeding = setInterval(look, watchdogMs / 3);
  }

  #say(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    void this.#manager?.status(text);
  }

  async #write(problems: Problems, urgent: boolean): Promise<void> {
    if (this.#problems === null) return;
    const { file, record } = this.#problems;
    const text = problemText(problems);
    if (!record.look(text, this.#clock.now(), urgent)) return;
    try {
      await file.write(text);
      this.#cardFault = "";
    } catch (error) {
      record.failed();
      const fault = describeError(error);
      if (fault !== this.#cardFault) this.#log.warn("what is wrong cannot be written on the card", { error: fault });
      this.#cardFault = fault;
    }
  }
}

const configurations = { file: "", "last-good": ", on the last good configuration", "safe-default": ", safe default" };

/** One line for `systemctl status`. */
function statusText(gateway: Gateway, runsOn: Chosen["runsOn"]): string {
  const state = gateway.ready ? "ready for calls" : (gateway.fault?.split("\n")[0] ?? "waiting for Asterisk");
  const lines = [...gateway.lines.services.values()];
  const served = lines.filter(({ status }) => status !== "fault").length;
  return `${state}; ${served} of ${lines.length} lines in service${configurations[runsOn]}`;
}
