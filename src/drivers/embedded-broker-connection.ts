import { Duplex } from "node:stream";
import type { BrokerRole } from "./embedded-broker-access.ts";
import { FrameGuard, isQos2 } from "./mqtt-link-frames.ts";

/** Longest packet before and after the password, bytes. */
const LONGEST_BEFORE = 2_048;
const LONGEST_AFTER = 65_536;
/** Bytes that may wait for a client that does not read; more, and it is gone. */
export const MOST_UNSENT = 262_144;
/**
 * The broker waits with everybody's messages when one connection says that it is full. So none ever says so: it is
 * closed long before.
 */
const WRITABLE_HIGH_WATER = 4 * MOST_UNSENT;

/** A client's stream as the broker sees it: packets measured as they come, what waits to be sent bounded. */
export class BrokerConnection extends Duplex {
  readonly address: string;
  /** Name at the broker: the client's own is not used, so that nobody ends another's connection by it. */
  readonly slot: string;
  /** Null until the password was right. */
  role: BrokerRole | null = null;
  /** Topic filters that it has subscribed to. */
  readonly filters = new Set<string>();
  /** Subscriptions asked for in the present second, and which that is. */
  asked = { second: 0, count: 0 };
  readonly #inner: Duplex;

  constructor(inner: Duplex, address: string, slot: string) {
    super({ writableHighWaterMark: WRITABLE_HIGH_WATER, allowHalfOpen: false });
    this.#inner = inner;
    this.address = address;
    this.slot = slot;
    const guard = new FrameGuard({
      longest: () => (this.role === null ? LONGEST_BEFORE : LONGEST_AFTER),
      wants: (type, flags) => !isQos2(type, flags),
    });
    inner.on("data", (chunk: Buffer) => {
      if (guard.take(chunk) !== null) this.destroy();
      else if (!this.push(chunk)) inner.pause();
    });
    inner.on("end", () => this.push(null));
    inner.on("error", () => this.destroy());
    inner.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#inner.write(chunk, done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#inner.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner.destroy();
    done(error);
  }
}
