import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Edge, LineInput, LineOutput, LinePort, PatternStep } from "../line/port.ts";
import type { Progress, Watched } from "./progress.ts";

/** How often an open line's interface is asked for its levels, ms. */
export const ASK_MS = 5_000;
/**
 * Without an answer for so long, or without another try to open a lost interface, something waits for ever, ms. Opening
 * a line starts programs, which takes seconds on a slow card.
 */
export const LINE_LIMIT_MS = 60_000;

/** The watch over all lines of a gateway; without `progress` nobody asks. */
export class LineWatch {
  readonly #progress: Progress | null;
  readonly #clock: Clock;
  readonly #lines: WatchedLine[] = [];

  constructor(progress: Progress | null, clock: Clock) {
    this.#progress = progress;
    this.#clock = clock;
  }

  /** The port to be used in the place of this one. */
  over(port: LinePort): LinePort {
    if (this.#progress === null) return port;
    const watched = new WatchedLine(port, this.#progress, this.#clock);
    this.#lines.push(watched);
    return watched;
  }

  /** Lines whose interface cannot be used, and why. */
  get faults(): readonly { readonly name: string; readonly why: string }[] {
    return this.#lines.flatMap(({ name, fault }) => (fault === null ? [] : [{ name, why: fault }]));
  }

  /** The lines are not served any more. */
  end(): void {
    for (const line of this.#lines) line.end();
  }
}

/**
 * A line's interface that is watched: while it is open it has to answer when asked, when it is lost it has to be tried
 * again. Everything else goes straight through.
 */
export class WatchedLine implements LinePort {
  readonly #port: LinePort;
  readonly #progress: Progress;
  readonly #clock: Clock;
  #watched: Watched | null = null;
  #fault: string | null = null;
  #stopAsking: Dispose = () => undefined;

  constructor(port: LinePort, progress: Progress, clock: Clock) {
    this.#port = port;
    this.#progress = progress;
    this.#clock = clock;
  }

  get name(): string {
    return this.#port.name;
  }

  /** Why the interface cannot be used; null when it can. */
  get fault(): string | null {
    return this.#fault;
  }

  get inputs(): ReadonlySet<LineInput> {
    return this.#port.inputs;
  }

  get outputs(): ReadonlySet<LineOutput> {
    return this.#port.outputs;
  }

  async open(): Promise<void> {
    this.#watched ??= this.#progress.watch(`line ${this.name}`, LINE_LIMIT_MS);
    this.#stopAsking();
    try {
      await this.#port.open();
      this.#fault = null;
      this.#ask();
    } catch (error) {
      this.#fault = describeError(error);
      throw error;
    } finally {
      this.#watched?.beat();
    }
  }

  /** Ends the asking. A line that is closed for good is no longer expected to move: see `end`. */
  close(): Promise<void> {
    this.#stopAsking();
    return this.#port.close();
  }

  /** The line is not served any more. */
  end(): void {
    this.#stopAsking();
    this.#watched?.end();
    this.#watched = null;
  }

  onEdge(listener: (edge: Edge) => void): Dispose {
    return this.#port.onEdge(listener);
  }

  onLost(listener: (error: Error) => void): Dispose {
    return this.#port.onLost((error) => {
      this.#fault = describeError(error);
      listener(error);
    });
  }

  levels(): Promise<ReadonlyMap<LineInput, boolean>> {
    return this.#port.levels();
  }

  set(output: LineOutput, active: boolean): void {
    this.#port.set(output, active);
  }

  playPattern(steps: readonly PatternStep[]): void {
    this.#port.playPattern(steps);
  }

  refresh(): void {
    this.#port.refresh();
  }

  openAudio(): void {
    this.#port.openAudio();
  }

  closeAudio(): void {
    this.#port.closeAudio();
  }

  onAudio(listener: (frame: Int16Array) => void): Dispose {
    return this.#port.onAudio(listener);
  }

  writeAudio(frame: Int16Array): void {
    this.#port.writeAudio(frame);
  }

  #ask(): void {
    this.#stopAsking = this.#clock.at(this.#clock.now() + ASK_MS, () => {
      this.#ask();
      // A refusal is no answer: the line is lost then, and it is its next opening that has to be seen.
      this.#port.levels().then(
        () => this.#watched?.beat(),
        () => undefined,
      );
    });
  }
}
