import { execFileSync } from "node:child_process";
import { closeSync, readFileSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openEmptied, ownDirectory, readOrdinary, replaceFile } from "./guarded-files.ts";

let directory: string;
let path: string;
let precious: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-guarded-"));
  path = join(directory, "file");
  precious = join(directory, "precious");
  await writeFile(precious, "keep me", { mode: 0o644 });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it("reads an ordinary file, up to its limit and of the right owner", async () => {
  await writeFile(path, "1234");
  expect(readOrdinary(path, 4)).toBe("1234");
  expect(readOrdinary(path, 3)).toBeNull();
  expect(readOrdinary(path, 4, process.getuid?.())).toBe("1234");
  expect(readOrdinary(path, 4, (process.getuid?.() ?? 0) + 1)).toBeNull();
  expect(readOrdinary(join(directory, "nothing"), 4)).toBeNull();
});

it("reads a file of the kernel's, which says that it is empty", async () => {
  const limits = readFileSync("/proc/self/limits", "utf8");
  expect(limits.length).toBeGreaterThan(1_024);
  expect(readOrdinary("/proc/self/limits", limits.length)).toBe(limits);
  expect(readOrdinary("/proc/self/limits", limits.length - 1)).toBeNull();
});

it("neither waits for a FIFO nor follows a link nor reads a device", async () => {
  execFileSync("mkfifo", [path]);
  expect(readOrdinary(path, 64)).toBeNull();
  expect(() => openEmptied(path)).toThrow();
  await rm(path);
  await symlink(precious, path);
  expect(readOrdinary(path, 64)).toBeNull();
  expect(readOrdinary("/dev/zero", 64)).toBeNull();
});

it("empties no file through a link", async () => {
  await symlink(precious, path);
  expect(() => openEmptied(path)).toThrow(expect.objectContaining({ code: "ELOOP" }));
  expect(readFileSync(precious, "utf8")).toBe("keep me");
  await rm(path);
  closeSync(openEmptied(path));
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("replaces a link itself, and gives owner and mode to the new file only", async () => {
  await symlink(precious, path);
  const owner = process.getuid?.() === 0 ? { uid: 0, gid: 1 } : null;
  await replaceFile(path, "new", 0o640, owner);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o640);
  if (owner !== null) expect(statSync(path).gid).toBe(1);
  expect(readFileSync(precious, "utf8")).toBe("keep me");
  expect(statSync(precious)).toMatchObject({ gid: process.getgid?.(), mode: 0o100644 });
});

it("gives no directory away through a link", async () => {
  const other = join(directory, "other");
  await mkdir(other, { mode: 0o711 });
  await symlink(other, path);
  await expect(ownDirectory(path, 0o777, null)).rejects.toMatchObject({ code: expect.stringMatching(/ELOOP|ENOTDIR/) });
  expect(statSync(other).mode & 0o777).toBe(0o711);
});
