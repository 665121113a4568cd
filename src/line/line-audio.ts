import type { Dispose } from "../base/events.ts";
import type { ToneSet } from "../config/pax-profile.ts";
import { applyGain, gainFactor } from "./g711.ts";
import type { AudioMode, Heard } from "./machine.ts";
import { FRAME_SAMPLES, type LinePort, type MediaPort } from "./port.ts";
import { newToneDetector, type ToneDetector, toneDetectorStep } from "./tone-detector.ts";
import { fillTone, type ToneSamples, toneSamples } from "./tones.ts";

/**
 * One line's audio, paced by the frames that come from the PAX: each is looked at for tones and sent to the network,
 * and one is written back. Its buffers are its own, so steady state allocates nothing.
 */
export class LineAudio {
  readonly #port: LinePort;
  readonly #toneSet: ToneSet;
  readonly #unobtainableMs: number;
  readonly #onHeard: (heard: Heard) => void;
  readonly #toPax = new Int16Array(FRAME_SAMPLES);
  readonly #fromPax = new Int16Array(FRAME_SAMPLES);
  readonly #silence = new Int16Array(FRAME_SAMPLES);
  #mode: AudioMode = { kind: "closed" };
  #tone: ToneSamples | null = null;
  #tonePosition = 0;
  #detector: ToneDetector | null = null;
  #media: MediaPort | null = null;
  #gainToPax = 1;
  #gainFromPax = 1;

  constructor(port: LinePort, toneSet: ToneSet, unobtainableMs: number, onHeard: (heard: Heard) => void) {
    this.#port = port;
    this.#toneSet = toneSet;
    this.#unobtainableMs = unobtainableMs;
    this.#onHeard = onHeard;
  }

  /** Takes frames from the port until disposed. */
  listen(): Dispose {
    return this.#port.onAudio((frame) => this.#exchange(frame));
  }

  attach(media: MediaPort | null): void {
    this.#media = media;
  }

  setGains(toPaxDb: number, fromPaxDb: number): void {
    this.#gainToPax = gainFactor(toPaxDb);
    this.#gainFromPax = gainFactor(fromPaxDb);
  }

  set(mode: AudioMode, listen: boolean): void {
    const before = this.#mode;
    this.#mode = mode;
    if (mode.kind === "tone") {
      if (before.kind !== "tone" || before.tone !== mode.tone) this.#tonePosition = 0;
      this.#tone = toneSamples(this.#toneSet, mode.tone);
    } else {
      this.#tone = null;
    }
    if (!listen) this.#detector = null;
    else this.#detector ??= newToneDetector(this.#unobtainableMs);
    if (before.kind === "closed" && mode.kind !== "closed") this.#port.openAudio();
    if (before.kind !== "closed" && mode.kind === "closed") this.#port.closeAudio();
  }

  /** The interface has gone and its audio with it. */
  forget(): void {
    this.#mode = { kind: "closed" };
    this.#tone = null;
    this.#detector = null;
  }

  #exchange(frame: Int16Array): void {
    if (this.#mode.kind === "closed") return;
    if (this.#detector !== null) {
      for (const heard of toneDetectorStep(this.#detector, frame)) this.#onHeard(heard);
    }
    const through = this.#mode.kind === "through";
    const received = this.#media?.receive() ?? null;
    if (through) applyGain(frame, this.#fromPax, this.#gainFromPax);
    this.#media?.send(through ? this.#fromPax : this.#silence);
    if (this.#tone !== null) {
      this.#tonePosition = fillTone(this.#tone, this.#tonePosition, this.#toPax);
      this.#port.writeAudio(this.#toPax);
    } else if (through && received !== null) {
      applyGain(received, this.#toPax, this.#gainToPax);
      this.#port.writeAudio(this.#toPax);
    } else {
      this.#port.writeAudio(this.#silence);
    }
  }
}
