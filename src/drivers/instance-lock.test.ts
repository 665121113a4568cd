import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { createConnection } from "node:net";
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

it("gives whoever connects nothing, and holds nothing for him", async () => {
  const lock = new InstanceLock([directory]);
  await lock.start();
  const before = readdirSync("/proc/self/fd").length;
  const guests = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const guest = createConnection(join(directory, "instance.sock"));
      let text = "";
      guest.on("data", (chunk) => {
        text += String(chunk);
      });
      // The guest never ends by himself.
      await once(guest, "close");
      return text;
    }),
  );
  expect(guests.join("")).toBe("");
  expect(readdirSync("/proc/self/fd").length).toBe(before);
  expect(statSync(join(directory, "instance.sock")).mode & 0o777).toBe(0o600);
  await lock.stop();
  expect(readdirSync(directory)).toEqual([]);
});

it("is held though its process id cannot be written down, as on a full disk", async () => {
  await mkdir(join(directory, "instance.pid"));
  const lock = new InstanceLock([directory]);
  await lock.start();
  await expect(new InstanceLock([directory]).start()).rejects.toMatchObject({ code: "already-running" });
  await lock.stop();
});

it("takes no directory in which others could keep us out", async () => {
  await chmod(directory, 0o777);
  await expect(new InstanceLock([directory]).start()).rejects.toMatchObject({ code: "directory-foreign" });
  await chmod(directory, 0o711);
  if (process.getuid?.() !== 0) return;
  await chown(directory, 54_321, 54_321);
  await expect(new InstanceLock([directory]).start()).rejects.toMatchObject({ code: "directory-foreign" });
});

it("has room for a socket in a directory with a long name, and is one of several that begin at once", async () => {
  const deep = join(directory, "d".repeat(120));
  const left = spawn(process.execPath, ["--input-type=module", "-e", program(directory)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(left.stdout, "data");
  const gone = once(left, "exit");
  left.kill("SIGKILL");
  await gone;
  const locks = Array.from({ length: 4 }, () => new InstanceLock([deep, directory]));
  const outcomes = await Promise.allSettled(locks.map((lock) => lock.start()));
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
  await Promise.all(locks.map((lock) => lock.stop()));
  const last = new InstanceLock([deep, directory]);
  await last.start();
  await last.stop();
});

/** Holds the directory as the lock does, in a process that can be killed. */
const program = (path: string) => `
  import { writeFileSync } from "node:fs";
  import { createServer } from "node:net";
  process.chdir(${JSON.stringify(path)});
  writeFileSync("instance.pid", String(process.pid));
  createServer((socket) => socket.destroy()).listen("instance.sock", () => console.log("held"));
`;
