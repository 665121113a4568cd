import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Acknowledged, StoreWriter, storedAt } from "./support/store-writer.ts";

/** The stored state, when the writing process or the power goes at any moment. Needs root, loop devices and ext4. */

const run = promisify(execFile);

let directory: string;
let program: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-power-"));
  program = await StoreWriter.build(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What is found is what was last acknowledged, or the one that was being written. */
function expectKept(found: Acknowledged, acknowledged: Acknowledged | null): void {
  const { count, password } = acknowledged ?? { count: 0, password: null };
  expect([count, count + 1]).toContain(found.count);
  if (found.count === count && password !== null) expect(found.password).toBe(password);
}

describe("a writer that is killed", () => {
  it("at any moment loses no acknowledged write, and the next one goes on from there", async () => {
    const state = join(directory, "killed");
    let writes = 0;
    for (let times = 0; times < 25; times++) {
      const writer = new StoreWriter(program, state);
      await writer.said(randomInt(0, 6));
      await delay(randomInt(0, 12));
      await writer.kill();
      expect(writer.lines.filter((line) => line.startsWith("alert"))).toEqual([]);
      const before = writes;
      if (writer.acknowledged === null) continue;
      const found = await storedAt(state);
      expectKept(found, writer.acknowledged);
      expect(found.alerts).toEqual([]);
      writes = found.count;
      expect(writes).toBeGreaterThan(before);
    }
    expect(writes).toBeGreaterThan(25);
    console.log(`${writes} resets, 25 kills, nothing lost`);
  });
});

/** An ext4 of its own in a file, on a loop device that bypasses the cache of the file. */
class CuttableDisk {
  readonly #image: string;
  readonly place: string;
  #device = "";

  constructor(name: string) {
    this.#image = join(directory, `${name}.img`);
    this.place = join(directory, name);
  }

  async make(): Promise<this> {
    await writeFile(this.#image, "");
    await truncate(this.#image, 16 * 1024 * 1024);
    await run("mkfs.ext4", ["-q", this.#image]);
    await mkdir(this.place);
    const { stdout } = await run("losetup", ["--direct-io=on", "-f", "--show", this.#image]);
    this.#device = stdout.trim();
    await this.mount();
    return this;
  }

  /** Replays the journal, as the start after a loss of power does. */
  async mount(): Promise<void> {
    await run("mount", ["-t", "ext4", this.#device, this.place]);
  }

  /**
   * The power goes: EXT4_IOC_SHUTDOWN without flushing the log (`_IOR('X', 125, __u32)`, 2). From that instant nothing
   * reaches the device any more, neither what is in memory nor what is in the journal's; what the device has, it keeps.
   */
  async cut(): Promise<void> {
    const ioctl = "import fcntl,os,struct,sys;fcntl.ioctl(os.open(sys.argv[1],0),0x8004587d,struct.pack('I',2))";
    await run("python3", ["-c", ioctl, this.place]);
  }

  async unmount(): Promise<void> {
    await run("umount", [this.place]);
  }

  async remove(): Promise<void> {
    await this.unmount().catch(() => undefined);
    if (this.#device !== "") await run("losetup", ["-d", this.#device]);
  }
}

async function powerCuts(disk: CuttableDisk, times: number, how: "synced" | "unsynced") {
  const state = join(disk.place, "state");
  let lost = 0;
  let writes = 0;
  for (let time = 0; time < times; time++) {
    const writer = new StoreWriter(program, state, how);
    await writer.said(randomInt(1, 12));
    await delay(randomInt(0, 15));
    await disk.cut();
    // Until it is killed it might say that something is safe: what is found must have it all the same.
    await writer.kill();
    await disk.unmount();
    await disk.mount();
    const found = await storedAt(state);
    if (how === "synced") {
      expectKept(found, writer.acknowledged);
      expect(found.alerts).toEqual([]);
    } else if (found.count < (writer.acknowledged?.count ?? 0)) lost++;
    writes = found.count;
  }
  return { lost, writes };
}

describe("a loss of power under a real ext4", () => {
  it("at any moment loses no acknowledged write, with no alert and nothing damaged", async () => {
    const disk = new CuttableDisk("ext4");
    try {
      await disk.make();
      const { writes } = await powerCuts(disk, 15, "synced");
      expect(writes).toBeGreaterThan(15);
      console.log(`${writes} resets, 15 losses of power, nothing lost`);
    } finally {
      await disk.remove();
    }
  });

  it("would be seen by this test: without waiting for the disk, acknowledged writes are lost", async () => {
    const disk = new CuttableDisk("unsynced");
    try {
      await disk.make();
      const { lost } = await powerCuts(disk, 5, "unsynced");
      expect(lost).toBeGreaterThan(0);
    } finally {
      await disk.remove();
    }
  });
});
