import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { fail, ok, type Result } from "../base/result.ts";

export interface GuardedFile {
  /** More is refused unread, bytes. */
  readonly largest: number;
  /** What it holds, as the remedy names it: "the secret". */
  readonly what: string;
  /** Whether it must not be accessible to other users, nor writable by its group; otherwise only not writable by all. */
  readonly secret: boolean;
}

/** Reads a small file that the configuration names. A failure is said in words, with the remedy. */
export async function readGuarded(
  path: string,
  { largest, what, secret }: GuardedFile,
): Promise<Result<Buffer, string>> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a named pipe in the file's place would hold the start up for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Asked of the opened file, not of the path, so that it cannot be exchanged in between.
    const { mode, size } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return fail(`${path} is not a file`);
    if (secret && (mode & 0o007) !== 0) return fail(`every user of this machine can get at ${path}: chmod 600 it`);
    if (secret && (mode & 0o020) !== 0) return fail(`${path} can be written by its group: chmod 600 it`);
    if ((mode & 0o002) !== 0) return fail(`every user of this machine can write ${path}: chmod 644 it`);
    if (size > largest) return fail(`${path} is too large to hold ${what}`);
    return ok(await handle.readFile());
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const mode = secret ? ", mode 600" : "";
    if (code === "ENOENT" || code === "ENOTDIR") return fail(`there is no file ${path}: write ${what} into it${mode}`);
    if (code === "EACCES" || code === "EPERM") return fail(`${path} may not be read by this user`);
    return fail(`${path} cannot be read (${code ?? "unknown error"})`);
  } finally {
    await handle?.close();
  }
}
