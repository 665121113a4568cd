import { constants } from "node:fs";
import { type FileHandle, lstat, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { GatewayError } from "../base/errors.ts";
import type { HandoutFile } from "../credentials/port.ts";
import { FILE_MARK } from "../credentials/port.ts";

/** Far above what we write, bytes: a larger file is somebody else's. */
const LIMIT_BYTES = 1_000_000;

/**
 * New credentials in a file on the boot partition, which is FAT: it knows no modes, no journal and no symbolic links.
 * Invariants:
 * - what is removed was overwritten first, and that is on the card before the name goes: without it the text would
 *   stand in free clusters for whoever reads the card (what the card's own controller keeps is beyond us);
 * - a file that is not ours is neither overwritten nor deleted, whatever the configuration says, nor is any link
 *   followed.
 */
export class CredentialsFile implements HandoutFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Errors `handout-file-foreign`, and those of the file system. */
  async write(text: string): Promise<void> {
    await this.remove();
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    const file = await open(this.#path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#syncDirectory();
  }

  /** Errors `handout-file-foreign`, and those of the file system. */
  async remove(): Promise<void> {
    const found = await lstat(this.#path).catch(absent);
    if (found === null) return;
    if (found.isFile()) await this.#overwrite();
    else if (!found.isSymbolicLink()) throw this.#foreign("it is no file");
    // Of a link only the link goes: whatever it leads to was not written by us.
    await unlink(this.#path);
    await this.#syncDirectory();
  }

  async #overwrite(): Promise<void> {
    const file = await open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW);
    try {
      const { size, nlink } = await file.stat();
      if (size > LIMIT_BYTES || nlink > 1) throw this.#foreign("it is too large, or has a second name");
      if (!isOurs(await startOf(file))) throw this.#foreign("it does not begin as ours do");
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #foreign(why: string): GatewayError {
    const message = `${this.#path} is not a file of ours and is left alone: ${why}`;
    return new GatewayError("handout-file-foreign", message, { details: { path: this.#path } });
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(dirname(this.#path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/** Our first words, as long as they are when every character takes two bytes behind a byte order mark. */
async function startOf(file: FileHandle): Promise<Buffer> {
  const start = Buffer.alloc(2 + 2 * FILE_MARK.length);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  return start.subarray(0, bytesRead);
}

/** Our first words, or what a loss of power leaves of them: less of them, zeros, nothing. */
function isOurs(start: Buffer): boolean {
  const words = textOf(start).slice(0, FILE_MARK.length);
  return start.every((byte) => byte === 0) || FILE_MARK.startsWith(words);
}

/** As text: an editor that saves the file again may put a byte order mark before it (RFC 3629 section 6), or UTF-16. */
function textOf(start: Buffer): string {
  if (start[0] === 0xff && start[1] === 0xfe) return start.toString("utf16le", 2);
  return start.toString("latin1").replace(/^\xef\xbb\xbf/, "");
}

function absent(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  throw error;
}
