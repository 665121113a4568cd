import {
  FRAME_SAMPLES,
  type LineInput,
  type LineOutput,
  lineInputs,
  lineOutputs,
  type PatternStep,
} from "../line/port.ts";

/**
 * What passes between a simulated line, contact or LED and its driver (`drivers/sim-…`), on a local stream socket. Each frame is a
 * 4-byte big-endian length, one byte of kind, and that many bytes less one: JSON text, or one frame of audio
 * (160 samples, 16 bit, little-endian).
 */

/** Longest frame accepted, bytes. A pattern of 800 steps takes less than half of it. */
export const MAX_WIRE_BYTES = 64 * 1024;
/** Most steps in one pattern: what one write to the kernel's pattern trigger takes. */
export const MAX_PATTERN_STEPS = 800;
/** Longest single step of a pattern, ms. */
export const MAX_STEP_MS = 60_000;

/** From the driver to the simulated line. */
export type ToLine =
  | { readonly type: "open"; readonly line: string }
  | { readonly type: "close" }
  | { readonly type: "set"; readonly output: LineOutput; readonly active: boolean }
  | { readonly type: "pattern"; readonly steps: readonly PatternStep[] }
  | { readonly type: "refresh" }
  | { readonly type: "audio"; readonly on: boolean }
  | { readonly type: "levels"; readonly id: number };

/** From the simulated line to the driver. */
export type FromLine =
  | { readonly type: "opened"; readonly inputs: readonly LineInput[]; readonly outputs: readonly LineOutput[] }
  | { readonly type: "edge"; readonly input: LineInput; readonly active: boolean; readonly atMs: number }
  | { readonly type: "levels"; readonly id: number; readonly active: readonly LineInput[] }
  | { readonly type: "refused"; readonly code: string; readonly message: string };

/** The contact of the simulated reset button; those of the monitored inputs are `input/NAME`. */
export const BUTTON_CONTACT = "button";
export const inputContact = (name: string): string => `input/${name}`;

/** From the driver of a contact, or of the status LED, to the simulation: a connection for each. */
export type ToPanel =
  | { readonly type: "open-contact"; readonly contact: string }
  | { readonly type: "open-led" }
  /** What the LED shows from now on, in `credentials/types.ts`'s words. */
  | { readonly type: "led"; readonly pattern: string };

/** From the simulation to such a driver. A contact's state comes at once when it is opened, then with each change. */
export type FromPanel =
  | { readonly type: "contact"; readonly active: boolean; readonly atMs: number }
  | { readonly type: "led-opened" };

/** One frame as received. */
export type Wire =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "audio"; readonly samples: Int16Array };

/** Longest name of a contact. */
const MAX_NAME = 64;

const JSON_KIND = 0;
const AUDIO_KIND = 1;

/** A frame of JSON. */
export function encodeJson(message: ToLine | FromLine | ToPanel | FromPanel): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const bytes = new Uint8Array(5 + text.length);
  new DataView(bytes.buffer).setUint32(0, text.length + 1);
  bytes[4] = JSON_KIND;
  bytes.set(text, 5);
  return bytes;
}

/** A frame of audio. */
export function encodeAudio(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(5 + samples.length * 2);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, samples.length * 2 + 1);
  bytes[4] = AUDIO_KIND;
  for (let i = 0; i < samples.length; i++) view.setInt16(5 + i * 2, samples[i] ?? 0, true);
  return bytes;
}

/** Puts frames together from a stream. `push` throws on what can't be a frame; the stream is then of no more use. */
export class WireReader {
  #rest = new Uint8Array(0);

  push(chunk: Uint8Array): Wire[] {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Wire[] = [];
    let at = 0;
    while (bytes.length - at >= 5) {
      const length = view.getUint32(at);
      if (length < 1 || length > MAX_WIRE_BYTES) throw new Error(`a frame of ${length} bytes`);
      if (bytes.length - at < 4 + length) break;
      frames.push(decode(bytes[at + 4] ?? -1, bytes.subarray(at + 5, at + 4 + length)));
      at += 4 + length;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }
}

function decode(kind: number, body: Uint8Array): Wire {
  if (kind === JSON_KIND) return { kind: "json", value: JSON.parse(new TextDecoder().decode(body)) };
  if (kind !== AUDIO_KIND || body.length !== FRAME_SAMPLES * 2) throw new Error("neither JSON nor one frame of audio");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const samples = new Int16Array(FRAME_SAMPLES);
  for (let i = 0; i < FRAME_SAMPLES; i++) samples[i] = view.getInt16(i * 2, true);
  return { kind: "audio", samples };
}

/** The message, or null when the value is not one. */
export function parseToLine(value: unknown): ToLine | null {
  if (!isRecord(value)) return null;
  const { type, line, output, active, steps, on, id } = value;
  switch (type) {
    case "open":
      return typeof line === "string" ? { type, line } : null;
    case "close":
    case "refresh":
      return { type };
    case "set":
      return isOutput(output) && typeof active === "boolean" ? { type, output, active } : null;
    case "pattern":
      return isPattern(steps) ? { type, steps } : null;
    case "audio":
      return typeof on === "boolean" ? { type, on } : null;
    case "levels":
      return Number.isSafeInteger(id) ? { type, id: id as number } : null;
    default:
      return null;
  }
}

/** The message, or null when the value is not one. */
export function parseFromLine(value: unknown): FromLine | null {
  if (!isRecord(value)) return null;
  const { type, inputs, outputs, input, active, atMs, id, code, message } = value;
  switch (type) {
    case "opened":
      return areInputs(inputs) && Array.isArray(outputs) && outputs.every(isOutput) ? { type, inputs, outputs } : null;
    case "edge":
      return isInput(input) && typeof active === "boolean" && typeof atMs === "number"
        ? { type, input, active, atMs }
        : null;
    case "levels":
      return Number.isSafeInteger(id) && areInputs(active) ? { type, id: id as number, active } : null;
    case "refused":
      return typeof code === "string" && typeof message === "string" ? { type, code, message } : null;
    default:
      return null;
  }
}

/** The message, or null when the value is not one. */
export function parseToPanel(value: unknown): ToPanel | null {
  if (!isRecord(value)) return null;
  const { type, contact, pattern } = value;
  switch (type) {
    case "open-contact":
      return typeof contact === "string" && contact.length <= MAX_NAME ? { type, contact } : null;
    case "open-led":
      return { type };
    case "led":
      return typeof pattern === "string" && /^[a-z-]{1,24}$/.test(pattern) ? { type, pattern } : null;
    default:
      return null;
  }
}

/** The message, or null when the value is not one. */
export function parseFromPanel(value: unknown): FromPanel | null {
  if (!isRecord(value)) return null;
  const { type, active, atMs } = value;
  if (type === "led-opened") return { type };
  return type === "contact" && typeof active === "boolean" && typeof atMs === "number" ? { type, active, atMs } : null;
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } & Partial<Record<WireKey, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type WireKey =
  | "type"
  | "line"
  | "output"
  | "input"
  | "active"
  | "steps"
  | "on"
  | "id"
  | "inputs"
  | "outputs"
  | "atMs"
  | "contact"
  | "pattern"
  | "code"
  | "message";

const isInput = (value: unknown): value is LineInput => (lineInputs as readonly unknown[]).includes(value);
const isOutput = (value: unknown): value is LineOutput => (lineOutputs as readonly unknown[]).includes(value);
const areInputs = (value: unknown): value is LineInput[] => Array.isArray(value) && value.every(isInput);

function isPattern(value: unknown): value is PatternStep[] {
  if (!Array.isArray(value) || value.length > MAX_PATTERN_STEPS) return false;
  return value.every(
    (step: unknown) =>
      isRecord(step) &&
      typeof step["closed"] === "boolean" &&
      typeof step["ms"] === "number" &&
      step["ms"] > 0 &&
      step["ms"] <= MAX_STEP_MS,
  );
}
