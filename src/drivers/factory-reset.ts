import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, rmdir, unlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { describeError, GatewayError } from "../base/errors.ts";
import type { FactoryPort } from "../credentials/port.ts";

/** While it is there, the next start forgets everything. */
const MARKER = "factory-reset";

/** What a start forgot; `left`: what it could not, in words. The marker then stays, and the next start tries again. */
export interface Forgotten {
  readonly removed: number;
  readonly left: readonly string[];
}

/**
 * Forgets everything that the gateway stored: all that is in its state directory, and further files of its own, such
 * as the last good configuration. Invariants:
 * - the marker is on disk before anything goes, and goes last: a reset that a loss of power cuts short is done again;
 * - it happens at a start, before anything is opened, so that nobody writes back what is being forgotten;
 * - no symbolic link is followed and no other file system entered: every name is looked up in a directory that is
 *   held open, so that nobody who owns a part of it can lead us out by changing it meanwhile;
 * - what is to be kept (the person's own configuration, if he put it there) is never touched.
 */
export class FactoryReset implements FactoryPort {
  readonly #directory: string;
  readonly #files: readonly string[];
  readonly #keep: ReadonlySet<string>;

  /** `files`: of ours, outside of the directory. `keep`: never touched, even within it. Absolute or relative paths. */
  constructor(directory: string, files: readonly string[] = [], keep: readonly string[] = []) {
    this.#directory = resolve(directory);
    this.#keep = new Set(keep.map((path) => resolve(path)));
    this.#files = files.map((path) => resolve(path)).filter((path) => !this.#keep.has(path));
  }

  async mark(): Promise<void> {
    const directory = await openDirectory(this.#directory);
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
      const marker = await open(below(directory, MARKER), flags, 0o600);
      await marker.sync().finally(() => marker.close());
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /**
   * To be called at every start before the stored state is opened. Null: no factory reset was asked for. Never
   * rejects: a gateway that cannot forget goes on, and says so.
   */
  async finish(): Promise<Forgotten | null> {
    const marked = await lstat(join(this.#directory, MARKER)).catch(() => null);
    if (marked === null) return null;
    const left: string[] = [];
    let removed = 0;
    const note = (path: string) => (error: unknown) => {
      left.push(`${path}: ${describeError(error)}`);
    };
    for (const path of this.#files) {
      const gone = await removeFile(path).catch(note(path));
      if (gone === true) removed++;
    }
    try {
      const directory = await openDirectory(this.#directory);
      try {
        const { dev } = await directory.stat();
        const sweep = new Sweep(dev, this.#keep, note);
        await sweep.run(directory, this.#directory, new Set([MARKER]));
        removed += sweep.removed;
        await directory.sync();
        if (left.length === 0) {
          await unlink(below(directory, MARKER));
          await directory.sync();
        }
      } finally {
        await directory.close();
      }
    } catch (error) {
      note(this.#directory)(error);
    }
    return { removed, left };
  }
}

/** Removes what is in directories that are held open. */
class Sweep {
  removed = 0;
  readonly #device: number;
  readonly #keep: ReadonlySet<string>;
  readonly #note: (path: string) => (error: unknown) => void;

  constructor(device: number, keep: ReadonlySet<string>, note: (path: string) => (error: unknown) => void) {
    this.#device = device;
    this.#keep = keep;
    this.#note = note;
  }

  /** Whether nothing is left of it. */
  async run(directory: FileHandle, path: string, except: ReadonlySet<string> = new Set()): Promise<boolean> {
    let empty = true;
    for (const name of await readdir(below(directory, "."))) {
      if (except.has(name)) continue;
      const inside = join(path, name);
      const gone = !this.#keep.has(inside) && (await this.#remove(directory, name, inside).catch(this.#note(inside)));
      if (gone !== true) empty = false;
    }
    return empty;
  }

  async #remove(directory: FileHandle, name: string, path: string): Promise<boolean> {
    const entry = below(directory, name);
    if (!(await lstat(entry)).isDirectory()) {
      await unlink(entry);
      this.removed++;
      return true;
    }
    const inner = await openDirectory(entry);
    try {
      if ((await inner.stat()).dev !== this.#device) throw new GatewayError("factory-reset", "another file system");
      if (!(await this.run(inner, path))) return false;
    } finally {
      await inner.close();
    }
    await rmdir(entry);
    this.removed++;
    return true;
  }
}

/** The directory itself: not what a link in its place leads to. */
function openDirectory(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** A name in a directory that is held open (proc(5): /proc/self/fd), whatever becomes of the directory's own. */
function below(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

/** A file of ours that may not be there; whether it was. */
async function removeFile(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return false;
  if (found.isDirectory()) throw new GatewayError("factory-reset", `${basename(path)} is a directory`);
  await unlink(path);
  return true;
}
