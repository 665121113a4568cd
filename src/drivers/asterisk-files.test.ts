import { existsSync, readFileSync, statSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AsteriskFiles, userIn } from "./asterisk-files.ts";

/** Any user that is not us; no account is needed. */
const user = { uid: 54_321, gid: 54_322 };
const profile = new Map([["sip.conf", "secret=1\n"]]);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-files-"));
  await chmod(directory, 0o711);
});
afterEach(() => rm(directory, { recursive: true, force: true }));
const directories = () => {
  const at = (name: string) => join(directory, "asterisk", name);
  const own = { config: at("etc"), run: at("run"), log: at("log"), spool: at("spool"), keys: at("keys") };
  return { ...own, database: join(directory, "db"), modules: "/usr/lib", data: "/usr/share/asterisk" };
};

describe.runIf(process.getuid?.() === 0)("files that root gives to Asterisk's user", () => {
  it("can be read by him and not changed; what he may write lies in directories that he cannot replace", async () => {
    const { config, run, log } = directories();
    expect(await new AsteriskFiles(directories(), user).write(profile)).toEqual(["sip.conf"]);
    expect(statSync(config)).toMatchObject({ uid: 0, gid: user.gid, mode: 0o040750 });
    expect(statSync(join(config, "sip.conf"))).toMatchObject({ uid: 0, gid: user.gid, mode: 0o100640 });
    expect(statSync(join(config, ".."))).toMatchObject({ uid: 0, mode: 0o040711 });
    for (const his of [run, log]) expect(statSync(his)).toMatchObject({ ...user, mode: 0o040700 });
  });

  it("never change the owner of what a link of his leads to", async () => {
    const { config } = directories();
    const files = new AsteriskFiles(directories(), user);
    await files.write(profile);
    const precious = join(directory, "precious");
    await writeFile(precious, "secret=1\n", { mode: 0o600 });
    await rm(join(config, "sip.conf"));
    await symlink(precious, join(config, "sip.conf"));
    expect(await files.differing(profile)).toEqual(["sip.conf"]);
    await files.write(profile);
    expect(statSync(precious)).toMatchObject({ uid: 0, mode: 0o100600 });
    await rename(config, `${config}.real`);
    await mkdir(join(directory, "elsewhere"));
    await symlink(join(directory, "elsewhere"), config);
    await expect(files.write(profile)).rejects.toThrow();
    expect(statSync(join(directory, "elsewhere")).gid).toBe(0);
  });

  it("are written anew when they are his, even if they say the same", async () => {
    const { config } = directories();
    const files = new AsteriskFiles(directories(), user);
    await files.write(profile);
    await chown(config, user.uid, user.gid);
    await chown(join(config, "sip.conf"), user.uid, user.gid);
    expect(await files.write(profile)).toEqual(["sip.conf"]);
    expect(statSync(config).uid).toBe(0);
    expect(statSync(join(config, "sip.conf")).uid).toBe(0);
  });

  it.each([
    ["owns", (base: string) => chown(base, user.uid, 0)],
    ["can write to", (base: string) => chmod(base, 0o777)],
    [
      "can write to as his group",
      async (base: string) => {
        await chown(base, 0, user.gid);
        await chmod(base, 0o771);
      },
    ],
  ])("are refused a place below a directory that he %s", async (_, open) => {
    await open(directory);
    const refused = new AsteriskFiles(directories(), user).write(profile);
    await expect(refused).rejects.toMatchObject({ code: "asterisk-directory", details: { directory } });
    expect(existsSync(directories().config)).toBe(false);
  });
});

it("bounds logs without following a link", async () => {
  const { log } = directories();
  const files = new AsteriskFiles(directories(), null);
  await files.write(profile);
  const large = join(directory, "large");
  await writeFile(large, "x".repeat(200));
  await symlink(large, join(log, "messages"));
  expect(await files.boundLogs(100)).toBe(false);
  await writeFile(join(log, "security"), "y".repeat(200));
  expect(await files.boundLogs(100)).toBe(true);
  expect(readFileSync(join(log, "security.old"), "utf8")).toHaveLength(200);
});

it("finds Asterisk's user, who never is root", () => {
  const line = (ids: string) =>
    `root:x:0:0::/:/bin/sh\nasterisk:x:${ids}:Asterisk:/var/lib/asterisk:/usr/sbin/nologin\n`;
  expect(userIn(line("102:105"), "asterisk")).toEqual({ uid: 102, gid: 105 });
  for (const ids of ["0:105", "102:0", ":", "x:105", "-1:105", "1.5:3"]) {
    expect(userIn(line(ids), "asterisk")).toBeNull();
  }
  expect(userIn("root:x:0:0::/:/bin/sh\n", "asterisk")).toBeNull();
});
