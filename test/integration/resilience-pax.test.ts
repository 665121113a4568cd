import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import { clearAll, eventCalls, eventOf, fastDials, hearEachOther, paxTalksTo, quick } from "./support/scenes.ts";

/** The line hardware goes away under a call, and comes back; somebody starts a second gateway. */

const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");

let rig: GatewayRig;
beforeAll(async () => {
  rig = await GatewayRig.start({
    // A call to a number of a range counts for either trunk, and one of them is in use.
    callLimit: 2,
    config: {
      numberPlan: {
        fromPax: [{ dial: "4XXX", trunk: "event" }],
        toPax: [{ number: "413X", extension: "3X" }],
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
  await clearAll(rig);
  await expect.poll(() => rig.asterisk("core show channels count")).toContain("0 active channels");
});

describe("line hardware that goes away", () => {
  it("ends its calls at the far ends at once; callers hear congestion until it is back, and then it serves again", async () => {
    const out = await paxTalksTo(rig, "21", "4123");
    const watch = eventCalls(rig, "4777", "4134");
    await rig.pax.waitFor("34", "ringing", 15_000);
    await rig.pax.lift("34");
    await watch.event("answered");
    const ended = rig.eventOf("ended", 5_000, (event) => event.call === out);
    await Promise.all([rig.stopPax(), ended, watch.event("ended")]);
    const { lines } = await rig.until((view) => view.calls.length === 0);
    expect(lines.map(({ status }) => status)).toEqual(["fault", "fault"]);
    const refused = await eventCalls(rig, "4777", "4134").event("ended");
    expect(["busy", "congestion"]).toContain(refused.cause);
    await rig.startPax();
    await rig.quiet();
    await fastDials(rig, "21");
    await hearEachOther(rig, "21", await paxTalksTo(rig, "21", "4124"));
  });
});

describe("a second gateway on the same directories", () => {
  it("is refused, says so, and does the first one's call no harm", async () => {
    const call = await paxTalksTo(rig, "21", "4123");
    const second = promisify(execFile)(process.execPath, [PROGRAM, "run", "-c", rig.configFile, "--log", "json"], {
      timeout: 15_000,
    });
    await expect(second).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`another gateway.*${rig.gatewayPid}`, "i")),
    });
    await hearEachOther(rig, "21", call);
    expect((await rig.status()).calls).toHaveLength(1);
    await eventOf(rig).hangup(call);
  });

  it("is let in when the first one was killed, whatever that left behind", async () => {
    await rig.stopGateway("SIGKILL");
    await rig.startGateway();
    await hearEachOther(rig, "21", await paxTalksTo(rig, "21", "4124"));
  });
});
