import { existsSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import {
  clearAll,
  eventCalls,
  eventOf,
  fastDials,
  hearEachOther,
  outputsHeldAfter,
  paxTalksTo,
  quick,
  takeLine,
} from "./support/scenes.ts";

/** The supervisor is killed (kill -9) while Asterisk goes on: nothing may be held by it, and its successor takes over. */

const RELEASED_MS = 2_000;
/** The lease, and the time in which the kill may come before its renewal. */
const LEASE_MS = 15_000;

let rig: GatewayRig;
beforeAll(async () => {
  rig = await GatewayRig.start({
    // Any trunk at this server may be given the calls to the numbers of the PAX, the one that is in use too.
    callLimit: 2,
    config: {
      numberPlan: {
        fromPax: [{ dial: "4XXX", trunk: "event" }],
        toPax: [
          { number: "413X", extension: "3X" },
          { number: "415X", extension: "5X" },
          { number: "4198", extension: "05" },
        ],
      },
      pax: { overrides: quick },
    },
    topology: (standard) => ({
      ...standard,
      lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
    }),
  });
  await fastDials(rig, "21", "22");
}, 30_000);
afterAll(() => rig?.stop());
afterEach(async () => {
  if (rig.gatewayPid === 0) await rig.startGateway(() => true);
  await clearAll(rig);
  await expect.poll(() => rig.asterisk("core show channels count")).toContain("0 active channels");
});

async function callGoesThrough(): Promise<void> {
  const call = await paxTalksTo(rig, "21", "4129");
  await eventOf(rig).hangup(call);
  await clearAll(rig);
  const watch = eventCalls(rig, "4777", "4133");
  await rig.pax.waitFor("33", "ringing", 15_000);
  await rig.pax.lift("33");
  await watch.event("answered");
  await clearAll(rig);
}

describe("a supervisor that is killed", () => {
  it("while a PAX caller talks: answer supervision drops, its successor clears the far end, the next calls work", async () => {
    const call = await paxTalksTo(rig, "21", "4123");
    await hearEachOther(rig, "21", call);
    const asterisk = rig.asteriskPid;
    const heldMs = await outputsHeldAfter(rig, () => rig.stopGateway("SIGKILL"));
    expect(heldMs).toBeLessThan(RELEASED_MS);
    const ended = rig.eventOf("ended");
    await rig.startGateway((view) => view.ready);
    expect((await ended).call).toBe(call);
    // It attached to the Asterisk that outlived it, and knows the loop that is closed for nobody's call.
    expect(rig.asteriskPid).toBe(asterisk);
    expect(readFileSync(`/proc/${asterisk}/cmdline`, "utf8")).toContain("asterisk.conf");
    await rig.pax.waitFor("21", "busy-tone", 15_000);
    await clearAll(rig);
    await callGoesThrough();
  });

  it("and does not come back: loops open within two seconds, and the lease ends the calls both ways", async () => {
    const out = await paxTalksTo(rig, "21", "4123");
    const watch = eventCalls(rig, "4777", "4134");
    await rig.pax.waitFor("34", "ringing", 15_000);
    await rig.pax.lift("34");
    await watch.event("answered");
    const heldMs = await outputsHeldAfter(rig, () => rig.stopGateway("SIGKILL"));
    expect(heldMs).toBeLessThan(RELEASED_MS);
    const killedAt = performance.now();
    await rig.eventOf("ended", LEASE_MS + 5_000, (event) => event.call === out);
    await watch.event("ended", LEASE_MS + 5_000);
    expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + 4_000);
    // Nobody answers for the gateway: callers hear congestion at once, and nothing is held for them.
    const began = performance.now();
    expect((await eventCalls(rig, "4777", "4135").event("ended")).cause).toBe("congestion");
    expect(performance.now() - began).toBeLessThan(3_000);
    await expect.poll(() => rig.asterisk("core show channels count")).toContain("0 active channels");
    await rig.startGateway((view) => view.ready);
    await clearAll(rig);
    await callGoesThrough();
  });

  it("in the middle of a digit that it sends: the digit is finished at most, and the loop opens", async () => {
    // The longest digit, killed at its beginning: what was handed over is as long as it can be.
    const watch = eventCalls(rig, "4777", "4198");
    await rig.until((view) => view.lines.some((line) => line.status === "sending"));
    const heldMs = await outputsHeldAfter(rig, () => rig.stopGateway("SIGKILL"));
    expect(heldMs).toBeLessThan(RELEASED_MS);
    expect((await rig.pax.phones()).filter(({ state }) => state !== "idle")).toEqual([]);
    const ended = watch.event("ended", LEASE_MS + 5_000);
    await rig.startGateway();
    await ended;
    await callGoesThrough();
  });

  it("in the middle of a digit that is dialled to it: the caller hears from the successor that it is over, never a wrong number", async () => {
    await takeLine(rig, "22");
    const from = rig.log.length;
    const dialling = rig.pax.dial("22", "4123");
    // Its second digit is under way when the first one has been understood.
    await rig.until((view) => view.calls.some(({ number }) => number !== ""));
    await rig.stopGateway("SIGKILL");
    await rig.startGateway((view) => view.ready);
    await dialling;
    // Number unobtainable where the successor's first look met the break of an impulse: the line looks idle then.
    const heard = (["busy-tone", "unobtainable-tone"] as const).map((tone) => rig.pax.waitFor("22", tone, 15_000));
    await Promise.any(heard);
    expect(rig.log.slice(from).filter((record) => record["msg"] === "call placed")).toEqual([]);
    await clearAll(rig);
    await callGoesThrough();
  });
});

describe("a gateway that is told to stop", () => {
  it("in the middle of calls both ways ends within five seconds, with Asterisk, every line and every call", async () => {
    const out = await paxTalksTo(rig, "21", "4123");
    const watch = eventCalls(rig, "4777", "4155");
    await rig.pax.waitFor("55", "ringing", 15_000);
    await rig.pax.lift("55");
    await watch.event("answered");
    const asterisk = rig.asteriskPid;
    const ended = rig.eventOf("ended", 5_000, (event) => event.call === out);
    const began = performance.now();
    await rig.stopGateway("SIGTERM");
    expect(performance.now() - began).toBeLessThan(5_000);
    expect((await rig.pax.lines()).flatMap(({ outputs }) => outputs)).toEqual([]);
    // Its entry may wait for whoever adopted it to take note; its command line is gone with it.
    expect(existsSync(`/proc/${asterisk}`) ? readFileSync(`/proc/${asterisk}/cmdline`, "utf8") : "").toBe("");
    await ended;
    await watch.event("ended");
    await rig.startGateway((view) => view.ready);
  });
});
