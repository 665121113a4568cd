import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

/** The units of the image, by systemd's own tools, which need neither the image nor a running systemd. */

const LAYERS = join(import.meta.dirname, "../../image/layers");
const UNITS = "overlay/usr/lib/systemd/system";
/** Where strangers' packets, or what comes of them, are worked on; highest exposure, tenths. */
const EXPOSED = ["paxgate.service", "paxgate-asterisk.service", "paxgate-card.service"];
const MOST_EXPOSURE = 20;

const units = readdirSync(LAYERS).flatMap((layer) => {
  const directory = join(LAYERS, layer, UNITS);
  return orNone(() => readdirSync(directory))
    .filter((name) => /^paxgate.*\.(service|path|timer|socket|mount|target)$/.test(name))
    .map((name) => join(directory, name));
});

function orNone(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** Units with programs that are there: the image's are not on this machine. */
const work = mkdtempSync(join(tmpdir(), "paxgate-units-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("the image's units", () => {
  it("are there", () => {
    expect(units.map((path) => basename(path))).toEqual(expect.arrayContaining([...EXPOSED, "paxgate-asterisk.path"]));
  });

  it("are understood by systemd", () => {
    const there = join(work, "system");
    mkdirSync(there);
    for (const path of units) {
      const text = known(readFileSync(path, "utf8")).replace(/^(Exec[A-Za-z]*=[-+!@:]*)\/[^\s]+/gm, "$1/bin/true");
      writeFileSync(join(there, basename(path)), text);
    }
    // An instance stands for a template.
    const names = units.map((path) => join(there, basename(path).replace("@.", "@one.")));
    for (const name of names)
      if (name.includes("@one.")) writeFileSync(name, readFileSync(name.replace("@one.", "@."), "utf8"));
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", ...names], {
      encoding: "utf8",
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${there}:` },
    });
    const complaints = stderr.split("\n").filter((line) => line.includes(there));
    expect(complaints).toEqual([]);
    expect(status).toBe(0);
  });

  it.each(EXPOSED)("%s is exposed by 2.0 at most", (name) => {
    const path = units.find((unit) => basename(unit) === name) ?? name;
    const options = ["--offline=true", "--no-pager", `--threshold=${MOST_EXPOSURE}`];
    const text = execFileSync("systemd-analyze", ["security", ...options, path], { encoding: "utf8", stdio: "pipe" });
    const exposure = Number(/Overall exposure level for \S+: ([0-9.]+)/.exec(text)?.[1]);
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(MOST_EXPOSURE / 10);
  });
});

/** Without what the image's systemd (257) knows and this machine's, Debian 12's (252), does not. */
function known(text: string): string {
  const version = Number(
    /^systemd (\d+)/.exec(execFileSync("systemd-analyze", ["--version"], { encoding: "utf8" }))?.[1],
  );
  return version < 253 ? text.replace(/^OpenFile=.*\n/gm, "") : text;
}
