import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { AsteriskProcess, type AsteriskProcessOptions } from "./asterisk-process.ts";
import { identify, isAlive } from "./process-identity.ts";

let directory: string;
let options: AsteriskProcessOptions;
let other: ChildProcess;
/** A process that names our configuration in its arguments, as anybody's can. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-process-"));
  const at = (name: string) => join(directory, name);
  for (const name of ["etc", "run", "log"]) await mkdir(at(name));
  options = {
    program: process.execPath,
    configFile: at("etc/asterisk.conf"),
    runDirectory: at("run"),
    user: null,
  };
  const script = "console.log(); setInterval(() => undefined, 1000)";
  other = spawn(process.execPath, ["-e", script, options.configFile], { stdio: ["ignore", "pipe", "inherit"] });
  if (other.stdout !== null) await once(other.stdout, "data");
});
afterEach(async () => {
  other.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

const pidFile = () => join(options.runDirectory, "asterisk.pid");
const asterisk = (differences: Partial<AsteriskProcessOptions> = {}) =>
  new AsteriskProcess({ ...options, ...differences }, silentLog);

describe("an Asterisk that was left running", () => {
  it.each(["run/asterisk.pid", "etc/pid"])("is found by %s, and ended", async (name) => {
    await writeFile(join(directory, name), `${other.pid}\n`);
    const attached = asterisk();
    expect(attached.attach()).toBe(true);
    expect(attached.pid).toBe(other.pid);
    const gone = once(other, "exit");
    await attached.stop();
    await gone;
    expect(attached.running).toBe(false);
    expect(asterisk().attach()).toBe(false);
  });

  it("is no other program, no other user's and none of another configuration", async () => {
    await writeFile(pidFile(), String(other.pid));
    expect(asterisk({ program: "/bin/sh" }).attach()).toBe(false);
    expect(asterisk({ user: { uid: 54_321, gid: 54_321 } }).attach()).toBe(false);
    expect(asterisk({ configFile: join(directory, "etc/other.conf") }).attach()).toBe(false);
    expect(other.exitCode).toBeNull();
  });

  it.each(["", "0", "1", "-1", "1e3", "99999999999999999999", "x"])(
    "is not what a pid file with %j says",
    async (text) => {
      await writeFile(pidFile(), text);
      expect(asterisk().attach()).toBe(false);
    },
  );

  it("is not looked for in a FIFO, for ever, nor through a link", async () => {
    execFileSync("mkfifo", [pidFile()]);
    expect(asterisk().attach()).toBe(false);
    await rm(pidFile());
    await writeFile(join(directory, "elsewhere"), String(other.pid));
    await symlink(join(directory, "elsewhere"), pidFile());
    expect(asterisk().attach()).toBe(false);
  });
});

it("empties no file through a link in the place of the console", async () => {
  const precious = join(directory, "precious");
  await writeFile(precious, "keep me");
  await symlink(precious, join(directory, "etc/console"));
  await symlink(precious, join(directory, "log/console"));
  await expect(asterisk({ program: "/bin/true" }).start()).rejects.toMatchObject({ code: "ELOOP" });
  expect(readFileSync(precious, "utf8")).toBe("keep me");
});

it("tells a process from another one that has its number later", () => {
  const found = identify(other.pid ?? 0);
  if (found === null) throw new Error("the process is not there");
  expect(isAlive(found)).toBe(true);
  expect(isAlive({ ...found, startTime: `${Number(found.startTime) + 1}` })).toBe(false);
});
