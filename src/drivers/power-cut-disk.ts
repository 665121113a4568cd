import type { FileOperations, NewFile } from "./file-operations.ts";

/** The power went. */
export class PowerCut extends Error {}

interface Inode {
  /** What a running machine reads. */
  bytes: Uint8Array;
  /** What is safely on the disk; null when the content was never synced. */
  synced: Uint8Array | null;
}

type Names = ReadonlyMap<string, Inode>;

/**
 * A disk that loses power after a number of operations. It keeps what a file system promises and no more: content
 * lasts once it is synced, until then any part of it may be there; names last once the directory is synced, until
 * then any number of the changes since, in order, may have been made.
 */
export class PowerCutDisk implements FileOperations {
  operations = 0;
  readonly #cut: number;
  readonly #skipped: "sync" | "syncDirectory" | undefined;
  #names: Names;
  /** States of the directory since its last sync, that one first. */
  #possible: Names[];

  /** `skipped`: a sync that is acknowledged but not made, to show that the tests would notice. */
  constructor(cut: number, skipped?: "sync" | "syncDirectory", names: Names = new Map()) {
    this.#cut = cut;
    this.#skipped = skipped;
    this.#names = names;
    this.#possible = [names];
  }

  /** Every disk that the machine may find when the power is back. */
  *afterPowerCut(): Generator<PowerCutDisk> {
    for (const names of this.#possible) {
      for (const share of [0, 0.5, 1]) {
        const copies = new Map<Inode, Inode>();
        const kept = new Map<string, Inode>();
        for (const [path, inode] of names) {
          const bytes = inode.synced ?? inode.bytes.slice(0, Math.floor(inode.bytes.length * share));
          const copy = copies.get(inode) ?? { bytes, synced: bytes };
          copies.set(inode, copy);
          kept.set(path, copy);
        }
        yield new PowerCutDisk(Number.POSITIVE_INFINITY, undefined, kept);
      }
    }
  }

  async makeDirectory(): Promise<void> {}

  async read(path: string): Promise<Uint8Array | null> {
    this.#tick();
    return this.#names.get(path)?.bytes ?? null;
  }

  async create(path: string): Promise<NewFile> {
    this.#tick();
    if (this.#names.has(path)) throw new Error(`EEXIST ${path}`);
    const inode: Inode = { bytes: new Uint8Array(), synced: null };
    this.#change((names) => names.set(path, inode));
    return {
      write: async (bytes) => {
        // Cut in the middle of a write, half of it may be there.
        inode.bytes = bytes.slice(0, bytes.length >> 1);
        this.#tick();
        inode.bytes = bytes;
      },
      sync: async () => {
        this.#tick();
        if (this.#skipped !== "sync") inode.synced = inode.bytes;
      },
      close: async () => undefined,
    };
  }

  async link(existing: string, added: string): Promise<void> {
    this.#tick();
    const inode = this.#existing(existing);
    if (this.#names.has(added)) throw new Error(`EEXIST ${added}`);
    this.#change((names) => names.set(added, inode));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#tick();
    const inode = this.#existing(from);
    this.#change((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  async remove(path: string): Promise<void> {
    this.#tick();
    this.#change((names) => names.delete(path));
  }

  async syncDirectory(): Promise<void> {
    this.#tick();
    if (this.#skipped !== "syncDirectory") this.#possible = [this.#names];
  }

  #existing(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Error(`ENOENT ${path}`);
    return inode;
  }

  #change(change: (names: Map<string, Inode>) => void): void {
    const names = new Map(this.#names);
    change(names);
    this.#names = names;
    this.#possible.push(names);
  }

  #tick(): void {
    if (this.operations >= this.#cut) throw new PowerCut("the power went");
    this.operations++;
  }
}
