import { constants } from "node:fs";
import * as fs from "node:fs/promises";

/** The few operations on files that durable writing is made of, so that a test can cut the power between them. */
export interface FileOperations {
  /** Makes a directory of mode 0700, and those above it, unless they are there. */
  makeDirectory(path: string): Promise<void>;
  /** The whole file; null when there is none. */
  read(path: string): Promise<Uint8Array | null>;
  /** A new, empty file of mode 0600; rejects when something is there already. */
  create(path: string): Promise<NewFile>;
  /** A second name for the file. */
  link(existing: string, added: string): Promise<void>;
  /** Replaces what stands at `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing when there is no such file. */
  remove(path: string): Promise<void>;
  /** Makes names that were added, changed or removed in a directory last. */
  syncDirectory(path: string): Promise<void>;
}

export interface NewFile {
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The machine's own files. */
export const machineFiles: FileOperations = {
  async makeDirectory(path) {
    await fs.mkdir(path, { recursive: true, mode: 0o700 });
  },
  async read(path) {
    try {
      return await fs.readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  },
  async create(path) {
    // O_EXCL also refuses a symbolic link that somebody put in the file's place.
    const handle = await fs.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    return {
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  link: (existing, added) => fs.link(existing, added),
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.rm(path, { force: true }),
  async syncDirectory(path) {
    const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
