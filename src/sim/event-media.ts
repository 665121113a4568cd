import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";

import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ } from "../line/port.ts";
import { amplitudeOf, classify, decodeAlaw, encodeAlaw, FLOOR_DB, levelDb, toneLevelDb } from "./event-audio.ts";
import type { Heard, PhoneSound } from "./event-types.ts";

const PCMA = 8;
const HEADER_BYTES = 12;
/** How far back a telephone remembers what it heard, ms. */
export const MEMORY_MS = 3_000;
const MEMORY_SAMPLES = (MEMORY_MS * SAMPLE_RATE_HZ) / 1_000;
/** A pause of more than this in the arriving audio counts as silence for its whole length, ms. */
const GAP_MS = 100;
/** How long a tone must have been there to be heard, ms. */
const TONE_WINDOW_MS = 200;
const DEFAULT_LEVEL_DB = -16;
/** Frames waiting to be echoed, at most. */
const MAX_ECHO_FRAMES = 10;

/** A telephone's mouth and ear: RTP with Asterisk's `externalMedia` channel, A-law, 20 ms, on loopback. */
export class PhoneMedia {
  readonly #clock: Clock;
  readonly #socket: Socket = createSocket("udp4");
  readonly #ssrc = randomBytes(4).readUInt32BE();
  readonly #memory = new Int16Array(MEMORY_SAMPLES);
  readonly #echo: Buffer[] = [];
  readonly #listeners = new Set<() => void>();
  #sound: PhoneSound = { kind: "silence" };
  #phase = 0;
  #heardSamples = 0;
  #lastHeardMs: number;
  #sequence = 0;
  #nextMs = 0;
  #cancel: Dispose = () => undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastHeardMs = clock.now();
  }

  /** Binds to a free port of 127.0.0.1 and answers it. */
  async open(): Promise<number> {
    this.#socket.on("message", (packet) => this.#receive(packet));
    // What is sent to a port that Asterisk has closed comes back as an error: the call has ended, no more.
    this.#socket.on("error", () => undefined);
    this.#socket.bind(0, "127.0.0.1");
    await once(this.#socket, "listening");
    return this.#socket.address().port;
  }

  /** Begins to send, to `port` of 127.0.0.1, and hears nothing from elsewhere. */
  connect(port: number): void {
    if (this.#closed) return;
    this.#socket.connect(port, "127.0.0.1", () => {
      if (this.#closed) return;
      this.#nextMs = this.#clock.now();
      this.#tick();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel();
    this.#socket.close();
  }

  play(sound: PhoneSound): void {
    this.#sound = sound;
    this.#phase = 0;
    this.#echo.length = 0;
  }

  /** What was heard in the last `ms` ms (at most 3000). Where nothing came, that is silence. */
  heard(ms: number, frequenciesHz: readonly number[]): Heard {
    this.#fillGap();
    const wanted = Math.round((Math.min(ms, MEMORY_MS) * SAMPLE_RATE_HZ) / 1_000);
    const count = Math.min(wanted, this.#heardSamples);
    const samples = new Int16Array(count);
    for (let index = 0; index < count; index++) {
      samples[index] = this.#memory[(this.#heardSamples - count + index) % MEMORY_SAMPLES] ?? 0;
    }
    const level = levelDb(samples);
    const tones = frequenciesHz.map((frequencyHz) => ({
      frequencyHz,
      levelDb: toneLevelDb(samples, frequencyHz, SAMPLE_RATE_HZ),
    }));
    return { ms: (count * 1_000) / SAMPLE_RATE_HZ, levelDb: level, tones, kind: classify(level) };
  }

  #receive(packet: Buffer): void {
    if (packet.length <= HEADER_BYTES || ((packet[0] ?? 0) & 0xff) !== 0x80 || ((packet[1] ?? 0) & 0x7f) !== PCMA)
      return;
    this.#fillGap();
    this.#lastHeardMs = this.#clock.now();
    for (let index = HEADER_BYTES; index < packet.length; index++) this.#remember(decodeAlaw(packet[index] ?? 0xd5));
    if (this.#sound.kind === "echo" && this.#echo.length < MAX_ECHO_FRAMES)
      this.#echo.push(packet.subarray(HEADER_BYTES));
    for (const listener of this.#listeners) listener();
  }

  /**
   * Listens until a tone has been there for 200 ms, at `levelDb` dB or more.
   * @throws GatewayError `not-heard` after `withinMs` ms, with what was heard in `details`.
   */
  async hearTone(frequencyHz: number, levelDb: number, withinMs: number): Promise<Heard> {
    const measure = (ms: number) => this.heard(ms, [frequencyHz]);
    const toneOf = (heard: Heard) => heard.tones[0]?.levelDb ?? FLOOR_DB;
    const undo: Dispose[] = [];
    try {
      return await new Promise<Heard>((resolve, reject) => {
        let packets = 0;
        const listen = () => {
          if (packets++ % 3 !== 0) return;
          const heard = measure(TONE_WINDOW_MS);
          // As strong over the whole time as at the end of it: it did not just begin.
          const steady = Math.abs(toneOf(measure(TONE_WINDOW_MS / 2)) - toneOf(heard)) < 1;
          if (heard.ms >= TONE_WINDOW_MS && toneOf(heard) >= levelDb && steady) resolve(heard);
        };
        this.#listeners.add(listen);
        undo.push(() => this.#listeners.delete(listen));
        const giveUp = () => {
          const details = { ...measure(TONE_WINDOW_MS) };
          reject(new GatewayError("not-heard", `no tone of ${frequencyHz} Hz was heard`, { details }));
        };
        undo.push(this.#clock.at(this.#clock.now() + withinMs, giveUp));
      });
    } finally {
      for (const each of undo) each();
    }
  }

  #fillGap(): void {
    const gapMs = this.#clock.now() - this.#lastHeardMs;
    if (gapMs < GAP_MS) return;
    const silent = Math.min(MEMORY_SAMPLES, Math.round((gapMs * SAMPLE_RATE_HZ) / 1_000));
    for (let index = 0; index < silent; index++) this.#remember(0);
    this.#lastHeardMs = this.#clock.now();
  }

  #remember(sample: number): void {
    this.#memory[this.#heardSamples % MEMORY_SAMPLES] = sample;
    this.#heardSamples++;
  }

  #tick(): void {
    this.#send();
    this.#nextMs += FRAME_MS;
    // After a pause of the whole process there is no use in sending what should have been sent meanwhile.
    if (this.#clock.now() - this.#nextMs > 1_000) this.#nextMs = this.#clock.now();
    this.#cancel = this.#clock.at(this.#nextMs, () => this.#tick());
  }

  #send(): void {
    const packet = Buffer.alloc(HEADER_BYTES + FRAME_SAMPLES, encodeAlaw(0));
    packet[0] = 0x80;
    packet[1] = PCMA | (this.#sequence === 0 ? 0x80 : 0);
    packet.writeUInt16BE(this.#sequence & 0xffff, 2);
    packet.writeUInt32BE((this.#sequence * FRAME_SAMPLES) % 2 ** 32, 4);
    packet.writeUInt32BE(this.#ssrc, 8);
    this.#sequence++;
    this.#speak(packet);
    this.#socket.send(packet);
  }

  #speak(packet: Buffer): void {
    const sound = this.#sound;
    if (sound.kind === "echo") this.#echo.shift()?.copy(packet, HEADER_BYTES);
    if (sound.kind !== "tone") return;
    const amplitude = amplitudeOf(sound.levelDb ?? DEFAULT_LEVEL_DB);
    const step = (2 * Math.PI * sound.frequencyHz) / SAMPLE_RATE_HZ;
    for (let index = 0; index < FRAME_SAMPLES; index++) {
      packet[HEADER_BYTES + index] = encodeAlaw(Math.round(amplitude * Math.sin(this.#phase)));
      this.#phase = (this.#phase + step) % (2 * Math.PI);
    }
  }
}
