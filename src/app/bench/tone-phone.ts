import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { systemClock } from "../../base/clock.ts";
import type { Dispose } from "../../base/events.ts";
import { g711Decode, g711Encode } from "../../line/g711.ts";
import { FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ } from "../../line/port.ts";
import { toneLevelDbm0 } from "../../sim/ear.ts";
import { audioPort } from "./sip-text.ts";

const HEADER_BYTES = 12;
const PCMA = 8;
/** The tone's peak: -10 dBm0 or so. */
const PEAK = 7_000;
/** A frame in which the tone is weaker has lost it. */
const HEARD_DBM0 = -20;

interface Packet {
  readonly atMs: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What a telephone received. */
export interface ToneReport {
  /** Time between packets, ms. */
  readonly gapsMs: readonly number[];
  /** Sequence numbers that did not come. */
  readonly missing: number;
  /** Packets without the tone. */
  readonly silent: number;
  /** The tone came, in nearly every packet. */
  readonly heard: boolean;
}

/** A telephone beyond the trunk that sends a tone and keeps what it is sent. */
export class TonePhone {
  /** Its period divides a frame, so every packet's payload is the same. */
  static readonly frequencyHz = 1_000;
  readonly #socket: Socket = createSocket("udp4");
  readonly #packets: Packet[] = [];
  readonly #packet = Buffer.alloc(HEADER_BYTES + FRAME_SAMPLES);
  readonly #target: number;
  #sequence = 0;
  #stop: Dispose = () => undefined;
  /** Resolves with the first packet. */
  readonly hearing: Promise<unknown>;

  private constructor(target: number) {
    this.#target = target;
    this.hearing = once(this.#socket, "message");
    this.#socket.on("message", (data) => {
      if (data.length !== HEADER_BYTES + FRAME_SAMPLES) return;
      const payload = data.subarray(HEADER_BYTES);
      this.#packets.push({ atMs: systemClock.now(), sequence: data.readUInt16BE(2), payload });
    });
    const tone = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) =>
      Math.round(PEAK * Math.sin((2 * Math.PI * TonePhone.frequencyHz * i) / SAMPLE_RATE_HZ)),
    );
    g711Encode("alaw", tone, this.#packet.subarray(HEADER_BYTES));
    this.#packet[0] = 0x80;
    this.#packet[1] = PCMA;
    this.#packet.writeUInt32BE(1, 8);
  }

  /** Begins to speak to the address of an offer. */
  static async answer(offer: string): Promise<TonePhone> {
    const phone = new TonePhone(audioPort(offer));
    phone.#socket.bind(0, "127.0.0.1");
    await once(phone.#socket, "listening");
    phone.#speakAt(systemClock.now());
    return phone;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  clear(): void {
    this.#packets.length = 0;
  }

  hangUp(): void {
    this.#stop();
    this.#socket.close();
  }

  report(frequencyHz: number): ToneReport {
    const packets = [...this.#packets];
    const samples = new Int16Array(FRAME_SAMPLES);
    let silent = 0;
    let missing = 0;
    for (const [i, { payload, sequence }] of packets.entries()) {
      g711Decode("alaw", payload, samples);
      if (toneLevelDbm0(samples, frequencyHz) < HEARD_DBM0) silent++;
      const before = packets[i - 1];
      if (before !== undefined) missing += Math.max(0, ((sequence - before.sequence) & 0xffff) - 1);
    }
    const gapsMs = packets.slice(1).map(({ atMs }, i) => atMs - (packets[i]?.atMs ?? Number.NaN));
    return { gapsMs, missing, silent, heard: packets.length > 0 && silent < packets.length / 100 };
  }

  #speakAt(atMs: number): void {
    this.#sequence++;
    this.#packet.writeUInt16BE(this.#sequence & 0xffff, 2);
    this.#packet.writeUInt32BE((this.#sequence * FRAME_SAMPLES) >>> 0, 4);
    this.#socket.send(Buffer.from(this.#packet), this.#target, "127.0.0.1");
    this.#stop = systemClock.at(atMs + FRAME_MS, () => this.#speakAt(atMs + FRAME_MS));
  }
}
