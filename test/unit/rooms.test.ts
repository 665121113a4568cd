import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Proof that `npm run lint` refuses what the house forbids: every fault is written down and put before the linter. */

const root = resolve(import.meta.dirname, "../..");

/** [file in src/, its text, words of the complaint] */
const refused: readonly (readonly [file: string, text: string, complaint: string])[] = [
  // Rooms don't know each other.
  ["line/a1.ts", 'import { x } from "../calls/machine.ts";', "room line/ may not import calls/machine.ts"],
  ["line/a2.ts", 'import type { X } from "../calls/port.ts";', "room line/ may not import calls/port.ts"],
  ["calls/a1.ts", 'import type { X } from "../line/types.ts";', "room calls/ may not import line/types.ts"],
  ["calls/service.ts", 'import { x } from "../sip/service.ts";', "room calls/ may not import sip/service.ts"],
  ["sip/a1.ts", 'export { x } from "../calls/limits.ts";', "room sip/ may not import calls/limits.ts"],
  ["sip/a2.ts", 'export * from "../line/machine.ts";', "room sip/ may not import line/machine.ts"],
  ["sip/deep/a3.ts", 'import { x } from "../../line/machine.ts";', "room sip/ may not import line/machine.ts"],
  ["calls/a3.ts", 'type X = import("../line/types.ts").X;', "room calls/ may not import line/types.ts"],
  ["calls/a4.ts", 'const x = await import("../line/machine.ts");', "room calls/ may not import line/machine.ts"],
  ["calls/a5.ts", 'import "../line/machine.ts";', "room calls/ may not import line/machine.ts"],
  ["calls/a6.ts", 'import {\n  x,\n  y,\n} from "../line/machine.ts";', "room calls/ may not import line/machine.ts"],
  ["calls/a7.ts", 'import x, { type Y } from "../line/machine.ts";', "room calls/ may not import line/machine.ts"],
  ["line/a8.test.ts", 'import { x } from "../sim/pax.ts";', "room line/ may not import sim/pax.ts"],
  // base knows nobody; config and store know base.
  ["base/a1.ts", 'import type { X } from "../config/schema.ts";', "room base/ may not import config/schema.ts"],
  ["base/a2.ts", 'import { x } from "../line/types.ts";', "room base/ may not import line/types.ts"],
  ["config/a1.ts", 'import type { X } from "../line/types.ts";', "room config/ may not import line/types.ts"],
  ["store/a1.ts", 'import type { X } from "../config/schema.ts";', "room store/ may not import config/schema.ts"],
  // Of the configuration a room takes the types only.
  ["line/b1.ts", 'import { x } from "../config/schema.ts";', "may import only types from config/schema.ts"],
  ["line/b2.ts", 'import { type X, y } from "../config/schema.ts";', "may import only types from config/schema.ts"],
  ["sip/b1.ts", 'import * as x from "../config/schema.ts";', "may import only types from config/schema.ts"],
  // Drivers see a room's port, not its inside, and neither the simulation nor the configuration.
  ["drivers/a1.ts", 'import { x } from "../line/machine.ts";', "room drivers/ may not import line/machine.ts"],
  ["drivers/a2.ts", 'import { x } from "../calls/service.ts";', "room drivers/ may not import calls/service.ts"],
  ["drivers/a3.ts", 'import { x } from "../line/types.ts";', "may import only types from line/types.ts"],
  ["drivers/a4.ts", 'import { x } from "../sim/pax.ts";', "room drivers/ may not import sim/pax.ts"],
  ["drivers/a5.ts", 'import { x } from "../app/gateway.ts";', "room drivers/ may not import app/gateway.ts"],
  ["sim/a1.ts", 'import { x } from "../line/service.ts";', "room sim/ may not import line/service.ts"],
  ["sim/a2.ts", 'import { x } from "../calls/machine.ts";', "room sim/ may not import calls/machine.ts"],
  ["sim/a3.ts", 'import { x } from "../drivers/ari.ts";', "room sim/ may not import drivers/ari.ts"],
  // Nobody below the wiring knows the wiring.
  ["line/c1.ts", 'import { x } from "../app/gateway.ts";', "room line/ may not import app/gateway.ts"],
  ["sim/c1.ts", 'import { x } from "../cli/paxgate.ts";', "room sim/ may not import cli/paxgate.ts"],
  ["app/c1.ts", 'import { x } from "../../scripts/build.mjs";', "outside src/"],
  ["app/c2.ts", 'import { x } from "../line/machine.test.ts";', "imports a test"],
  // Pure files.
  ["line/d1.ts", 'import { x } from "node:fs";', "is pure and may not import node:fs"],
  ["line/d2.ts", 'import type { X } from "zod";', "is pure and may not import zod"],
  ["calls/d1.ts", 'import fs = require("fs");', "is pure and may not import fs"],
  ["sip/render/d2.ts", 'import { x } from "yaml";', "is pure and may not import yaml"],
  ["sip/d3.ts", 'import { x } from "./service.ts";', "is pure and may not import sip/service.ts"],
  ["firewall/d1.ts", 'import { x } from "node:net";', "is pure and may not import node:net"],
  // The house itself.
  ["utils/e1.ts", "export const x = 1;", "is in no room"],
  ["e2.ts", "export const x = 1;", "is in no room"],
  ["app/e3.ts", "const x = 1;\n".repeat(301), "301 lines; 300 is the limit"],
  ["app/e4.ts", `// biome-${"ignore"} lint: because`, "suppresses a check"],
  ["app/e5.ts", `// @ts-${"ignore"}`, "suppresses the compiler"],
  ["app/e6.ts", `// TO${"DO"}: later`, "puts work off"],
];

const allowed: readonly (readonly [file: string, text: string])[] = [
  ["base/a.ts", 'import { EventEmitter } from "node:events";\nimport type { Log } from "./log.ts";'],
  ["config/a.ts", 'import { z } from "zod";\nimport { GatewayError } from "../base/errors.ts";'],
  ["line/a.ts", 'import { assertNever } from "../base/assert-never.ts";\nimport { x } from "./types.ts";'],
  ["line/b.ts", 'import type { X } from "../config/schema.ts";\nimport { type Y } from "../config/pax-profile.ts";'],
  ["line/service.ts", 'import { x } from "node:timers";\nimport { y } from "./machine.ts";'],
  ["line/c.test.ts", 'import fc from "fast-check";\nimport { x } from "../config/schema.ts";'],
  ["drivers/a.ts", 'import WebSocket from "ws";\nimport { x } from "../line/port.ts";'],
  ["drivers/b.ts", 'import type { X } from "../line/types.ts";\nimport { y } from "../line/g711.ts";'],
  ["drivers/c.ts", 'import { x } from "../sim/port.ts";'],
  ["sim/a.ts", 'import { x } from "../line/tones.ts";\nimport type { Y } from "../calls/port.ts";'],
  ["app/a.ts", 'import { x } from "../line/service.ts";\nimport { y } from "../drivers/ari.ts";'],
  ["cli/a.ts", 'import { x } from "../app/a.ts";\nimport { y } from "../sim/a.ts";'],
  ["line/d.ts", '// import { x } from "../calls/machine.ts";\nconst text = "import x from ../calls/machine.ts";'],
];

/** [file in src/, its text, the rule of Biome that refuses it] */
const refusedByBiome: readonly (readonly [file: string, text: string, rule: string])[] = [
  ["line/time.ts", "export const now = () => Date.now();", "noRestrictedGlobals"],
  ["calls/timer.ts", "export const later = (f: () => void) => setTimeout(f, 1);", "noRestrictedGlobals"],
  ["sip/env.ts", "export const home = () => process.env;", "noRestrictedGlobals"],
  ["app/any.ts", "export const x = (y: any) => y;", "noExplicitAny"],
  ["app/camelCase.ts", "export const x = 1;", "useFilenamingConvention"],
  ["app/index.ts", 'export * from "./a.ts";', "noBarrelFile"],
  ["line/skipped.test.ts", 'import { it } from "vitest";\nit.skip("waits", () => {});', "noSkippedTests"],
];

describe("the rules of the house", () => {
  let tree: string;
  let withFaults: string[];

  /** Writes the files and returns the linter's words. */
  const lint = (name: string, files: readonly (readonly [string, string, string?])[], command: string[]) => {
    const top = join(tree, name);
    for (const [file, text] of files) {
      mkdirSync(dirname(join(top, "src", file)), { recursive: true });
      writeFileSync(join(top, "src", file), `${text}\n`);
    }
    const [program = "", ...args] = command;
    return spawnSync(program, [...args, "."], { cwd: top, encoding: "utf8" });
  };
  const checkRooms = [process.execPath, join(root, "scripts/check-rooms.mjs")];

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), "paxgate-rooms-"));
    const run = lint("refused", refused, checkRooms);
    expect(run.status).toBe(1);
    withFaults = run.stderr.trim().split("\n");
  });
  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  for (const [file, , complaint] of refused) {
    it(`refuse src/${file}: ${complaint}`, () => {
      const own = withFaults.filter((fault) => fault.startsWith(`src/${file}:`));
      expect(own).toHaveLength(1);
      expect(own[0]).toContain(complaint);
    });
  }

  it("name the line of the fault", () => {
    expect(withFaults.find((fault) => fault.startsWith("src/calls/a6.ts:"))).toMatch(/^src\/calls\/a6\.ts:4: /);
  });

  it("accept what the table allows", () => {
    const run = lint("allowed", allowed, checkRooms);
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });

  it("are completed by Biome: no clock in pure files, no any, no barrel, no skipped test", () => {
    const top = join(tree, "biome");
    mkdirSync(top);
    cpSync(join(root, "biome.json"), join(top, "biome.json"));
    const biome = [join(root, "node_modules/.bin/biome"), "lint", "--reporter=github", "--max-diagnostics=none"];
    const run = lint("biome", refusedByBiome, biome);
    const said = `${run.stdout}${run.stderr}`.split("\n");
    for (const [file, , rule] of refusedByBiome) {
      expect(said.filter((line) => line.includes(`src/${file}`) && line.includes(rule))).not.toEqual([]);
    }
  });
});
