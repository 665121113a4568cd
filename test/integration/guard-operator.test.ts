import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuardedGateway, MANAGEMENT_PORT, type Section } from "./support/guarded-gateway.ts";
import type { LabHost } from "./support/lab.ts";

/** Confirm or revert on the whole gateway: an operator with a real connection changes the file, and may be locked out. */

const OPEN = ["10.64.0.0/24", "198.51.100.66"];
/** Nobody of the lab. */
const LOCKED = ["192.0.2.0/24"];

let gateway: GuardedGateway;
let operator: LabHost;
beforeAll(async () => {
  gateway = await GuardedGateway.create({ confirmSeconds: 9, lists: { management: OPEN } });
  operator = gateway.lab.phone;
  await gateway.lab.gateway.agent.listen("tcp", MANAGEMENT_PORT);
}, 40_000);
afterAll(() => gateway?.remove());

const management = (sources: readonly string[]) => (config: Record<string, Section>) => {
  (config["firewall"]?.["lists"] as Section)["management"] = sources;
};

/** Connections of the operators to the management port end, as when they go home. */
async function everybodyLeaves(): Promise<void> {
  const gone = ["ss", "-K", "state", "established", "sport", "=", `:${MANAGEMENT_PORT}`];
  await gateway.lab.gateway.run(gone);
  const left = await gateway.lab.gateway.run([
    "ss",
    "-Htn",
    "state",
    "established",
    "sport",
    "=",
    `:${MANAGEMENT_PORT}`,
  ]);
  expect(left).toBe("");
}

describe("a change made while an operator is connected", () => {
  it("that locks them out is in force on trial, says so everywhere, and is taken back in time", async () => {
    expect(await gateway.managed(operator, "first")).toBe(true);
    await gateway.edit(management(LOCKED));
    await gateway.reload();
    const changedAt = performance.now();
    expect(await gateway.managed()).toBe(false);

    const { status, stdout } = await gateway.command("firewall", "status");
    expect(stdout).toMatch(/ON TRIAL: lists\.management; taken back in \d s unless confirmed/);
    expect(status).toBe(1);
    const view = await gateway.rig.status();
    expect(view).toMatchObject({ ready: true, fault: null });
    expect(view.alerts).toEqual([expect.stringContaining("(lists.management) is on trial")]);
    const { stdout: lines } = await gateway.command("lines");
    expect(lines).toMatch(/^ready for calls\nALERT: .*on trial.*"paxgate firewall confirm"/);

    await gateway.untilGuard(({ trial }) => trial.state === "reverted", 20_000);
    expect(performance.now() - changedAt).toBeLessThan(13_000);
    await expect.poll(() => gateway.managed(), { timeout: 10_000 }).toBe(true);
    const after = await gateway.command("firewall", "status");
    expect(after.stdout).toMatch(/TAKEN BACK \d+ s ago, not confirmed: lists\.management/);
    expect(after.status).toBe(1);
    expect((await gateway.rig.status()).alerts).toEqual([expect.stringContaining("was not confirmed in time")]);
    expect(gateway.rig.log).toContainEqual(
      expect.objectContaining({ level: "error", msg: "a change of the firewall was taken back" }),
    );
  }, 45_000);

  it("stays taken back over a restart", async () => {
    await gateway.rig.stopGateway();
    await gateway.rig.startGateway();
    expect(await gateway.managed()).toBe(true);
    expect(await gateway.guard()).toMatchObject({ trial: { state: "reverted", changes: ["lists.management"] } });
  }, 30_000);

  it("is kept when it is confirmed, though it was taken back before", async () => {
    const confirmed = await gateway.command("firewall", "confirm");
    expect(confirmed).toMatchObject({ status: 0, stdout: "confirmed: lists.management\n" });
    await expect.poll(() => gateway.managed(), { timeout: 10_000 }).toBe(false);
    const { status, stdout } = await gateway.command("firewall", "status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ trial: { state: "confirmed" }, faults: [], inForce: true });
    expect(status).toBe(0);
    expect((await gateway.rig.status()).alerts).toEqual([]);
    const again = await gateway.command("firewall", "confirm", "--json");
    expect(again.stderr).toContain("no change of the firewall waits to be confirmed");
    expect(again.status).toBe(1);
  }, 20_000);

  it("is kept when it is confirmed on trial, and then nothing ends it", async () => {
    // The operator's first connection is still there.
    await gateway.edit(management(OPEN));
    await gateway.reload();
    expect((await gateway.guard()).trial.state).toBe("on-trial");
    const confirmed = await gateway.command("firewall", "confirm", "--json");
    expect(JSON.parse(confirmed.stdout)).toEqual({ changes: ["lists.management"] });
    await gateway.rig.stopGateway("SIGKILL");
    await gateway.rig.startGateway();
    expect((await gateway.guard()).trial.state).toBe("confirmed");
    expect(await gateway.managed()).toBe(true);
  }, 30_000);

  it("is taken back in time though the gateway was killed in the middle of its trial", async () => {
    expect(await gateway.managed(operator, "second")).toBe(true);
    await gateway.edit(management(LOCKED));
    await gateway.reload();
    const before = (await gateway.guard()).trial;
    const seenAt = performance.now();
    if (before.state !== "on-trial") expect.fail(`it is ${before.state}`);
    await gateway.rig.stopGateway("SIGKILL");
    // Nobody is there to let anybody in.
    expect(await gateway.managed()).toBe(false);
    await gateway.rig.startGateway();
    const passedS = (performance.now() - seenAt) / 1000;
    const { trial } = await gateway.guard();
    if (trial.state !== "on-trial") expect.fail(`it is ${trial.state}`);
    expect(trial.endsInS).toBeLessThanOrEqual(Math.ceil(before.endsInS - passedS + 1));
    expect(await gateway.managed()).toBe(false);
    await expect.poll(() => gateway.managed(), { timeout: 15_000, interval: 200 }).toBe(true);
    expect((performance.now() - seenAt) / 1000).toBeLessThan(before.endsInS + 5);
    expect((await gateway.guard()).trial.state).toBe("reverted");
  }, 45_000);

  it("is put off by the configuration of before, as if it had never been", async () => {
    await gateway.edit(management(OPEN));
    await gateway.reload();
    expect((await gateway.guard()).trial.state).toBe("confirmed");
    expect(await gateway.managed()).toBe(true);
  }, 20_000);

  it("is on trial for everything of who may come in, such as the mode, and the rules tried are in the kernel", async () => {
    await gateway.edit((config) => {
      (config["firewall"] as Section)["mode"] = "open";
    });
    await gateway.reload();
    expect(await gateway.guard()).toMatchObject({ mode: "open", trial: { state: "on-trial", changes: ["mode"] } });
    await gateway.edit((config) => {
      (config["firewall"] as Section)["mode"] = "allowlist";
    });
    await gateway.reload();
    expect(await gateway.guard()).toMatchObject({ mode: "allowlist", trial: { state: "confirmed" } });
  }, 20_000);

  it("of the SIP port alone is on no trial: the port that is in use is the one that is guarded", async () => {
    const invite = (port: number) =>
      gateway.lab.outside.agent.udp({
        source: gateway.lab.outside.address4,
        to: gateway.lab.gateway.address4,
        port,
        payloads: ["OPTIONS sip:100@198.51.100.2 SIP/2.0\r\n\r\n"],
      });
    const dropped = async () =>
      (await gateway.guard()).counters
        .filter(({ name }) => name === "outside")
        .reduce((n, { packets }) => n + packets, 0);
    await gateway.edit((config) => {
      (config["sip"] as Section)["port"] = 5074;
    });
    await gateway.reload();
    expect((await gateway.guard()).trial.state).toBe("confirmed");
    const before = await dropped();
    await invite(5074);
    await expect.poll(dropped, { timeout: 15_000 }).toBe(before + 1);
    expect(await gateway.rig.asterisk("sip show settings")).toMatch(/UDP Bindaddress:\s+0\.0\.0\.0:5074/);
  }, 20_000);
});

describe("a change made while nobody is connected", () => {
  it("is confirmed at once", async () => {
    await everybodyLeaves();
    await gateway.edit(management(LOCKED));
    await gateway.reload();
    expect((await gateway.guard()).trial).toEqual({ state: "confirmed" });
    expect(await gateway.managed()).toBe(false);
    expect((await gateway.rig.status()).alerts).toEqual([]);
  }, 20_000);
});
