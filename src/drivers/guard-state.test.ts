import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { GuardState, type GuardStateAlert, guardParts } from "./guard-state.ts";

let directory: string;
let alerts: GuardStateAlert[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-guard-"));
  alerts = [];
});
afterEach(() => rm(directory, { recursive: true }));

const state = (part: (typeof guardParts)[number]) => new GuardState(directory, part, (alert) => alerts.push(alert));

it("each part has a file of its own, for its owner alone, and nothing before it was written", async () => {
  for (const part of guardParts) {
    expect(await state(part).read()).toBeNull();
    await state(part).write({ part });
  }
  for (const part of guardParts) expect(await state(part).read()).toEqual({ part });
  expect((await readdir(directory)).sort()).toEqual(guardParts.map((part) => `${part}.json`).sort());
  expect((await stat(join(directory, "bans.json"))).mode & 0o777).toBe(0o600);
  expect(alerts).toEqual([]);
});

it("what is lost is null with an alert, is kept for examination, and is begun anew; no other part suffers", async () => {
  await state("lists").write(1);
  const bans = state("bans");
  await bans.write("first");
  await bans.write("second");
  const path = join(directory, "bans.json");
  await writeFile(path, "x");
  expect(await state("bans").read()).toBe("first");
  await writeFile(`${path}.previous`, "y");
  expect(await state("bans").read()).toBeNull();
  expect(alerts).toEqual([
    { type: "previous-generation-used", path, reason: "damaged" },
    { type: "lost", path },
  ]);
  await state("bans").write("new");
  expect(await state("bans").read()).toBe("new");
  expect(await readFile(`${path}.damaged`, "utf8")).toBe("x");
  expect(await state("lists").read()).toBe(1);
});

it("a directory that cannot be read is an error, not a lost state", async () => {
  await writeFile(join(directory, "file"), "");
  const within = new GuardState(join(directory, "file"), "bans", (alert) => alerts.push(alert));
  await expect(within.read()).rejects.toThrow();
  expect(alerts).toEqual([]);
});
