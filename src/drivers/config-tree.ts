import type { Dirent } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { TREE_LIMITS } from "../sip/audit/port.ts";
import type { ConfigTree, Skipped } from "../sip/audit/types.ts";

/** Configuration files by their names' ends; the rest of such a directory are scripts, keys and copies. */
const READ = /\.(?:conf|ael|lua|inc|include)$|(?:^|\/)[^./]+$/;

/**
 * Reads a directory of Asterisk's configuration files, with bounds on number, size and depth; runs nothing. What is left
 * out is named in `skipped`.
 * @throws GatewayError `audit-unreadable` when the directory itself cannot be read
 */
export async function readConfigTree(directory: string, limits: TreeLimits = TREE_LIMITS): Promise<ConfigTree> {
  let root: string;
  try {
    root = await realpath(directory);
    if (!(await stat(root)).isDirectory()) throw new GatewayError("audit-unreadable", `${directory} is no directory`);
    await readdir(root);
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError("audit-unreadable", `${directory} cannot be read`, { cause });
  }
  const files = new Map<string, string>();
  const worldReadable = new Set<string>();
  const skipped: Skipped[] = [];
  const left = { entries: limits.entries, bytes: limits.totalBytes };

  const visit = async (below: string, depth: number): Promise<void> => {
    let entries: Dirent[];
    try {
      entries = await readdir(join(root, below), { withFileTypes: true });
    } catch (error) {
      skipped.push({ name: below, reason: reasonOf(error) });
      return;
    }
    for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      if (left.entries-- <= 0 || files.size >= limits.files) {
        skipped.push({ name, reason: "the directory holds too many files; the rest was left out too", andRest: true });
        return;
      }
      if (entry.isDirectory()) {
        if (depth < limits.depth) await visit(name, depth + 1);
        else skipped.push({ name, reason: "it lies too deep" });
      } else if (READ.test(name)) await read(name);
    }
  };

  const read = async (name: string): Promise<void> => {
    try {
      // Looked at before it is opened: opening a named pipe would wait for its writer.
      const found = await stat(join(root, name));
      if (!found.isFile()) return;
      const { size, mode } = found;
      const limit = Math.min(limits.fileBytes, left.bytes);
      if (size > limit) {
        skipped.push({ name, reason: `it is larger than the ${limit} bytes that are read` });
        return;
      }
      const text = await textOf(join(root, name), size);
      left.bytes -= size;
      files.set(name, text);
      if ((mode & 0o004) !== 0) worldReadable.add(name);
    } catch (error) {
      skipped.push({ name, reason: reasonOf(error) });
    }
  };

  await visit("", 0);
  return { root, files, worldReadable, skipped };
}

/** Bounds of what is read; {@link TREE_LIMITS} but in tests. */
export type TreeLimits = { readonly [Name in keyof typeof TREE_LIMITS]: number };

/** At most `size` bytes, should the file grow meanwhile. */
async function textOf(path: string, size: number): Promise<string> {
  const handle = await open(path, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, 0);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await handle.close();
  }
}

const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "it cannot be read";
