import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

/** What root takes from a directory that belongs to a user who may be hostile. Run as root it reads as nobody. */

const SCRIPT = join(import.meta.dirname, "../../image/layers/80-paxgate/overlay/usr/lib/paxgate/mirror-card");
let work = "";
let card = "";
let firmware = "";

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "paxgate-card-"));
  card = join(work, "card");
  firmware = join(work, "firmware");
  mkdirSync(card);
  mkdirSync(firmware, { mode: 0o700 });
  chmodSync(work, 0o755);
  chmodSync(card, 0o755);
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

const env = () => ({ ...process.env, PAXGATE_CARD: card, PAXGATE_FIRMWARE: firmware, PAXGATE_USER: "nobody" });
const mirror = () => spawnSync(SCRIPT, { env: env(), encoding: "utf8", timeout: 20_000 });
const onCard = () => readdirSync(firmware).sort();
const said = (name: string, text: string | Buffer) => writeFileSync(join(card, name), text, { mode: 0o644 });
const held = (name: string) => readFileSync(join(firmware, name), "utf8");

it("mirrors the two names and no other, and takes them away again", () => {
  said("PROBLEM.txt", "problem\n");
  said("CREDENTIALS.txt", "credentials\n");
  said("cmdline.txt", "init=/bin/sh\n");
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual(["CREDENTIALS.txt", "PROBLEM.txt"]);
  expect([held("PROBLEM.txt"), held("CREDENTIALS.txt")]).toEqual(["problem\n", "credentials\n"]);
  rmSync(join(card, "CREDENTIALS.txt"));
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual(["PROBLEM.txt"]);
});

it("writes only what has changed", () => {
  said("PROBLEM.txt", "one\n");
  mirror();
  const before = statSync(join(firmware, "PROBLEM.txt"));
  mirror();
  expect(statSync(join(firmware, "PROBLEM.txt")).ino).toBe(before.ino);
  expect(statSync(join(firmware, "PROBLEM.txt")).mtimeMs).toBe(before.mtimeMs);
  said("PROBLEM.txt", "two\n");
  mirror();
  expect(held("PROBLEM.txt")).toBe("two\n");
});

it("ends what a loss of power left, overwritten before its name goes", () => {
  rmSync(card, { recursive: true });
  for (const name of ["CREDENTIALS.txt", "CREDENTIALS.txt.new", "PROBLEM.txt"]) {
    writeFileSync(join(firmware, name), "secret");
    linkSync(join(firmware, name), join(work, name));
  }
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual([]);
  expect(readFileSync(join(work, "CREDENTIALS.txt"))).toEqual(Buffer.alloc(6));
  expect(readFileSync(join(work, "CREDENTIALS.txt.new"))).toEqual(Buffer.alloc(6));
});

it("follows no symbolic link", () => {
  said("other", "not for the card\n");
  symlinkSync(join(card, "other"), join(card, "PROBLEM.txt"));
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual([]);
});

it("reads nothing that the supervisor's user cannot read, by whatever link", () => {
  writeFileSync(join(work, "shadow"), "root's\n");
  chmodSync(join(work, "shadow"), 0o000);
  linkSync(join(work, "shadow"), join(card, "PROBLEM.txt"));
  mkdirSync(join(work, "hidden"), { mode: 0o700 });
  writeFileSync(join(work, "hidden/CREDENTIALS.txt"), "root's\n");
  if (process.getuid?.() === 0) chownSync(join(work, "shadow"), 0, 0);
  else chmodSync(join(work, "hidden"), 0o000);
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual([]);
  rmSync(card, { recursive: true });
  symlinkSync(join(work, "hidden"), card);
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual([]);
  chmodSync(join(work, "hidden"), 0o700);
});

it("is not held by a FIFO, and takes neither a directory nor a file that is too large", () => {
  execFileSync("mkfifo", [join(card, "PROBLEM.txt")]);
  mkdirSync(join(card, "CREDENTIALS.txt"));
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual([]);
  rmSync(join(card, "PROBLEM.txt"));
  said("PROBLEM.txt", Buffer.alloc(65_536, "x"));
  expect(mirror().status).toBe(0);
  expect(held("PROBLEM.txt")).toHaveLength(65_536);
  truncateSync(join(card, "PROBLEM.txt"), 1_000_000_000_000);
  expect(mirror().status).toBe(0);
  expect(onCard()).toEqual([]);
});

it("makes ordinary files, whatever the mode over there", () => {
  said("PROBLEM.txt", "text");
  chmodSync(join(card, "PROBLEM.txt"), 0o6777);
  expect(mirror().status).toBe(0);
  expect(lstatSync(join(firmware, "PROBLEM.txt")).mode & 0o7777).toBe(0o600);
});

it("keeps what the card has where there is no room for more", () => {
  said("PROBLEM.txt", "one\n");
  expect(mirror().status).toBe(0);
  // Nothing can be written there.
  mkdirSync(join(firmware, "PROBLEM.txt.new"));
  said("PROBLEM.txt", "two\n");
  expect(mirror().status).not.toBe(0);
  expect(held("PROBLEM.txt")).toBe("one\n");
});
