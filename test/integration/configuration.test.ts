import { once } from "node:events";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freeTcpPort } from "./support/free-port.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { makeCertificates } from "./support/mosquitto.ts";

/** A gateway whose configuration changes under it. */
let rig: GatewayRig;
let good: string;

beforeAll(async () => {
  rig = await GatewayRig.start({ tieLines: 1, withoutEvent: true, config: { trunks: [], numberPlan: { toPax: [] } } });
  good = await readFile(rig.configFile, "utf8");
}, 30_000);
afterAll(() => rig?.stop());
beforeEach(() => writeFile(rig.configFile, good));

const reload = () => process.kill(rig.gatewayPid, "SIGHUP");

describe("a configuration that changes while the gateway runs", () => {
  it("stays as it was when the new one has faults, and every fault is said in log and status", async () => {
    await writeFile(rig.configFile, `${good}\nlimitz: {}\n`);
    reload();
    const view = await rig.until(({ fault }) => fault !== null);
    expect(view.ready).toBe(true);
    expect(view.fault).toContain("limitz");
    expect(view.fault).toContain("limits");
    await writeFile(rig.configFile, good);
    const from = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", from);
    expect((await rig.quiet()).fault).toBeNull();
  });

  it("is taken up when it is good", async () => {
    await writeFile(rig.configFile, good.replace("name: tie1", "name: tie-one"));
    const from = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", from);
    expect((await rig.status()).lines.map((line) => line.name)).toEqual(["tie-one"]);
    await writeFile(rig.configFile, good);
    const again = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", again);
    await rig.quiet();
  });
});

describe("requests to take up a change", () => {
  it("that come while one waits for a call to end are not lost: the newest configuration counts", async () => {
    const named = (name: string) => good.replace("name: tie1", `name: ${name}`);
    await rig.pax.lift("21");
    await rig.pax.waitFor("21", "dial-tone", 15_000);
    await rig.pax.dial("21", "9");
    await rig.until((view) => view.calls.length === 1);
    const from = rig.log.length;
    await writeFile(rig.configFile, named("tie-old"));
    reload();
    await writeFile(rig.configFile, named("tie-new"));
    reload();
    await rig.pax.hangup("21");
    await rig.logged((record) => record["msg"] === "ready for calls", from);
    expect((await rig.status()).lines.map((line) => line.name)).toEqual(["tie-new"]);
    await writeFile(rig.configFile, good);
    const again = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", again);
    await rig.quiet();
  });

  it("for a configuration on which nothing can start lead back to the one before, which stays the last good one", async () => {
    const kept = await readFile(rig.lastGood, "utf8");
    const runtime = `runtime: ${rig.config.paths.runtime}`;
    expect(good).toContain(runtime);
    await writeFile(rig.configFile, good.replace(runtime, `${runtime}/${"x".repeat(100)}`));
    const from = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", from);
    expect((await rig.quiet()).fault).toContain("too long");
    expect(await readFile(rig.lastGood, "utf8")).toBe(kept);
  });
});

describe("the page's key", () => {
  it("that is damaged is a fault: the page stays as it was, and after a loss of power there are calls without it", async () => {
    const { cert, key } = await makeCertificates(rig.directory);
    const port = await freeTcpPort();
    const web = `web:\n  port: ${port}\n  listen: loopback\n  cert: ${cert}\n  key: ${key}\n`;
    const encrypted = good.replace("web:\n  enabled: false\n", web);
    await writeFile(rig.configFile, encrypted);
    const from = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", from);
    const url = `https://127.0.0.1:${port}/`;
    await rig.until(({ page }) => page !== null && page.fault === null);
    expect((await rig.status()).page).toEqual({ url, fault: null });
    expect(await status(url)).toBe(200);
    await expect.poll(() => readFile(rig.lastGood, "utf8")).toBe(encrypted);

    const whole = await readFile(key);
    await writeFile(key, whole.subarray(0, 99));
    reload();
    const told = await rig.until(({ fault }) => fault !== null);
    expect(told.fault).toMatch(/paxgate\.yaml:[0-9]+:[0-9]+: web\.key: .*damaged|BEGIN PRIVATE KEY/);
    expect([told.ready, await status(url)]).toEqual([true, 200]);

    await rig.stopGateway("SIGKILL");
    await rig.startGateway();
    const without = await rig.until(({ page }) => page?.fault !== null);
    expect(without.ready).toBe(true);
    expect(without.fault).toContain("web.key");
    expect(without.page?.fault).toContain("cannot be used");
    await expect(status(url)).rejects.toThrow("ECONNREFUSED");

    await writeFile(key, whole);
    const again = rig.log.length;
    reload();
    await rig.logged((record) => record["msg"] === "ready for calls", again);
    await rig.until(({ page, fault }) => page?.fault === null && fault === null);
    await expect.poll(() => status(url).catch(() => 0)).toBe(200);
  });
});

/** Answer of the page's server, whose certificate only this test knows. */
async function status(url: string): Promise<number> {
  const asked = get(`${url}healthz`, { rejectUnauthorized: false });
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode ?? 0;
}

describe("a gateway that starts on a faulty configuration", () => {
  it("runs on the last good one, and says what is wrong", async () => {
    await rig.stopGateway();
    await writeFile(rig.configFile, "lines: [");
    await rig.startGateway();
    const view = await rig.status();
    expect(view.ready).toBe(true);
    expect(view.fault).toContain(rig.configFile);
    expect((await stat(rig.lastGood)).mode & 0o777).toBe(0o600);
  });

  it("does not start without one, with the faults as the reason", async () => {
    await rig.stopGateway();
    await rm(rig.lastGood);
    await writeFile(rig.configFile, "lines: [");
    const from = rig.log.length;
    await expect(rig.startGateway()).rejects.toThrow("the gateway ended with 1");
    const texts = rig.log.slice(from).map((record) => String(record["msg"]));
    expect(texts.join("\n")).toContain(rig.configFile);
  });
});
