import { SAMPLE_RATE_HZ } from "../line/port.ts";
import { amplitudeOf } from "./pax-tones.ts";

/** What is said into a telephone. */
export type Voice =
  | { readonly kind: "tone"; readonly frequencyHz: number; readonly levelDbm0: number }
  | { readonly kind: "recording"; readonly samples: Int16Array };

/** Speaks a voice frame by frame. */
export class Speaker {
  #voice: Voice | null = null;
  #at = 0;

  play(voice: Voice | null): void {
    this.#voice = voice;
    this.#at = 0;
  }

  /** Adds the next frame to a mixture. */
  addTo(mixture: Int32Array): void {
    const voice = this.#voice;
    if (voice === null) return;
    if (voice.kind === "tone") {
      const peak = amplitudeOf(voice.levelDbm0);
      for (let i = 0; i < mixture.length; i++) {
        const phase = (2 * Math.PI * voice.frequencyHz * (this.#at + i)) / SAMPLE_RATE_HZ;
        mixture[i] = (mixture[i] ?? 0) + Math.round(peak * Math.sin(phase));
      }
    } else {
      for (let i = 0; i < mixture.length; i++) mixture[i] = (mixture[i] ?? 0) + (voice.samples[this.#at + i] ?? 0);
      if (this.#at > voice.samples.length) this.#voice = null;
    }
    this.#at += mixture.length;
  }
}

/**
 * Samples of a recording: WAV (PCM, 16 bit, mono, 8 kHz) or, without a RIFF header, raw samples of that kind
 * (little-endian). Throws with the reason when it is another kind.
 */
export function readRecording(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  let from = 0;
  let length = bytes.length;
  if (bytes.length >= 12 && name(0) === "RIFF" && name(8) === "WAVE") {
    let data: [from: number, length: number] | null = null;
    for (let at = 12; at + 8 <= bytes.length && data === null; ) {
      const size = view.getUint32(at + 4, true);
      if (name(at) === "fmt " && size >= 16 && at + 24 <= bytes.length) {
        const format = [view.getUint16(at + 8, true), view.getUint16(at + 10, true), view.getUint16(at + 22, true)];
        if (format.join() !== "1,1,16" || view.getUint32(at + 12, true) !== SAMPLE_RATE_HZ) {
          throw new Error("a WAV file must be PCM, 16 bit, mono, 8000 Hz");
        }
      }
      if (name(at) === "data") data = [at + 8, Math.min(size, bytes.length - at - 8)];
      at += 8 + size + (size % 2);
    }
    if (data === null) throw new Error("the WAV file holds no data");
    [from, length] = data;
  }
  const samples = new Int16Array(Math.floor(length / 2));
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(from + i * 2, true);
  return samples;
}
