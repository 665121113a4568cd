import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PowerCut, PowerCutDisk } from "./power-cut-disk.ts";
import { StateFileAdapter, type StateFileAlert } from "./state-file.ts";

const unexpected = (alert: StateFileAlert) => expect.fail(`alert: ${JSON.stringify(alert)}`);

describe("a loss of power", () => {
  /** Writes 1, then 2, then 3, with the power lost after `cut` operations; says which writes had been acknowledged. */
  async function writeUntilCut(disk: PowerCutDisk): Promise<number> {
    const file = new StateFileAdapter("/state/s.json", unexpected, disk);
    let acknowledged = 0;
    try {
      for (const generation of [1, 2, 3]) {
        await file.write({ generation });
        acknowledged = generation;
      }
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    return acknowledged;
  }

  it("at any operation, with any part of what was not synced lost, costs no acknowledged write", async () => {
    const whole = new PowerCutDisk(Number.POSITIVE_INFINITY);
    expect(await writeUntilCut(whole)).toBe(3);
    expect(whole.operations).toBeGreaterThan(15);
    let outcomes = 0;
    for (let cut = 0; cut <= whole.operations; cut++) {
      const disk = new PowerCutDisk(cut);
      const acknowledged = await writeUntilCut(disk);
      for (const remains of disk.afterPowerCut()) {
        const read = await new StateFileAdapter("/state/s.json", unexpected, remains).read();
        const generation = read === null ? 0 : (read as { generation: number }).generation;
        expect([acknowledged, acknowledged + 1], `cut after ${cut} operations`).toContain(generation);
        outcomes++;
        // And the next start writes as if nothing had happened.
        const next = new StateFileAdapter("/state/s.json", unexpected, remains);
        await next.write({ generation: 9 });
        expect(await next.read()).toEqual({ generation: 9 });
      }
    }
    expect(outcomes).toBeGreaterThan(100);
  });

  it("would be seen by this test: without the sync of the data, or of the directory, writes are lost", async () => {
    for (const skipped of ["sync", "syncDirectory"] as const) {
      let lost = 0;
      for (let cut = 0; cut <= 40; cut++) {
        const disk = new PowerCutDisk(cut, skipped);
        const acknowledged = await writeUntilCut(disk);
        for (const remains of disk.afterPowerCut()) {
          const read = await new StateFileAdapter("/state/s.json", () => undefined, remains).read().catch(() => null);
          if (((read as { generation: number } | null)?.generation ?? 0) < acknowledged) lost++;
        }
      }
      expect(lost, `without ${skipped}`).toBeGreaterThan(0);
    }
  });
});

describe("on the machine's own disk", () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "paxgate-state-"));
    path = join(directory, "state.json");
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("there is nothing before the first write, and what was written afterwards", async () => {
    const file = new StateFileAdapter(path, unexpected);
    expect(await file.read()).toBeNull();
    await file.write({ a: "ä", b: [1] });
    expect(await new StateFileAdapter(path, unexpected).read()).toEqual({ a: "ä", b: [1] });
  });

  it("the file and the generation before can be read by their owner only, and nothing else is left behind", async () => {
    const file = new StateFileAdapter(path, unexpected);
    await file.write(1);
    await file.write(2);
    expect((await readdir(directory)).sort()).toEqual(["state.json", "state.json.previous"]);
    for (const name of await readdir(directory)) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["empty", () => ""],
    ["cut short", (whole: string) => whole.slice(0, -3)],
    ["changed in one character", (whole: string) => whole.replace("second", "sEcond")],
  ])("a file that is %s is replaced by the generation before it, with an alert", async (_, damage) => {
    const file = new StateFileAdapter(path, unexpected);
    await file.write("first");
    await file.write("second");
    await writeFile(path, damage(await readFile(path, "utf8")));
    const alerts: StateFileAlert[] = [];
    const damaged = new StateFileAdapter(path, (alert) => alerts.push(alert));
    expect(await damaged.read()).toBe("first");
    expect(alerts).toEqual([{ type: "previous-generation-used", path, reason: "damaged" }]);
    // The good generation is not overwritten by the damaged one, which is kept for examination.
    await damaged.write("third");
    expect(await readdir(directory)).toContain("state.json.damaged");
    await writeFile(path, "");
    expect(await damaged.read()).toBe("first");
  });

  it("damage to both generations is an error, and neither is touched", async () => {
    await writeFile(path, "x");
    await writeFile(`${path}.previous`, "y");
    await expect(new StateFileAdapter(path, unexpected).read()).rejects.toMatchObject({ code: "state-lost" });
    expect(await readFile(path, "utf8")).toBe("x");
  });

  it("the generation before can be had, and both can be put aside, after which there is nothing", async () => {
    const file = new StateFileAdapter(path, unexpected);
    await file.write("first");
    expect(await file.readPrevious()).toBeNull();
    await file.write("second");
    expect(await file.readPrevious()).toBe("first");
    await file.setAside();
    expect((await readdir(directory)).sort()).toEqual(["state.json.damaged", "state.json.previous.damaged"]);
    expect(await file.read()).toBeNull();
    await file.write("third");
    expect(await file.read()).toBe("third");
    await writeFile(`${path}.previous`, "damaged");
    expect(await file.readPrevious()).toBeNull();
  });

  it("writes at the same time are made one after the other, the last one counts", async () => {
    const file = new StateFileAdapter(path, unexpected);
    await Promise.all([1, 2, 3, 4, 5].map((n) => file.write(n)));
    expect(await file.read()).toBe(5);
  });
});
