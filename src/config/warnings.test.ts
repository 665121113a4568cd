import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "./load.ts";
import { configWarnings } from "./warnings.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-warnings-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function warnings(text: string, mode = 0o600): Promise<string[]> {
  const file = join(directory, "paxgate.yaml");
  await writeFile(file, `lines: [{ name: tie }]\n${text}`);
  await chmod(file, mode);
  const loaded = await loadConfig(file);
  return loaded.ok ? configWarnings(loaded.value) : expect.fail(JSON.stringify(loaded.error));
}

const lists = "blockLists: [{ name: mine, file: blocked.txt }]";

describe("a warning", () => {
  it("is not given of what is as it should be", async () => {
    await writeFile(join(directory, "blocked.txt"), "");
    expect(await warnings(`firewall: { ${lists}, mode: open, apiban: { key: abc } }\n`)).toEqual([]);
    expect(await warnings("firewall: { protect: none }\n")).toEqual([]);
    expect(await warnings("nat: { mode: router, router: { uplink: eth0, lan: eth1 } }\n")).toEqual([]);
  });

  it("names the file of a block list that cannot be read, by its whole path", async () => {
    const path = join(directory, "blocked.txt");
    expect(await warnings(`firewall: { ${lists} }\n`)).toEqual([`the block list mine: ${path} is not there`]);
  });

  it.each([
    ["apiban: { key: abc }", "firewall.apiban"],
    ["blockLists: [{ name: far, url: 'https://example.org/x' }]", "firewall.blockLists"],
    ["mode: open", "firewall.mode: open"],
  ])("says that %s does nothing without a firewall", async (setting, named) => {
    const [warning, ...more] = await warnings(`firewall: { protect: none, ${setting} }\n`);
    expect(warning).toMatch(new RegExp(`protect: none.*do nothing: ${named}$`));
    expect(more).toEqual([]);
  });

  it("says that nat.router does nothing in another mode", async () => {
    const [warning, ...more] = await warnings("nat: { router: { uplink: eth0, lan: eth1 } }\n");
    expect(warning).toContain("nat.router does nothing with nat.mode: none");
    expect(more).toEqual([]);
  });

  it("is given of a key in a file that everybody can read, without the key", async () => {
    const [warning, ...more] = await warnings("firewall: { apiban: { key: hush-hush } }\n", 0o644);
    expect(warning).toContain("holds the key of firewall.apiban and every user of this machine can read it");
    expect([warning, ...more].join()).not.toContain("hush-hush");
    expect(more).toEqual([]);
  });
});
