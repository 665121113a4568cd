import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

/** Which shared libraries the image keeps: image/build/libraries.mjs. */

const SCRIPT = join(import.meta.dirname, "../../image/build/libraries.mjs");
const LIB = "usr/lib/aarch64-linux-gnu";
let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "paxgate-libraries-"));
  mkdirSync(join(root, LIB), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A file as the linker makes it, as far as it is looked at: linked with `needed`, looking in `path`, and some more text. */
function elf(needed: readonly string[], { path = "", text = "" } = {}): Buffer {
  const strings = ["", ...needed, path];
  const table = Buffer.from(`${strings.join("\0")}\0`);
  const at = (index: number) => strings.slice(0, index).reduce((sum, each) => sum + each.length + 1, 0);
  const entries: (readonly [number, number])[] = needed.map((_, index) => [1, at(index + 1)]);
  if (path !== "") entries.push([29, at(needed.length + 1)]);
  const [headers, from, base] = [64, 64 + 2 * 56, 0x10000];
  const length = (entries.length + 2) * 16;
  entries.push([5, base + from + length], [0, 0]);
  const dynamic = Buffer.alloc(length);
  entries.forEach(([tag, value], index) => {
    dynamic.writeBigUInt64LE(BigInt(tag), index * 16);
    dynamic.writeBigUInt64LE(BigInt(value), index * 16 + 8);
  });
  const head = Buffer.alloc(from);
  Buffer.from("7f454c46020101", "hex").copy(head);
  head.writeBigUInt64LE(BigInt(headers), 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(2, 56);
  const segment = (index: number, type: number, offset: number, size: number) => {
    const start = headers + index * 56;
    head.writeUInt32LE(type, start);
    head.writeBigUInt64LE(BigInt(offset), start + 8);
    head.writeBigUInt64LE(BigInt(base + offset), start + 16);
    head.writeBigUInt64LE(BigInt(size), start + 32);
  };
  const end = Buffer.from(`\0${text}\0`);
  segment(0, 1, 0, from + length + table.length);
  segment(1, 2, from, length);
  return Buffer.concat([head, dynamic, table, end]);
}

function put(path: string, content: Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
const tidy = () => spawnSync(process.execPath, [SCRIPT, root], { encoding: "utf8", timeout: 20_000 });
const isThere = (path: string) => existsSync(join(root, path));

it("keeps what a program is linked with, and what that is linked with, by whatever name", () => {
  put("usr/bin/program", elf(["libone.so.1"]));
  put(`${LIB}/libone.so.1.2.3`, elf(["libtwo.so.2"]));
  symlinkSync("libone.so.1.2.3", join(root, LIB, "libone.so.1"));
  put(`${LIB}/libtwo.so.2`, elf([]));
  expect(tidy().status).toBe(0);
  expect([`${LIB}/libone.so.1`, `${LIB}/libtwo.so.2`].map(isThere)).toEqual([true, true]);
});

it("removes what nobody asks for, with its links, and what only that asked for, even in a circle", () => {
  put(`${LIB}/libgone.so.1.0`, elf(["libonly.so.3"]));
  symlinkSync("libgone.so.1.0", join(root, LIB, "libgone.so.1"));
  put(`${LIB}/libonly.so.3`, elf(["libgone.so.1"]));
  const { status, stdout } = tidy();
  expect(status).toBe(0);
  expect(stdout).toContain("2 libraries");
  expect([`${LIB}/libgone.so.1.0`, `${LIB}/libonly.so.3`].map(isThere)).toEqual([false, false]);
  expect(spawnSync("ls", ["-A", join(root, LIB)], { encoding: "utf8" }).stdout).toBe("");
});

it("keeps what is loaded by name as the program runs, what plug-ins ask for, and the plug-ins", () => {
  put("usr/bin/program", elf([], { text: "cannot open libtold.so.4: %s" }));
  put(`${LIB}/libtold.so.4`, elf([]));
  put("usr/lib/asterisk/modules/codec.so", elf(["libplugged.so.5"]));
  put(`${LIB}/libplugged.so.5`, elf([]));
  put(`${LIB}/libnss_dns.so.2`, elf([]));
  expect(tidy().status).toBe(0);
  const kept = [`${LIB}/libtold.so.4`, `${LIB}/libplugged.so.5`, `${LIB}/libnss_dns.so.2`];
  expect([...kept, "usr/lib/asterisk/modules/codec.so"].map(isThere)).toEqual([true, true, true, true]);
});

it("says who is linked with what is not there", () => {
  put("usr/lib/asterisk/modules/codec.so", elf(["libmissing.so.6"]));
  const { status, stderr } = tidy();
  expect(status).toBe(1);
  expect(stderr).toBe("not there: usr/lib/asterisk/modules/codec.so: libmissing.so.6\n");
});

it("looks where the file itself says", () => {
  put("usr/bin/program", elf(["libprivate.so"], { path: "$ORIGIN/../lib/private" }));
  put("usr/lib/private/libprivate.so", elf([]));
  expect(tidy().status).toBe(0);
});
