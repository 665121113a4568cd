import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Gateway } from "../../src/app/gateway.ts";
import { GatewayOperations } from "../../src/app/operations.ts";
import { prepare } from "../../src/app/prepare.ts";
import type { TestCallResult } from "../../src/app/test-call.ts";
import { GatewayError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { block, unblock } from "../../src/cli/block.ts";
import { asteriskUser } from "../../src/drivers/asterisk-files.ts";
import type { OperationName } from "../../src/status/types.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  clearAll,
  eventCalls,
  eventOf,
  fastDials,
  hangUp,
  hearEachOther,
  levelAt,
  outputsAre,
  paxTalksTo,
  quick,
  takeLine,
} from "./support/scenes.ts";

/** What people ask of a running gateway, with the real Asterisk and the simulated PAX. */

const config = {
  lines: [
    { name: "tie1" },
    { name: "tie2" },
    { name: "hot", type: "subscriber", group: "hot", hotline: { trunk: "event", number: "4124" } },
  ],
  numberPlan: {
    fromPax: [{ dial: "4XXX", trunk: "event" }],
    toPax: [
      { number: "4100", extension: "34" },
      { number: "4101", extension: "34" },
    ],
  },
  pax: { overrides: quick },
} as object;
/** Extension number of the subscriber line at the simulated exchange. */
const HOT = "59";

let rig: GatewayRig;
let gateway: Gateway;
let operations: GatewayOperations;

beforeAll(async () => {
  rig = await GatewayRig.start({ config, stopped: true });
  // In this process, so that operations can be asked for without anything in between.
  gateway = new Gateway(await prepare(rig.configFile, { alert: () => undefined }), await asteriskUser(), silentLog);
  operations = new GatewayOperations(
    () => gateway,
    () => null,
    silentLog,
  );
  await gateway.start(new AbortController().signal);
  await ready();
  await fastDials(rig, "21", "22");
});
afterAll(async () => {
  operations?.stop();
  await gateway?.stop();
  await rig?.stop();
});
afterEach(async () => {
  for (const line of ["tie1", "tie2", "hot"]) await perform("line/unblock", { line });
  for (const line of ["tie1", "tie2"]) await rig.pax.setLine(line, { noCurrent: false });
  await clearAll(rig);
});

/** Calls can be made, and the event's server knows both trunks. */
async function ready(): Promise<void> {
  await rig.until(({ ready, trunks }) => ready && trunks.every(({ registered }) => registered === true));
}

const perform = (name: OperationName, params?: unknown) => operations.perform(name, params, "a test");
const test = async (line: string) => (await perform("call/test", { line })) as TestCallResult;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: unknown) => (error instanceof GatewayError ? error.code : error),
  );

describe("a blocked line", () => {
  it("is hunted past from both ends, and serves again when it is unblocked", async () => {
    // The PAX hunts from the first line, we from the last.
    await perform("line/block", { line: "tie1" });
    await outputsAre(rig, "tie1", ["busy"]);
    const call = await paxTalksTo(rig, "21", "4123");
    const { calls } = await rig.until(({ calls }) => calls.some(({ phase }) => phase === "talking"));
    expect(calls).toMatchObject([{ line: "tie2", phase: "talking" }]);
    // Every line but the blocked one is taken; the other trunk is free.
    expect((await eventCalls(rig, "4777", "4101").event("ended")).cause).toBe("busy");
    await hearEachOther(rig, "21", call);
    await perform("line/unblock", { line: "tie1" });
    await outputsAre(rig, "tie1", []);
    const watch = eventCalls(rig, "4777", "4101");
    await rig.pax.waitFor("34", "ringing", 15_000);
    expect((await rig.status()).calls.map(({ line }) => line)).toContain("tie1");
    await eventOf(rig).hangup(watch.call);
  });

  it("lets the call on it finish, and only then is out of service", async () => {
    const call = await paxTalksTo(rig, "21", "4123");
    expect(await block.run(["-c", rig.configFile, "tie1"])).toBe(0);
    await hearEachOther(rig, "21", call);
    await hangUp(rig, "21");
    await rig.until(({ calls, lines }) => calls.length === 0 && lines.every(({ status }) => status === "idle"));
    expect((await rig.status()).lines.filter(({ blocked }) => blocked).map(({ name }) => name)).toEqual(["tie1"]);
    await outputsAre(rig, "tie1", ["busy"]);
    expect(await unblock.run(["-c", rig.configFile, "tie1"])).toBe(0);
    await rig.until(({ lines }) => lines.every(({ blocked }) => !blocked));
  });

  it("that the PAX can't be told of is left to ring, and nobody is called", async () => {
    await perform("line/block", { line: "hot" });
    await rig.pax.lift("22");
    await rig.pax.waitFor("22", "dial-tone", 15_000);
    await rig.pax.dial("22", HOT);
    await rig.pax.waitFor("22", "ringing-tone", 15_000);
    await rig.until(({ lines }) => lines.some(({ name, status }) => name === "hot" && status === "awaiting-clear"));
    expect(eventOf(rig).calls).toEqual([]);
    await hangUp(rig, "22");
  });

  it("is refused as no line of ours when nobody has configured it", async () => {
    await expect(block.run(["-c", rig.configFile, "tie9"])).rejects.toThrow("there are tie1, tie2, hot");
  });
});

describe("a test call", () => {
  it("hears the dial tone of the PAX on every line, on a blocked one too, and leaves them idle", async () => {
    await perform("line/block", { line: "tie2" });
    for (const line of ["tie1", "tie2", "hot"]) {
      const result = await test(line);
      expect(result).toMatchObject({ line, dialTone: true, fault: null });
      expect(result.dialToneMs).toBeLessThan(5_000);
      expect(result.currentMs).toBeLessThan(result.dialToneMs ?? 0);
    }
    const { calls } = await rig.quiet();
    expect(calls).toEqual([]);
    await outputsAre(rig, "tie2", ["busy"]);
  });

  it("tells a line that is not connected to the PAX", async () => {
    await rig.pax.setLine("tie2", { noCurrent: true });
    expect(await test("tie2")).toMatchObject({
      dialTone: false,
      currentMs: null,
      fault: expect.stringContaining("current"),
    });
    await rig.pax.setLine("tie2", { noCurrent: false });
    // A PAX caller shows that it works again; otherwise half a minute has to pass.
    await perform("line/block", { line: "tie1" });
    await takeLine(rig, "21");
    await hangUp(rig, "21");
    await rig.quiet();
  });

  it("leaves a line alone that is in use", async () => {
    const call = await paxTalksTo(rig, "21", "4123");
    expect(await codeOf(test("tie1"))).toBe("line-busy");
    await hearEachOther(rig, "21", call);
  });

  it("keeps nobody out: who calls meanwhile gets another line, and both come through", async () => {
    const testing = test("tie2");
    const watch = eventCalls(rig, "4777", "4100");
    await rig.pax.waitFor("34", "ringing", 15_000);
    expect((await rig.status()).calls).toMatchObject([{ line: "tie1" }]);
    expect((await testing).dialTone).toBe(true);
    await eventOf(rig).hangup(watch.call);
    await watch.event("ended");
  });
});

describe("a restart of Asterisk", () => {
  it("is refused while people talk, unless it is meant; they hear congestion, and soon calls can be made again", async () => {
    const pid = rig.asteriskPid;
    const call = await paxTalksTo(rig, "21", "4123");
    expect(await codeOf(perform("asterisk/restart"))).toBe("calls-up");
    await hearEachOther(rig, "21", call);
    await rig.pax.play("21", null);
    expect(await perform("asterisk/restart", { force: true })).toEqual({ ended: 1 });
    // Congestion tone: 400 Hz.
    await expect.poll(() => levelAt(rig, "21", 400), { timeout: 15_000 }).toBeGreaterThan(-30);
    await hangUp(rig, "21");
    await ready();
    await expect.poll(() => rig.asteriskPid, { timeout: 15_000 }).not.toBe(pid);
    expect(rig.asteriskPid).toBeGreaterThan(0);
    await clearAll(rig);
    const next = await paxTalksTo(rig, "21", "4123");
    await hearEachOther(rig, "21", next);
  });
});
