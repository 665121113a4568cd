import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditReport } from "../../src/sip/audit/types.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { GatewayRig } from "./support/gateway-rig.ts";

/** What `npm run build` made, or another build that is to be tested. */
const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");

/** Of the Debian package `asterisk`: the samples of every file, and a small office's configuration. */
const SAMPLES = "/usr/share/asterisk/conf/samples";
const OFFICE = "/usr/share/asterisk/conf/basic-pbx";

/** An audit of 110 files takes a tenth of a second, and Node itself as much. */
const LIMIT_MS = 10_000;

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
let samples: string;

beforeAll(async () => {
  place = await temporaryDirectory();
  samples = join(place.path, "samples");
  await mkdir(samples);
  for (const name of await readdir(SAMPLES))
    await copyFile(join(SAMPLES, name), join(samples, name.replace(/\.sample$/, "")));
});
afterAll(() => place.remove());

const audit = (...args: readonly string[]) => run([process.execPath, PROGRAM, "audit", ...args]);

async function run(command: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(command[0] ?? "", command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIMIT_MS,
  });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (chunk) => (text[name] += chunk));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, ...text };
}

const shortly = ({ findings }: AuditReport): string[] =>
  findings.map(({ severity, id, place: { file } }) => `${severity} ${id} ${file}`);

describe("Asterisk's own samples", () => {
  it("are audited whole, and found to be what they are: an open door to a demonstration", async () => {
    const { status, stdout, stderr } = await audit("--json", samples);
    expect(stderr).toBe("");
    expect(shortly(JSON.parse(stdout))).toEqual([
      "high iax-guest iax.conf",
      "high sip-guest sip.conf",
      "medium modules-autoload modules.conf",
      "medium modules-dangerous modules.conf",
      "medium sip-default-context sip.conf",
      "medium sip-transfer sip.conf",
      "medium taint-dial extensions.conf",
      "medium taint-dial extensions.conf",
      "low open-pattern-trunk extensions.conf",
      "low sip-direct-media sip.conf",
      "info dialplan-remote extensions.conf",
      "info not-analysed-ael extensions.ael",
      "info not-analysed-lua extensions.lua",
    ]);
    expect(status).toBe(1);
  });

  it("show where an ENUM answer comes to Dial unfiltered", async () => {
    const lines = (await readFile(join(samples, "extensions.conf"), "utf8")).split("\n");
    const { findings }: AuditReport = JSON.parse((await audit("--json", samples)).stdout);
    const tainted = findings
      .filter(({ id }) => id === "taint-dial")
      .map(({ place: { line } }) => lines[line - 1]?.trim());
    expect(tainted[0]).toContain(`Dial(SIP/\${isnresult}`);
    expect(tainted[1]).toContain(`Dial(\${ARG1})`);
  });

  it("as SARIF are one run with a place for every finding", async () => {
    const { stdout } = await audit("--format", "sarif", samples);
    const { version, runs } = JSON.parse(stdout);
    expect(version).toBe("2.1.0");
    expect(runs).toHaveLength(1);
    expect(runs[0].results).toHaveLength(13);
    for (const { ruleId, ruleIndex, locations } of runs[0].results) {
      expect(runs[0].tool.driver.rules[ruleIndex].id).toBe(ruleId);
      expect(locations[0].physicalLocation.region.startLine).toBeGreaterThan(0);
    }
  });
});

describe("the package's small office", () => {
  it("lets whoever names its trunk in, has no unfiltered data, and none of its passwords is printed", async () => {
    const { status, stdout } = await audit(OFFICE);
    expect(stdout).toContain("pjsip-no-auth");
    expect(stdout).toContain("pjsip-transfer");
    expect(stdout).not.toContain("taint-");
    const passwords = [...(await readFile(join(OFFICE, "pjsip.conf"), "utf8")).matchAll(/^password = (\S+)/gm)];
    expect(passwords.length).toBeGreaterThan(10);
    for (const [, password = ""] of passwords) expect(stdout).not.toContain(password);
    expect(status).toBe(1);
  });
});

describe("the status that a script gets", () => {
  it.each([
    ["critical", 0],
    ["high", 1],
    ["info", 1],
    ["none", 0],
  ])("with --fail-on %s for samples whose worst is high is %i", async (level, expected) => {
    expect((await audit("--fail-on", level, samples)).status).toBe(expected);
  });

  it.each([
    [["--fail-on", "dreadful", "/"], "--fail-on is one of"],
    [["--format", "pdf", "/"], "--format is one of"],
    [["/none/such"], "cannot be read"],
    [["-c", "/none/such.yaml"], "/none/such.yaml"],
    [["-c", "x.yaml", "/etc"], "give either"],
  ])("with %j is 2, and it is said why", async (args, why) => {
    const { status, stderr, stdout } = await audit(...args);
    expect(stderr).toContain(why);
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });

  it("of a directory without configuration is 2: nothing found there would be believed", async () => {
    const empty = join(place.path, "empty");
    await mkdir(empty);
    expect(await audit(empty)).toMatchObject({ status: 2, stdout: "" });
  });

  it("of a directory with nothing that takes calls is 2 too", async () => {
    const other = join(place.path, "no-asterisk");
    await mkdir(other);
    await writeFile(join(other, "http.conf"), "[general]\nenabled=no\n");
    const { status, stderr, stdout } = await audit(other);
    expect(stderr).toContain("no Asterisk's configuration");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });

  it("is 1 when sip.conf may not be read: what is in it is not taken for good", async () => {
    const locked = join(place.path, "locked");
    await mkdir(locked);
    await writeFile(join(locked, "http.conf"), "[general]\nenabled=no\n");
    await writeFile(join(locked, "modules.conf"), "[modules]\nautoload=no\n");
    await writeFile(join(locked, "sip.conf"), "[general]\nallowguest=yes\n", { mode: 0 });
    // Root without the right to read everything.
    const drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", process.execPath];
    const { status, stdout } = await run([...drop, PROGRAM, "audit", "--json", locked]);
    const report: AuditReport = JSON.parse(stdout);
    expect(shortly(report)).toContain("high not-analysed-file sip.conf");
    expect(report.findings[0]?.why).toContain("EACCES");
    expect(status).toBe(1);
  });
});

describe("this gateway", () => {
  let rig: GatewayRig;
  beforeAll(async () => {
    rig = await GatewayRig.start({ tieLines: 1 });
  }, 30_000);
  afterAll(() => rig?.stop());

  it("has no finding at all while it runs, with accounts, trunks and all that it renders", async () => {
    const { status, stdout, stderr } = await audit("-c", rig.configFile, "--json", "--fail-on", "info");
    expect(stderr).toBe("");
    const report: AuditReport = JSON.parse(stdout);
    expect(report.findings).toEqual([]);
    expect(report.files).toBeGreaterThan(15);
    expect(status).toBe(0);
  });

  it("is audited as it would be rendered where it never ran, and nothing is made by that", async () => {
    const config = await readFile(rig.configFile, "utf8");
    const other = join(place.path, "other");
    await mkdir(other);
    const moved = config.replace(/(["']?(?:state|runtime)["']?:\s*)["']?[^\s,"'}]+["']?/g, `$1${other}/none`);
    expect(moved.split(`${other}/none`)).toHaveLength(3);
    const file = join(other, "paxgate.yaml");
    await writeFile(file, moved, { mode: 0o600 });
    const { status, stdout, stderr } = await audit("-c", file, "--fail-on", "info");
    expect(stdout).toContain("nothing found");
    expect(stderr).toContain("what would be is audited");
    expect(await readdir(other)).toEqual(["paxgate.yaml"]);
    expect(status).toBe(0);
  });

  it("is told to have a fault when it says so itself", async () => {
    const good = await readFile(rig.configFile, "utf8");
    await writeFile(rig.configFile, `${good}\nlimitz: {}\n`);
    process.kill(rig.gatewayPid, "SIGHUP");
    await rig.until(({ fault }) => fault !== null);
    // Mended, but not yet taken up: what is wrong is known to the running gateway only.
    await writeFile(rig.configFile, good);
    const { stdout } = await audit("-c", rig.configFile, "--json");
    expect(shortly(JSON.parse(stdout))).toEqual([`medium gateway-fault ${rig.configFile}`]);
  });
});
