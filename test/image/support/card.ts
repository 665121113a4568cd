import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { NbdSession } from "./nbd.ts";

const BLOCK = 4_096;
const SECTOR = 512;

/**
 * A memory card with a write cache: the file, and before it what was written but not flushed yet. A power cut loses of
 * the latter whatever it likes, sector by sector, as a card may; what was flushed stays. QEMU reaches it by NBD, so that
 * killing QEMU is like pulling the plug, and not like the host's page cache, which would forget nothing.
 */
export class Card {
  readonly socket: string;
  readonly size: number;
  readonly #file: FileHandle;
  readonly #cache = new Map<number, Buffer>();
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** One operation after the other: a block is read, changed and put back. */
  #queue: Promise<unknown> = Promise.resolve();
  #powered = true;

  private constructor(file: FileHandle, size: number, socket: string) {
    this.#file = file;
    this.size = size;
    this.socket = socket;
    this.#server = createServer((connection) => {
      this.#connections.add(connection);
      connection.on("close", () => this.#connections.delete(connection));
      connection.on("error", () => undefined);
      new NbdSession(connection, this).serve();
    });
  }

  static async open(image: string, socket: string): Promise<Card> {
    const file = await open(image, "r+");
    const card = new Card(file, (await file.stat()).size, socket);
    card.#server.listen(socket);
    await once(card.#server, "listening");
    return card;
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#inTurn(async () => {
      const out = Buffer.alloc(length);
      await this.#file.read(out, 0, length, offset);
      for (let block = Math.floor(offset / BLOCK); block * BLOCK < offset + length; block++) {
        const cached = this.#cache.get(block);
        if (cached === undefined) continue;
        const from = Math.max(offset, block * BLOCK);
        const to = Math.min(offset + length, (block + 1) * BLOCK);
        cached.copy(out, from - offset, from - block * BLOCK, to - block * BLOCK);
      }
      return out;
    });
  }

  write(offset: number, data: Buffer): Promise<void> {
    return this.#inTurn(async () => {
      for (let at = 0; at < data.length; ) {
        const block = Math.floor((offset + at) / BLOCK);
        const within = offset + at - block * BLOCK;
        const count = Math.min(BLOCK - within, data.length - at);
        let cached = this.#cache.get(block);
        if (cached === undefined) {
          cached = Buffer.alloc(BLOCK);
          if (count < BLOCK) await this.#file.read(cached, 0, BLOCK, block * BLOCK);
          this.#cache.set(block, cached);
        }
        data.copy(cached, within, at, at + count);
        at += count;
      }
    });
  }

  flush(): Promise<void> {
    return this.#inTurn(async () => {
      for (const [block, data] of this.#cache) await this.#file.write(data, 0, BLOCK, block * BLOCK);
      this.#cache.clear();
    });
  }

  /**
   * The power goes: nobody is answered any more. Of each sector that was written but not flushed `survives` says
   * whether it has reached the card. Returns how many were lost.
   */
  async cut(survives: () => boolean): Promise<number> {
    this.#powered = false;
    for (const connection of this.#connections) connection.destroy();
    await this.#queue.catch(() => undefined);
    let lost = 0;
    for (const [block, data] of this.#cache) {
      for (let at = 0; at < BLOCK; at += SECTOR) {
        if (survives()) await this.#file.write(data, at, SECTOR, block * BLOCK + at);
        else lost++;
      }
    }
    this.#cache.clear();
    this.#powered = true;
    return lost;
  }

  /** What was not flushed is lost: a reset of the machine, after which the card is still powered, flushes first. */
  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#server.close();
    await this.#queue.catch(() => undefined);
    await this.#file.close();
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      if (!this.#powered) throw new Error("the card has no power");
      return action();
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
