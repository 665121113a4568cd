import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string(),
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

describe("the lock file", () => {
  const { packages } = lockSchema.parse(JSON.parse(read("package-lock.json")));
  const installed = Object.entries(packages).filter(([path]) => path !== "");

  it("records no download address", () => {
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it("holds a hash of every package", () => {
    expect(installed.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([]);
  });

  it("holds the packages for other systems too, without which npm ci refuses it", () => {
    const absent = installed.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages))
        .map((name) => `${path} → ${name}`),
    );
    expect(absent).toEqual([]);
  });
});

const scripts = readdirSync(join(root, "scripts")).map((name) => `scripts/${name}`);

describe("the scripts", () => {
  it.each([...scripts, ".ci/run", ".npmrc", "package.json"])("name no mirror and no registry: %s", (path) => {
    expect(read(path)).not.toMatch(/https?:\/\//);
  });

  const withHelp = ["start", "test", "install-packages", "install-modules", "build.mjs", "check-rooms.mjs"];
  it.each(withHelp)("explain themselves and do nothing else: scripts/%s --help", (name) => {
    const run = spawnSync(join(root, "scripts", name), ["--help"], { encoding: "utf8" });
    expect(run.stdout).toMatch(/^Usage: /);
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });

  const withOptions = ["test", "install-packages", "install-modules", "build.mjs", "check-rooms.mjs"];
  it.each(withOptions)("refuse an option they don't know: scripts/%s --frobnicate", (name) => {
    const run = spawnSync(join(root, "scripts", name), ["--frobnicate"], { encoding: "utf8" });
    expect(run.stderr).toContain("Usage: ");
    expect(run.status).toBe(2);
  });
});
