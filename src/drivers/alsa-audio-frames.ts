import { FRAME_MS, FRAME_SAMPLES } from "../line/port.ts";

/** Bytes of one frame: 16-bit little-endian mono. */
export const FRAME_BYTES = 2 * FRAME_SAMPLES;

/** Cuts the byte stream of a recording into frames. Pure but for its memory of an unfinished frame. */
export class FrameCutter {
  #waiting = new Uint8Array(0);

  /** The frames that are complete, the oldest first; of more than `limit` only the newest, as old audio is worthless. */
  push(bytes: Uint8Array, limit: number): { frames: Int16Array[]; dropped: number } {
    const all = new Uint8Array(this.#waiting.length + bytes.length);
    all.set(this.#waiting);
    all.set(bytes, this.#waiting.length);
    const complete = Math.floor(all.length / FRAME_BYTES);
    this.#waiting = all.slice(complete * FRAME_BYTES);
    const dropped = Math.max(0, complete - limit);
    const frames: Int16Array[] = [];
    for (let at = dropped; at < complete; at++) {
      frames.push(decodeFrame(all.subarray(at * FRAME_BYTES, (at + 1) * FRAME_BYTES)));
    }
    return { frames, dropped };
  }
}

/** Samples from bytes, whatever the machine's byte order. */
export function decodeFrame(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int16Array.from({ length: FRAME_SAMPLES }, (_, at) => view.getInt16(2 * at, true));
}

/** Bytes from samples. */
export function encodeFrame(frame: Int16Array): Uint8Array {
  const bytes = new Uint8Array(2 * frame.length);
  const view = new DataView(bytes.buffer);
  for (const [at, sample] of frame.entries()) view.setInt16(2 * at, sample, true);
  return bytes;
}

/** How much audio may wait to be played, ms: four periods of the device's buffer and two frames (EJ). */
export const BACKLOG_LIMIT_MS = 120;
/** The codec's clock and ours differ by up to some 100 ppm; a little is forgiven on every frame, so that it never adds up (EJ). */
const FORGIVEN_MS = 0.01;

/**
 * How much audio waits to be played. aplay does not tell, and its pipe would hold seconds: after a hold-up everything
 * late would be played late for ever. So it is computed, and what would come too late is left out. Pure.
 */
export class Playout {
  #untilMs = Number.NEGATIVE_INFINITY;

  /** Whether the frame is to be played. */
  take(nowMs: number): boolean {
    if (this.#untilMs - nowMs > BACKLOG_LIMIT_MS - FRAME_MS) return false;
    this.#untilMs = Math.max(this.#untilMs, nowMs) + FRAME_MS - FORGIVEN_MS;
    return true;
  }
}
