import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TREE_LIMITS } from "../sip/audit/port.ts";
import { readConfigTree } from "./config-tree.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "config-tree-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("a directory of configuration files", () => {
  it("is read with the files below it, and who may read them", async () => {
    await mkdir(join(root, "manager.d"));
    await writeFile(join(root, "sip.conf"), "[general]\n");
    await writeFile(join(root, "manager.d", "a.conf"), "[a]\n");
    await writeFile(join(root, "keys.pem"), "no configuration");
    await chmod(join(root, "sip.conf"), 0o640);
    await chmod(join(root, "manager.d", "a.conf"), 0o644);
    const tree = await readConfigTree(root);
    expect([...tree.files]).toEqual([
      ["manager.d/a.conf", "[a]\n"],
      ["sip.conf", "[general]\n"],
    ]);
    expect([...tree.worldReadable]).toEqual(["manager.d/a.conf"]);
    expect(tree.skipped).toEqual([]);
  });

  it("holds nobody up: a named pipe is left out, a link in a circle is named", async () => {
    execFileSync("mkfifo", [join(root, "pipe.conf")]);
    await symlink("circle.conf", join(root, "circle.conf"));
    await symlink("/dev/zero", join(root, "endless.conf"));
    await symlink(root, join(root, "self"));
    const tree = await readConfigTree(root);
    expect(tree.files.size).toBe(0);
    expect(tree.skipped).toEqual([{ name: "circle.conf", reason: "ELOOP" }]);
  });

  it("is read as far as the limits go, and what was left out is said", async () => {
    await mkdir(join(root, "deep", "deeper"), { recursive: true });
    for (const name of ["a.conf", "b.conf", "c.conf"]) await writeFile(join(root, name), name);
    await writeFile(join(root, "large.conf"), "x".repeat(100));
    const bytes = await readConfigTree(root, { ...TREE_LIMITS, fileBytes: 99, depth: 0 });
    expect(bytes.skipped.map(({ name }) => name)).toEqual(["deep", "large.conf"]);
    const few = await readConfigTree(root, { ...TREE_LIMITS, files: 2 });
    expect([...few.files.keys()]).toEqual(["a.conf", "b.conf"]);
    expect(few.skipped).toHaveLength(1);
    const total = await readConfigTree(root, { ...TREE_LIMITS, totalBytes: 12 });
    expect([...total.files.keys()]).toEqual(["a.conf", "b.conf"]);
  });

  it("that is not there, or no directory, is an error", async () => {
    await writeFile(join(root, "file"), "");
    for (const path of ["none", "file"]) {
      await expect(readConfigTree(join(root, path))).rejects.toMatchObject({ code: "audit-unreadable" });
    }
  });
});
