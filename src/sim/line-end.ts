import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { type Edge, type LineInput, type LineOutput, lineInputs } from "../line/port.ts";
import { Outputs } from "./outputs.ts";
import { cadenceOn } from "./pax-tones.ts";
import type { SimLineConfig } from "./topology.ts";

/** Ringing current, Hz (EJ; 16⅔ and 25 are usual). The opto-coupler sees every other half wave. */
const RINGING_HZ = 25;
/** Most frames of audio from the gateway that wait; more means that it is ahead of the exchange's clock. */
const MAX_QUEUE = 5;

/** What the exchange puts on the pair. */
export interface PairState {
  /** The tie line's relay set has a loop across the pair. */
  readonly looped: boolean;
  /** Battery and earth are on the pair, so that a loop of ours draws current. */
  readonly fed: boolean;
  readonly ringing: boolean;
  readonly reversed: boolean;
}

/** Faults that a tester may put on a line. */
export interface LineFaults {
  /** The PAX's loop stays across the pair whatever happens. */
  readonly stuckLoop: boolean;
  /** The pair is cut: neither end sees the other's loop, no current, no ringing, no sound. */
  readonly noCurrent: boolean;
}

/** The gateway's end of a line: the interface that a driver opens. */
export class LineEnd {
  readonly config: SimLineConfig;
  readonly inputs: readonly LineInput[];
  readonly outputLatch: Outputs;
  audioOpen = false;
  /** Frames of audio from the gateway: used, missed (none had come) and thrown away (too many had come). */
  readonly audioCounts = { used: 0, missed: 0, dropped: 0 };
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #levels = new Set<LineInput>();
  readonly #fromGateway: Int16Array[] = [];
  #pair: PairState = { looped: false, fed: true, ringing: false, reversed: false };
  #faults: LineFaults = { stuckLoop: false, noCurrent: false };
  #edge: (edge: Edge) => void = () => undefined;
  #stopRinging: Dispose | null = null;
  #ringWave = false;

  constructor(config: SimLineConfig, clock: Clock, outputChanged: (output: LineOutput, active: boolean) => void) {
    this.config = config;
    this.#clock = clock;
    this.#changed = () => this.#update();
    const own: readonly LineInput[] = [config.type === "tie-line" ? "loop" : "ring"];
    this.inputs = [...own, ...(["current", "reversal"] as const).filter((input) => config[input])];
    this.outputLatch = new Outputs(clock, (output, active) => {
      outputChanged(output, active);
      this.#changed();
    });
  }

  get outputs(): readonly LineOutput[] {
    return this.config.type === "tie-line" ? ["loop", "reversal", "busy"] : ["loop"];
  }

  get levels(): readonly LineInput[] {
    return lineInputs.filter((input) => this.#levels.has(input));
  }

  get faults(): LineFaults {
    return this.#faults;
  }

  set faults(faults: LineFaults) {
    this.#faults = faults;
    this.#update();
  }

  /** Our loop, as the exchange sees it. */
  get loopSeen(): boolean {
    return this.outputLatch.active.includes("loop") && this.#pair.fed && !this.#faults.noCurrent;
  }

  onEdge(listener: (edge: Edge) => void): void {
    this.#edge = listener;
  }

  putPair(pair: PairState): void {
    this.#pair = pair;
    if (pair.ringing && this.#stopRinging === null) this.#ring();
    if (!pair.ringing) {
      this.#stopRinging?.();
      this.#stopRinging = null;
      this.#ringWave = false;
    }
    this.#update();
  }

  pushAudio(frame: Int16Array): void {
    this.#fromGateway.push(frame);
    while (this.#fromGateway.length > MAX_QUEUE) {
      this.#fromGateway.shift();
      this.audioCounts.dropped++;
    }
  }

  setAudio(open: boolean): void {
    this.audioOpen = open;
    this.#fromGateway.length = 0;
  }

  /** The gateway's next frame; null when none has come. */
  takeAudio(): Int16Array | null {
    const frame = this.#fromGateway.shift() ?? null;
    if (frame !== null) this.audioCounts.used++;
    else if (this.audioOpen) this.audioCounts.missed++;
    return this.#faults.noCurrent ? null : frame;
  }

  #ring(): void {
    const tick = () => {
      const atMs = this.#clock.now();
      this.#ringWave = !this.#ringWave && cadenceOn("ringing", atMs);
      this.#stopRinging = this.#clock.at(atMs + 500 / RINGING_HZ, tick);
      this.#update();
    };
    this.#stopRinging = () => undefined;
    tick();
  }

  #update(): void {
    const { looped, fed, reversed } = this.#pair;
    const { stuckLoop, noCurrent } = this.#faults;
    const ours = this.outputLatch.active.includes("loop");
    this.#put("loop", stuckLoop || (looped && !noCurrent));
    this.#put("ring", this.#ringWave && !noCurrent);
    this.#put("current", ours && fed && !noCurrent);
    this.#put("reversal", ours && fed && reversed && !noCurrent);
  }

  #put(input: LineInput, active: boolean): void {
    if (!this.inputs.includes(input) || this.#levels.has(input) === active) return;
    if (active) this.#levels.add(input);
    else this.#levels.delete(input);
    this.#edge({ input, active, atMs: this.#clock.now() });
  }
}
