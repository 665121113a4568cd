import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { g711Decode, g711Encode } from "../line/g711.ts";
import { FRAME_SAMPLES, type MediaPort } from "../line/port.ts";

/** RTP payload type of G.711 A-law (RFC 3551, section 6). */
const PCMA = 8;
const HEADER_BYTES = 12;
/** Frames to collect before the first is played: 40 ms against jitter (EJ). */
const PRIME_FRAMES = 2;
/** Frames kept at most; older ones are dropped, which bounds the delay to 120 ms (EJ). */
const MAX_FRAMES = 6;

/** Frames of 20 ms: received, missing when the line wanted one, and times that a backlog was dropped. */
export interface AudioCounts {
  readonly received: number;
  readonly missing: number;
  readonly dropped: number;
}

/**
 * One RTP session on loopback with Asterisk's `externalMedia` channel, G.711 A-law in frames of 20 ms. It keeps no
 * time of its own: the line paces it. What does not come from the address given to `connect` is not received.
 */
export class RtpSession implements MediaPort {
  readonly #socket: Socket = createSocket({ type: "udp4", recvBufferSize: 1 << 16 });
  readonly #ssrc = randomBytes(4).readUInt32BE();
  readonly #packet = Buffer.alloc(HEADER_BYTES + FRAME_SAMPLES);
  readonly #queue: Buffer[] = [];
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  #sequence = randomBytes(2).readUInt16BE();
  #timestamp = randomBytes(4).readUInt32BE();
  #primed = false;
  #connected = false;
  #closed = false;
  readonly #counts = { sent: 0, received: 0, missing: 0, dropped: 0 };

  get counts(): AudioCounts {
    const { received, missing, dropped } = this.#counts;
    return { received, missing, dropped };
  }

  /** Binds to a free port of 127.0.0.1 and answers it. Rejects when it is closed before. */
  async open(): Promise<number> {
    this.#socket.on("message", (packet) => this.#receive(packet));
    // A port that Asterisk has closed answers ECONNREFUSED to what is still sent: that is no fault of ours.
    this.#socket.on("error", () => undefined);
    const closed = new Promise<never>((_, reject) => {
      this.#socket.once("close", () => reject(new Error("closed before it was open")));
    });
    closed.catch(() => undefined);
    this.#socket.bind(0, "127.0.0.1");
    await Promise.race([once(this.#socket, "listening"), closed]);
    return this.#socket.address().port;
  }

  /** Talks to `port` of 127.0.0.1, and to nothing else, from now on. */
  connect(port: number): void {
    if (this.#closed) return;
    this.#socket.connect(port, "127.0.0.1", () => {
      this.#connected = !this.#closed;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connected = false;
    this.#queue.length = 0;
    this.#socket.close();
  }

  send(frame: Int16Array): void {
    if (!this.#connected) return;
    const packet = this.#packet;
    packet[0] = 0x80; // version 2, no padding, no extension, no CSRC (RFC 3550, section 5.1)
    packet[1] = this.#counts.sent === 0 ? PCMA | 0x80 : PCMA; // the marker begins a talk spurt
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(this.#timestamp, 4);
    packet.writeUInt32BE(this.#ssrc, 8);
    g711Encode("alaw", frame, packet.subarray(HEADER_BYTES));
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + FRAME_SAMPLES) >>> 0;
    this.#counts.sent++;
    // dgram keeps the buffer until it is sent: give it one of its own.
    this.#socket.send(Buffer.from(packet));
  }

  receive(): Int16Array | null {
    if (!this.#primed) {
      if (this.#queue.length < PRIME_FRAMES) return null;
      this.#primed = true;
    }
    const payload = this.#queue.shift();
    if (payload === undefined) {
      this.#primed = false;
      this.#counts.missing++;
      return null;
    }
    g711Decode("alaw", payload, this.#frame);
    return this.#frame;
  }

  #receive(packet: Buffer): void {
    const payload = rtpPayload(packet);
    if (!this.#connected || payload === null) return;
    this.#counts.received++;
    this.#queue.push(payload);
    if (this.#queue.length > MAX_FRAMES) {
      this.#queue.splice(0, this.#queue.length - PRIME_FRAMES);
      this.#counts.dropped++;
    }
  }
}

/** The A-law payload of one 20 ms packet, or null for anything else. */
function rtpPayload(packet: Buffer): Buffer | null {
  if (packet.length < HEADER_BYTES || (packet[0] ?? 0) >> 6 !== 2) return null;
  if (((packet[1] ?? 0) & 0x7f) !== PCMA) return null;
  const start = HEADER_BYTES + 4 * ((packet[0] ?? 0) & 0x0f);
  return packet.length - start === FRAME_SAMPLES ? packet.subarray(start) : null;
}
