import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BootState } from "./boot-state.ts";

let directory = "";
const put = (name: string, text: string) => writeFileSync(join(directory, name), text);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "paxgate-boot-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it("reads the files as they are now", () => {
  const boot = new BootState(directory);
  put("slot", "b\n");
  put("trial", "yes\n");
  expect(boot.read()).toEqual({ slot: "b\n", trial: "yes\n", problem: null });
  put("trial", "no\n");
  put("problem", "one\ntwo\n");
  expect(boot.read()).toEqual({ slot: "b\n", trial: "no\n", problem: "one\ntwo\n" });
});

it("finds nothing on a machine that is no appliance", () => {
  expect(new BootState(join(directory, "none")).read()).toEqual({ slot: null, trial: null, problem: null });
});

it("takes the beginning of a file that is far too long, and does not hide it", () => {
  put("problem", "the card takes no data\n".repeat(10_000));
  const { problem } = new BootState(directory).read();
  expect(problem).toMatch(/^the card takes no data\n/);
  expect(problem?.length).toBe(8_192);
});

it("follows no link, waits for nothing, and reads no directory", () => {
  put("elsewhere", "secret");
  symlinkSync(join(directory, "elsewhere"), join(directory, "problem"));
  execFileSync("mkfifo", [join(directory, "trial")]);
  execFileSync("mkdir", [join(directory, "slot")]);
  expect(new BootState(directory).read()).toEqual({ slot: null, trial: null, problem: null });
});
