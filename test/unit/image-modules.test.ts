import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MODULES } from "../../src/sip/modules.ts";
import { renderModules } from "../../src/sip/render-core.ts";

/** Which of Asterisk's modules the image keeps: image/layers/70-asterisk/keep-modules. */

const SCRIPT = join(import.meta.dirname, "../../image/layers/70-asterisk/keep-modules");
let root = "";
let modules = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "paxgate-modules-"));
  modules = join(root, "usr/lib/asterisk/modules");
  mkdirSync(modules, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const there = (...names: readonly string[]) => {
  for (const name of names) writeFileSync(join(modules, name), name);
};
function keep(conf: string) {
  const file = join(root, "modules.conf");
  writeFileSync(file, conf);
  return spawnSync(SCRIPT, [root, file], { encoding: "utf8", timeout: 20_000 });
}

it("keeps just what the gateway loads, as it renders it", () => {
  there(...MODULES, "app_system.so", "chan_iax2.so", "chan_sip.so.bak", "XchanXsip.so");
  expect(keep(renderModules())).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(modules)).toEqual([...MODULES].sort());
});

it("may be run again", () => {
  there(...MODULES);
  keep(renderModules());
  expect(keep(renderModules()).status).toBe(0);
  expect(readFileSync(join(modules, "chan_sip.so"), "utf8")).toBe("chan_sip.so");
});

it("ends where a module is missing that is to be loaded, and deletes nothing", () => {
  there("chan_sip.so", "app_system.so");
  const { status, stderr } = keep("autoload=no\nload=chan_sip.so\nload=app_dial.so\n");
  expect(status).toBe(1);
  expect(stderr).toContain("app_dial.so");
  expect(readdirSync(modules)).toEqual(["app_system.so", "chan_sip.so"]);
});

it.each([
  ["", "autoload"],
  ["autoload=yes\nload=chan_sip.so\n", "autoload"],
  ["autoload=no\n", "loads nothing"],
])("deletes nothing by a file that does not say what is loaded: %j", (conf, word) => {
  there("chan_sip.so");
  const { status, stderr } = keep(conf);
  expect(status).toBe(1);
  expect(stderr).toContain(word);
  expect(readdirSync(modules)).toEqual(["chan_sip.so"]);
});
