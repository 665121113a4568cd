import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LEASE_S } from "../../src/sip/model.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { clearAll, eventCalls, fastDials, hearEachOther, paxTalksTo, quick } from "./support/scenes.ts";

/** Asterisk ends a channel whose lease was not renewed: calls last longer than it only if renewals reach all of them. */
const PAST_THE_LEASE_MS = (LEASE_S + 4) * 1_000;

let rig: GatewayRig;
beforeAll(async () => {
  const numberPlan = { fromPax: [{ dial: "4XXX", trunk: "event" }], toPax: [{ number: "4101", extension: "34" }] };
  rig = await GatewayRig.start({ config: { numberPlan, pax: { overrides: quick } } as object });
  await fastDials(rig, "21");
});
afterAll(() => rig?.stop());

describe("calls that outlast their channels' lease", () => {
  it("go on, outward and inward", async () => {
    const outward = await paxTalksTo(rig, "21", "4123");
    const inward = eventCalls(rig, "4777", "4101");
    await rig.pax.waitFor("34", "ringing", 10_000);
    await rig.pax.lift("34");
    await inward.event("answered", 20_000);
    // Nothing happens in this time, and that is what is waited for.
    await delay(PAST_THE_LEASE_MS);
    await hearEachOther(rig, "21", outward);
    await hearEachOther(rig, "34", inward.call);
    expect(inward.has("ended")).toBe(false);
    await clearAll(rig);
  });
});
