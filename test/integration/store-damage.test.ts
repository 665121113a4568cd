import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StateFileAdapter } from "../../src/drivers/state-file.ts";
import { storedAt } from "./support/store-writer.ts";

/** Stored states that are no use: no file keeps the gateway from starting, and none is destroyed. */

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-damage-"));
  path = join(directory, "state.json");
});
afterEach(() => rm(directory, { recursive: true }));

/** As the adapter writes it, so that only its contents are wrong. */
const whole = (data: unknown, to = path) => new StateFileAdapter(to, () => undefined).write(data);

describe("a state file", () => {
  it.each<[string, () => Promise<void>]>([
    ["of garbage in both generations", () => both(Buffer.from([0, 255, 1, 2]))],
    ["that is empty in both generations", () => both(Buffer.alloc(0))],
    ["of zeros, as some file systems leave after a loss of power", () => both(Buffer.alloc(4096))],
    ["of somebody else's JSON", () => both(Buffer.from('{"version":3,"x":1}'))],
    ["whole, of another program", () => whole({ hello: "world" })],
    ["whole, and no object at all", () => whole([1, 2, 3])],
  ])("%s is kept aside, told, and begun anew; the next start finds what this one made", async (_, damage) => {
    await damage();
    const names = await readdir(directory);
    const before = await readFile(path);
    const { password, alerts } = await storedAt(directory);
    expect(alerts).toEqual(["begun-anew"]);
    expect(await readFile(`${path}.damaged`)).toEqual(before);
    expect((await readdir(directory)).length).toBeGreaterThan(names.length);
    expect(await storedAt(directory)).toMatchObject({ password, alerts: [] });
  });

  it("that is a foreign one gives way to the generation before it", async () => {
    const { password } = await storedAt(directory);
    await whole({ hello: "world" });
    const found = await storedAt(directory);
    expect(found).toMatchObject({ password, alerts: ["previous"] });
    expect(await readFile(`${path}.damaged`, "utf8")).toContain("world");
    expect(await storedAt(directory)).toMatchObject({ password, alerts: [] });
  });

  it("of a later gateway is left as it is, and so is a directory in its place", async () => {
    await whole({ version: 99, accounts: "in a form of the future" });
    const before = await readFile(path);
    expect((await storedAt(directory)).alerts).toEqual(["not-kept"]);
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(directory)).toEqual(["state.json"]);
    await rm(path);
    await mkdir(path);
    expect((await storedAt(directory)).alerts).toEqual(["not-kept"]);
  });
});

async function both(bytes: Buffer): Promise<void> {
  await writeFile(path, bytes);
  await writeFile(`${path}.previous`, bytes);
}
