import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GATEWAY, GuardRig } from "./support/guard-rig.ts";

/**
 * Bans by Asterisk's events alone: the kernel's budget is set so high that it stops nobody. Times are the kernel's: of the
 * refusal that left, and of the ban, by what is left of it.
 */

let rig: GuardRig;
beforeAll(async () => {
  rig = await GuardRig.start({
    firewall: { lists: { eventNetwork: ["10.42.0.0/16"] }, limits: { requestBurst: 100, requestsPerHour: 3_600 } },
  });
});
afterAll(() => rig?.stop());

let next = 1;
/** From each third refusal to its ban, ms. */
const took: number[] = [];
/** The kernel tells what is left of a ban by its clock's ticks of up to 10 ms (HZ=100). */
const EXPIRY_MS = 20;
const callIdOf = (payload: string) => /^Call-ID: *(.*)\r$/im.exec(payload)?.[1];

describe.each(["udp", "tcp"] as const)("three failed logins over %s", (transport) => {
  it.each([
    ["REGISTER", 20],
    ["REGISTER", 1],
    ["INVITE", 20],
    ["INVITE", 1],
  ] as const)("are a ban, and none after it is answered: %s, %i a second", async (method, perSecond) => {
    const localAddress = `10.42.11.${next++}`;
    const capture = await rig.capture(`port 5060 and host ${localAddress}`);
    const seconds = perSecond === 1 ? 5 : 1;
    const report = await rig.attack(rig.lab.event, { localAddress, transport, method, perSecond, seconds });
    expect((await capture.stop()).dropped).toBe(0);
    const refusals = capture.packets.filter(
      ({ from, payload }) => from === GATEWAY && payload.startsWith("SIP/2.0 403"),
    );
    const tags = new Set(refusals.map(({ payload }) => callIdOf(payload)));
    const third = refusals.find(({ payload }) => payload.includes([...tags][2] ?? "none"));
    const bannedAtMs = await rig.bannedAtMs(localAddress);
    if (bannedAtMs === null || third === undefined) throw new Error("there is no ban");
    const tookMs = bannedAtMs - third.atMs;
    took.push(tookMs);
    // A ban that comes late on a busy machine lets through what is there until then, and nothing that comes after it.
    const answered = capture.packets.filter(
      ({ to, payload }) => to === GATEWAY && /^Authorization:/im.test(payload) && tags.has(callIdOf(payload)),
    );
    expect(tags.size).toBeGreaterThanOrEqual(3);
    if (perSecond === 1) expect(tags.size).toBe(3);
    expect(answered.length).toBeGreaterThanOrEqual(tags.size);
    expect(Math.max(...answered.map(({ atMs }) => atMs))).toBeLessThan(bannedAtMs + EXPIRY_MS);
    expect(report.guessesAnswered).toBe(tags.size);
    console.info(`${method} ${transport}, ${perSecond} a second: ban ${tookMs.toFixed(0)} ms after the third refusal`);
    expect((await rig.bans()).find(({ source }) => source === localAddress)).toMatchObject({
      reason: "logins",
      count: 1,
    });
    // Everything is dropped now, whatever it is and however it comes.
    for (const other of ["udp", "tcp"] as const) {
      for (const kind of ["REGISTER", "OPTIONS"]) {
        const plan = { localAddress, transport: other, method: kind, count: 3, seconds: 0.3, lingerMs: 100 };
        expect(await rig.attack(rig.lab.event, plan)).toMatchObject({ answers: 0 });
      }
    }
  });
});

it("a ban is there within 50 ms of the third refusal, in the middle of all", () => {
  const sorted = took.toSorted((one, other) => one - other);
  expect(sorted.length).toBeGreaterThanOrEqual(8);
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(50);
});
