import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { InstanceLock } from "./instance-lock.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-lock-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it("lets one gateway use a directory, by whatever name, and tells the second whose it is", async () => {
  const first = new InstanceLock([join(directory, "run"), join(directory, "state")]);
  await first.start();
  await symlink(join(directory, "state"), join(directory, "alias"));
  const second = new InstanceLock([join(directory, "other"), join(directory, "alias")]);
  await expect(second.start()).rejects.toMatchObject({
    code: "already-running",
    message: expect.stringContaining(String(process.pid)),
  });
  // What it had taken before it failed is free again.
  const third = new InstanceLock([join(directory, "other")]);
  await third.start();
  await third.stop();
  await first.stop();
  await second.start();
  await second.stop();
});

it("is free again as soon as its holder was killed", async () => {
  const holder = spawn(process.execPath, ["--input-type=module", "-e", program(directory)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  const lock = new InstanceLock([directory]);
  await expect(lock.start()).rejects.toMatchObject({ details: { holder: String(holder.pid) } });
  const gone = once(holder, "exit");
  holder.kill("SIGKILL");
  await gone;
  await lock.start();
  await lock.stop();
});

/** Holds the directory's name as the lock does, in a process that can be killed. */
const program = (path: string) => `
  import { createHash } from "node:crypto";
  import { realpathSync } from "node:fs";
  import { createServer } from "node:net";
  const hash = createHash("sha256").update(realpathSync(${JSON.stringify(path)})).digest("hex").slice(0, 40);
  createServer((socket) => socket.end(String(process.pid))).listen("\\0paxgate-" + hash, () => console.log("held"));
`;
