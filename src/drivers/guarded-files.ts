import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";

/**
 * Files in the neighbourhood of a less trusted user. Root who follows a link that Asterisk's user made writes where
 * that user wants; root who opens his FIFO waits for ever. So: no link is followed, nothing is waited for, only
 * ordinary files are read and no more of them than a limit, and owners are changed by descriptor, never by name.
 */

/** Who shall own a file or directory; null leaves it ours. */
export type Owner = { readonly uid: number; readonly gid: number } | null;

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const TRUNCATE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Room for a file that says that it is small, or empty. */
const LEAST_BYTES = 512;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Text of an ordinary file of at most `maxBytes` that, if told, `owner` owns; null for anything else. Never blocks on
 * what is no file.
 */
export function readOrdinary(path: string, maxBytes: number, owner?: number): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, READ);
  } catch {
    return null;
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile() || found.size > maxBytes || (owner !== undefined && found.uid !== owner)) return null;
    // As much room as it takes, not as it may: a limit of a megabyte for each of many small files was memory whose
    // clearing and collecting held everything up for half a second on a slow processor. It may grow while it is read, and
    // the kernel's own files say that they are empty: what comes after the limit is not waited for.
    let bytes = Buffer.allocUnsafe(Math.min(Math.max(found.size, LEAST_BYTES), maxBytes) + 1);
    let length = 0;
    for (;;) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      if (read === 0) return bytes.toString("utf8", 0, length);
      length += read;
      if (length > maxBytes) return null;
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * length, maxBytes + 1));
    }
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a new file in the place of whatever stands there, whole or not at all. */
export async function replaceFile(path: string, text: string, mode: number, owner: Owner): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}`;
  const file = await open(temporary, CREATE, 0o600);
  try {
    await file.writeFile(text);
    await give(file, owner);
    await file.chmod(mode);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Gives an existing directory its owner and mode. Rejects (`ELOOP`, `ENOTDIR`) when it is a link or no directory. */
export async function ownDirectory(path: string, mode: number, owner: Owner): Promise<void> {
  const directory = await open(path, DIRECTORY);
  try {
    await give(directory, owner);
    await directory.chmod(mode);
  } finally {
    await directory.close();
  }
}

/** A service that may not change owners at all need not, where its own group is the wanted one. */
async function give(file: FileHandle, owner: Owner): Promise<void> {
  if (owner === null) return;
  const { uid, gid } = await file.stat();
  if (uid !== owner.uid || gid !== owner.gid) await file.chown(owner.uid, owner.gid);
}

/** Descriptor of an ordinary file, emptied, mode 0600 when it is new. @throws Error when there is something else */
export function openEmptied(path: string): number {
  const descriptor = openSync(path, TRUNCATE, 0o600);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new Error(`${path} is no ordinary file`);
}
