import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CallId } from "../../src/sim/event-types.ts";
import { LEASE_S } from "../../src/sip/model.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { type CallWatch, clearAll, eventCalls, fastDials, hearEachOther, paxTalksTo, quick } from "./support/scenes.ts";

/** Two calls that go on for long, one each way, and what happens meanwhile. */

/** Asterisk ends a channel whose lease was not renewed: calls last longer than it only if renewals reach all of them. */
const PAST_THE_LEASE_MS = (LEASE_S + 4) * 1_000;

let rig: GatewayRig;
let outward: CallId;
let inward: CallWatch;
let begunMs = 0;

beforeAll(async () => {
  const numberPlan = { fromPax: [{ dial: "4XXX", trunk: "event" }], toPax: [{ number: "4101", extension: "34" }] };
  rig = await GatewayRig.start({
    config: { numberPlan, pax: { overrides: quick } } as object,
    // The exchange tells the answer, so that nobody has to wait for its inference.
    topology: (standard) => ({
      ...standard,
      lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
    }),
  });
  await fastDials(rig, "21");
  outward = await paxTalksTo(rig, "21", "4123");
  inward = eventCalls(rig, "4777", "4101");
  await rig.pax.waitFor("34", "ringing", 15_000);
  await rig.pax.lift("34");
  await inward.event("answered", 20_000);
  begunMs = performance.now();
});
afterAll(() => rig?.stop());

async function bothGoOn(): Promise<void> {
  await hearEachOther(rig, "21", outward);
  await hearEachOther(rig, "34", inward.call);
  expect(inward.has("ended")).toBe(false);
}

describe("calls that last long", () => {
  it("go on while drift is repaired", async () => {
    const { runtime } = rig.config.paths;
    const file = join(runtime, "asterisk/etc/sip.conf");
    const rendered = await readFile(file, "utf8");
    const from = rig.log.length;
    await appendFile(file, "\n[intruder]\ntype=friend\nhost=dynamic\ncontext=block-caller\n");
    await rig.asterisk("sip reload");
    await expect.poll(() => rig.asterisk("sip show peers")).toContain("intruder");
    // The gateway looks every half a minute.
    await rig.logged((record) => record["msg"] === "Asterisk is not as rendered", from, 40_000);
    await expect.poll(() => rig.asterisk("sip show peers"), { timeout: 15_000 }).not.toContain("intruder");
    expect(await readFile(file, "utf8")).toBe(rendered);
    await bothGoOn();
  });

  it("outlast their channels' lease, outward and inward", async () => {
    // Nothing happens in what is left of this time, and that is what is waited for.
    await delay(Math.max(0, PAST_THE_LEASE_MS - (performance.now() - begunMs)));
    await bothGoOn();
    await clearAll(rig);
  });
});
