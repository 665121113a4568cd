import type { Socket } from "node:net";

/**
 * Server's side of the NBD protocol, as much of it as QEMU needs: fixed newstyle negotiation without structured replies,
 * then READ, WRITE (with FUA), FLUSH and DISC. Figures: the protocol's specification (NetworkBlockDevice/nbd, doc/proto.md).
 */

export interface BlockStore {
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
  write(offset: number, data: Buffer): Promise<void>;
  flush(): Promise<void>;
}

const NBD_MAGIC = 0x4e42444d41474943n;
const OPTION_MAGIC = 0x49484156454f5054n;
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;

const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;
const OPTION = { exportName: 1, abort: 2, go: 7 } as const;
const REPLY = { ack: 1, info: 3, unsupported: 0x80000001 } as const;
/** HAS_FLAGS, SEND_FLUSH, SEND_FUA. */
const TRANSMISSION_FLAGS = 1 | 4 | 8;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const FUA = 1;
const EIO = 5;

/** Reads an exact number of bytes at a time from a stream. */
class Bytes {
  readonly #stream: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#stream = socket[Symbol.asyncIterator]();
  }

  /** Null at the stream's end. */
  async take(count: number): Promise<Buffer | null> {
    const pieces = [this.#rest];
    let have = this.#rest.length;
    while (have < count) {
      const { value, done } = await this.#stream.next();
      if (done === true) return null;
      pieces.push(value);
      have += value.length;
    }
    const all = pieces.length === 1 ? this.#rest : Buffer.concat(pieces);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }
}

export class NbdSession {
  readonly #socket: Socket;
  readonly #store: BlockStore;
  readonly #bytes: Bytes;

  constructor(socket: Socket, store: BlockStore) {
    this.#socket = socket;
    this.#store = store;
    this.#bytes = new Bytes(socket);
  }

  /** Serves until the other end goes. */
  serve(): void {
    this.#serve()
      .catch(() => undefined)
      .finally(() => this.#socket.destroy());
  }

  async #serve(): Promise<void> {
    const greeting = Buffer.alloc(18);
    greeting.writeBigUInt64BE(NBD_MAGIC, 0);
    greeting.writeBigUInt64BE(OPTION_MAGIC, 8);
    greeting.writeUInt16BE(FIXED_NEWSTYLE | NO_ZEROES, 16);
    this.#socket.write(greeting);
    if ((await this.#bytes.take(4)) === null || !(await this.#negotiate())) return;
    while (await this.#request());
  }

  async #negotiate(): Promise<boolean> {
    for (;;) {
      const head = await this.#bytes.take(16);
      if (head === null || head.readBigUInt64BE(0) !== OPTION_MAGIC) return false;
      const option = head.readUInt32BE(8);
      if ((await this.#bytes.take(head.readUInt32BE(12))) === null) return false;
      if (option === OPTION.exportName) {
        this.#socket.write(this.#export());
        return true;
      }
      if (option === OPTION.go) {
        this.#answer(option, REPLY.info, Buffer.concat([Buffer.alloc(2), this.#export()]));
        this.#answer(option, REPLY.ack);
        return true;
      }
      if (option === OPTION.abort) {
        this.#answer(option, REPLY.ack);
        return false;
      }
      this.#answer(option, REPLY.unsupported);
    }
  }

  #export(): Buffer {
    const out = Buffer.alloc(10);
    out.writeBigUInt64BE(BigInt(this.#store.size), 0);
    out.writeUInt16BE(TRANSMISSION_FLAGS, 8);
    return out;
  }

  #answer(option: number, type: number, data = Buffer.alloc(0)): void {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(type, 12);
    head.writeUInt32BE(data.length, 16);
    this.#socket.write(Buffer.concat([head, data]));
  }

  async #request(): Promise<boolean> {
    const head = await this.#bytes.take(28);
    if (head === null || head.readUInt32BE(0) !== REQUEST_MAGIC) return false;
    const flags = head.readUInt16BE(4);
    const command = head.readUInt16BE(6);
    const cookie = Buffer.from(head.subarray(8, 16));
    const offset = Number(head.readBigUInt64BE(16));
    const length = head.readUInt32BE(24);
    switch (command) {
      case COMMAND.disconnect:
        return false;
      case COMMAND.write: {
        const data = await this.#bytes.take(length);
        if (data === null) return false;
        await this.#store.write(offset, data);
        if ((flags & FUA) !== 0) await this.#store.flush();
        this.#reply(cookie, 0);
        return true;
      }
      case COMMAND.read:
        this.#reply(cookie, 0, await this.#store.read(offset, length));
        return true;
      case COMMAND.flush:
        await this.#store.flush();
        this.#reply(cookie, 0);
        return true;
      default:
        this.#reply(cookie, EIO);
        return true;
    }
  }

  #reply(cookie: Buffer, error: number, data?: Buffer): void {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(REPLY_MAGIC, 0);
    head.writeUInt32BE(error, 4);
    cookie.copy(head, 8);
    this.#socket.write(data === undefined ? head : Buffer.concat([head, data]));
  }
}
