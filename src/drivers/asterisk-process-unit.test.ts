import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { AsteriskUnit } from "./asterisk-process-unit.ts";

let directory: string;
let child: ChildProcess;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-unit-"));
  child = spawn("sleep", ["60"]);
  await once(child, "spawn");
});
afterEach(async () => {
  child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

const request = () => join(directory, "asterisk-start");
const members = () => join(directory, "cgroup.procs");
const unit = (limitMs = 2_000) =>
  new AsteriskUnit(
    { user: { uid: process.getuid?.() ?? 0 }, requestFile: request(), membersFile: members(), limitMs },
    silentLog,
  );

it("asks until its process is there", async () => {
  const asterisk = unit(10_000);
  const started = asterisk.start();
  // The first request is lost, as one is that comes while the unit ends.
  await expect.poll(() => existsSync(request()) && readFileSync(request(), "utf8")).toBe("1\n");
  await expect.poll(() => readFileSync(request(), "utf8"), { timeout: 5_000 }).toBe("2\n");
  await writeFile(members(), `${child.pid}\n`);
  expect(await started).toBe("started");
  expect(asterisk.pid).toBe(child.pid);
});

it("takes over the one that runs, ends it, and says that it ended", async () => {
  await writeFile(members(), `${child.pid}\n`);
  const asterisk = unit();
  expect(await asterisk.start()).toBe("attached");
  expect(existsSync(request())).toBe(false);
  child.once("exit", () => void rm(members()));
  await asterisk.stop();
  expect(child.signalCode).toBe("SIGTERM");
  expect(asterisk.running).toBe(false);
});

it("says so when nothing comes of its request", async () => {
  await expect(unit(60).start()).rejects.toMatchObject({ code: "asterisk-start" });
});

it.each(["", "0\n", "1\n", "-5\n", "x\n"])("takes nothing for its process when the list says %j", async (text) => {
  await writeFile(members(), text);
  expect(unit().attach()).toBe(false);
});

it("writes its request through no link", async () => {
  const precious = join(directory, "precious");
  await writeFile(precious, "keep me");
  await symlink(precious, request());
  await expect(unit(60).start()).rejects.toMatchObject({ code: "ELOOP" });
  expect(readFileSync(precious, "utf8")).toBe("keep me");
});
