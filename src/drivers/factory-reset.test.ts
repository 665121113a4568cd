import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FactoryReset } from "./factory-reset.ts";

let directory: string;
let state: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-factory-"));
  state = join(directory, "state");
  await mkdir(join(state, "asterisk-db/deep"), { recursive: true });
  for (const name of ["state.json", "state.json.previous", "bans.json", "asterisk-db/astdb", "asterisk-db/deep/x"]) {
    await writeFile(join(state, name), "secret");
  }
});
afterEach(() => rm(directory, { recursive: true }));

it("does nothing that nobody asked for", async () => {
  expect(await new FactoryReset(state).finish()).toBeNull();
  expect(await new FactoryReset(join(directory, "nowhere")).finish()).toBeNull();
  expect(await readdir(state)).toHaveLength(4);
});

it("forgets everything in the directory and further files of ours, once", async () => {
  const lastGood = join(directory, "last-good.yaml");
  await writeFile(lastGood, "x");
  const reset = new FactoryReset(state, [lastGood, join(directory, "never-was")]);
  await reset.mark();
  await reset.mark();
  expect(await readdir(state)).toHaveLength(5);
  expect(await reset.finish()).toEqual({ removed: 8, left: [] });
  expect(await readdir(state)).toEqual([]);
  expect(await readdir(directory)).toEqual(["state"]);
  expect(await reset.finish()).toBeNull();
});

it("is done again when it was cut short anywhere", async () => {
  const reset = new FactoryReset(state);
  await reset.mark();
  // Whatever part of it was done: the marker goes last.
  for (const name of ["state.json", "asterisk-db/deep", "bans.json"]) await rm(join(state, name), { recursive: true });
  expect(await reset.finish()).toMatchObject({ left: [] });
  expect(await readdir(state)).toEqual([]);
});

it("keeps the person's own configuration, wherever he put it", async () => {
  await mkdir(join(state, "mine"));
  const own = join(state, "mine/paxgate.yaml");
  await writeFile(own, "mine");
  await writeFile(join(state, "mine/other"), "x");
  const reset = new FactoryReset(state, [own], [own]);
  await reset.mark();
  expect(await reset.finish()).toMatchObject({ left: [] });
  expect(await readdir(state)).toEqual(["mine"]);
  expect(await readdir(join(state, "mine"))).toEqual(["paxgate.yaml"]);
  expect(await reset.finish()).toBeNull();
});

it("follows no link, neither within nor in the directory's own place", async () => {
  const elsewhere = join(directory, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, "precious"), "p");
  await symlink(elsewhere, join(state, "asterisk-db/out"));
  await symlink(join(elsewhere, "precious"), join(state, "asterisk-db/file"));
  const reset = new FactoryReset(state);
  await reset.mark();
  expect(await reset.finish()).toMatchObject({ left: [] });
  expect(await readFile(join(elsewhere, "precious"), "utf8")).toBe("p");
  await writeFile(join(elsewhere, "factory-reset"), "");
  const led = join(directory, "led");
  await symlink(elsewhere, led);
  await expect(new FactoryReset(led).mark()).rejects.toMatchObject({ code: "ENOTDIR" });
  expect((await new FactoryReset(led).finish())?.left).toHaveLength(1);
  expect(await readdir(elsewhere)).toContain("precious");
});

it("is not led out by somebody who exchanges a directory for a link meanwhile", async () => {
  const elsewhere = join(directory, "elsewhere");
  const inner = join(state, "asterisk-db/deep");
  let on = true;
  const exchanging = (async () => {
    for (let at = 0; on; at++) {
      await rm(inner, { recursive: true, force: true }).catch(() => undefined);
      const made = at % 2 === 0 ? symlink(elsewhere, inner) : mkdir(inner);
      await made.catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await mkdir(elsewhere);
  for (let times = 0; times < 200; times++) {
    await writeFile(join(elsewhere, "precious"), "p");
    await mkdir(join(state, "asterisk-db"), { recursive: true });
    const reset = new FactoryReset(state);
    await reset.mark();
    await reset.finish();
    expect(await readdir(elsewhere)).toEqual(["precious"]);
  }
  on = false;
  await exchanging;
});
