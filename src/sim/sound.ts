import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ } from "../line/port.ts";
import type { ToneName } from "../line/types.ts";
import type { CircuitId } from "./exchange-state.ts";
import type { LineEnd } from "./line-end.ts";
import { writeTone } from "./pax-tones.ts";
import type { Telephone } from "./telephone.ts";

/** Further behind than this, frames are left out instead of made up for, ms (EJ): the process had been stopped. */
const CATCH_UP_MS = 500;

/** A contact's click on the pair: a sharp edge that dies away within a few milliseconds. */
const CLICK = Int16Array.from({ length: 40 }, (_, i) => (i % 4 < 2 ? 14_000 : -14_000) * Math.exp(-i / 8));

type FrameListener = (frame: Int16Array) => void;

export interface SoundSource {
  readonly telephones: ReadonlyMap<CircuitId, Telephone>;
  /** By circuit. */
  readonly lines: ReadonlyMap<CircuitId, LineEnd>;
  hears(id: CircuitId): { tone: ToneName | null; voices: readonly CircuitId[] };
  /** How far the simulation is behind real time, ms. */
  lagMs(): number;
}

/**
 * Mixes what every listener hears, frame by frame, on an absolute schedule that cannot drift. Stands still when nobody
 * listens.
 */
export class Sound {
  readonly #clock: Clock;
  readonly #source: SoundSource;
  readonly #ears = new Map<CircuitId, Set<FrameListener>>();
  readonly #lineEars = new Map<CircuitId, FrameListener>();
  readonly #clicked = new Set<CircuitId>();
  #cancel: Dispose | null = null;

  constructor(clock: Clock, source: SoundSource) {
    this.#clock = clock;
    this.#source = source;
  }

  get running(): boolean {
    return this.#cancel !== null;
  }

  /** Frames that a telephone's earpiece gives. The listener must not keep the frame. */
  listen(id: CircuitId, listener: FrameListener): Dispose {
    const ears = this.#ears.get(id) ?? new Set();
    this.#ears.set(id, ears.add(listener));
    this.#run();
    return () => {
      ears.delete(listener);
      if (ears.size === 0) this.#ears.delete(id);
      this.#run();
    };
  }

  /** A loop was broken or made: whoever is on this pair, or joined to it, hears it. */
  click(id: CircuitId): void {
    if (this.running) this.#clicked.add(id);
  }

  /** Opens (or, with null, closes) the audio of a gateway line. */
  openLine(id: CircuitId, listener: FrameListener | null): void {
    this.#source.lines.get(id)?.setAudio(listener !== null);
    if (listener === null) this.#lineEars.delete(id);
    else this.#lineEars.set(id, listener);
    this.#run();
  }

  #run(): void {
    const wanted = this.#ears.size + this.#lineEars.size > 0;
    if (!wanted) {
      this.#cancel?.();
      this.#cancel = null;
    } else if (this.#cancel === null) this.#schedule(this.#clock.now() + FRAME_MS);
  }

  #schedule(atMs: number): void {
    this.#cancel = this.#clock.at(atMs, () => {
      const behind = this.#source.lagMs();
      const skipped = behind > CATCH_UP_MS ? Math.floor(behind / FRAME_MS) : 0;
      this.#schedule(atMs + (skipped + 1) * FRAME_MS);
      this.#frame(Math.round((atMs * SAMPLE_RATE_HZ) / 1000));
    });
  }

  #frame(atSample: number): void {
    const spoken = new Map<CircuitId, Int32Array>();
    // Every open line's frame is taken, heard or not, so that none waits and comes late.
    for (const id of this.#lineEars.keys()) spoken.set(id, this.#speak(id));
    const said = (id: CircuitId) => {
      const frame = spoken.get(id) ?? this.#speak(id);
      spoken.set(id, frame);
      return frame;
    };
    const heard = new Map(
      [...this.#ears.keys(), ...this.#lineEars.keys()].map((id) => [id, this.#hear(id, atSample, said)]),
    );
    this.#clicked.clear();
    for (const [id, frame] of heard) {
      for (const listener of [...(this.#ears.get(id) ?? [])]) listener(frame);
      this.#lineEars.get(id)?.(frame);
    }
  }

  #speak(id: CircuitId): Int32Array {
    const frame = new Int32Array(FRAME_SAMPLES);
    const telephone = this.#source.telephones.get(id);
    if (telephone?.offHook === true && !telephone.dialling) telephone.speaker.addTo(frame);
    const taken = this.#source.lines.get(id)?.takeAudio();
    if (taken) frame.set(taken);
    return frame;
  }

  #hear(id: CircuitId, atSample: number, said: (id: CircuitId) => Int32Array): Int16Array {
    const frame = new Int16Array(FRAME_SAMPLES);
    if (this.#source.lines.get(id)?.faults.noCurrent === true) return frame;
    const { tone, voices } = this.#source.hears(id);
    if (tone !== null) writeTone(tone, atSample, frame);
    // A dial in motion short-circuits its own telephone's earpiece.
    if (this.#source.telephones.get(id)?.dialling === true) return new Int16Array(FRAME_SAMPLES);
    const clicks = [id, ...voices].some((heard) => this.#clicked.has(heard));
    if (voices.length === 0 && !clicks) return frame;
    const mixture = Int32Array.from(frame);
    if (clicks) for (const [i, sample] of CLICK.entries()) mixture[i] = (mixture[i] ?? 0) + sample;
    for (const voice of voices) {
      const samples = said(voice);
      for (let i = 0; i < FRAME_SAMPLES; i++) mixture[i] = (mixture[i] ?? 0) + (samples[i] ?? 0);
    }
    for (let i = 0; i < FRAME_SAMPLES; i++) frame[i] = Math.max(-32_768, Math.min(32_767, mixture[i] ?? 0));
    return frame;
  }
}
