import { type Dispose, TypedEmitter } from "../base/events.ts";
import { type Edge, FRAME_SAMPLES, type LineInput, type LineOutput, type LinePort, type PatternStep } from "./port.ts";

/** A line interface for tests: remembers what it was told, and sends what a test tells it to. */
export class FakePort implements LinePort {
  readonly name: string = "line-1";
  readonly inputs: ReadonlySet<LineInput>;
  readonly outputs: ReadonlySet<LineOutput>;
  readonly energised = new Set<LineOutput>();
  readonly patterns: (readonly PatternStep[])[] = [];
  readonly levelsNow = new Map<LineInput, boolean>();
  readonly written: Int16Array[] = [];
  refreshes = 0;
  opened = 0;
  audioOpen = false;
  /** Whether opening fails. */
  missing = false;
  readonly #events = new TypedEmitter<{ edge: [edge: Edge]; lost: [error: Error]; audio: [frame: Int16Array] }>();

  constructor(inputs: readonly LineInput[], outputs: readonly LineOutput[]) {
    this.inputs = new Set(inputs);
    this.outputs = new Set(outputs);
  }

  async open(): Promise<void> {
    if (this.missing) throw new Error("no such interface");
    this.opened++;
    this.energised.clear();
  }
  async close(): Promise<void> {
    this.energised.clear();
    this.audioOpen = false;
  }
  onEdge(listener: (edge: Edge) => void): Dispose {
    return this.#events.on("edge", listener);
  }
  onLost(listener: (error: Error) => void): Dispose {
    return this.#events.on("lost", listener);
  }
  async levels(): Promise<ReadonlyMap<LineInput, boolean>> {
    return new Map(this.levelsNow);
  }
  set(output: LineOutput, active: boolean): void {
    if (active) this.energised.add(output);
    else this.energised.delete(output);
  }
  playPattern(steps: readonly PatternStep[]): void {
    this.energised.add("loop");
    this.patterns.push(steps);
  }
  refresh(): void {
    this.refreshes++;
  }
  openAudio(): void {
    this.audioOpen = true;
  }
  closeAudio(): void {
    this.audioOpen = false;
  }
  onAudio(listener: (frame: Int16Array) => void): Dispose {
    return this.#events.on("audio", listener);
  }
  writeAudio(frame: Int16Array): void {
    this.written.push(frame.slice());
  }

  /** One frame comes from the PAX. */
  frame(frame: Int16Array = new Int16Array(FRAME_SAMPLES)): void {
    this.#events.emit("audio", frame);
  }
  edge(input: LineInput, active: boolean, atMs: number): void {
    this.levelsNow.set(input, active);
    this.#events.emit("edge", { input, active, atMs });
  }
  lose(): void {
    this.energised.clear();
    this.audioOpen = false;
    this.#events.emit("lost", new Error("unplugged"));
  }
}
