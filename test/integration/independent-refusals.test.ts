import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LineEndStatus } from "../../src/sim/control-port.ts";
import { freeUdpPort } from "./support/free-port.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { caller, receive, Sipp } from "./support/sipp.ts";

/** Calls by sipp that must not reach a line of the PAX, through the whole gateway. */

let rig: GatewayRig;
let trunkPort: number;

beforeAll(async () => {
  trunkPort = await freeUdpPort();
  rig = await GatewayRig.start({
    withoutEvent: true,
    config: {
      lines: [{ name: "tie1" }],
      trunks: [
        { name: "event", server: "127.0.0.1", port: trunkPort, username: "4100", password: "unused", register: false },
      ],
      accounts: [{ name: "desk" }],
      numberPlan: { toPax: [{ number: "41[2-5]X", extension: "XX" }] },
    },
  });
}, 30_000);
afterAll(() => rig?.stop());

/** Calls from a port and answers the final status; whatever else came before it. */
async function statusOf(port: number, number: string): Promise<number> {
  const scenario =
    caller.invite("echo") +
    receive('response="100"', 'optional="true"') +
    ["401", "403", "404", "484"]
      .map((status) => receive(`response="${status}"`, 'optional="true" next="refused"'))
      .join("") +
    receive('response="503"') +
    '<label id="refused"/>' +
    caller.ackOfRefusal(7);
  const mediaPort = await freeUdpPort();
  const run = await Sipp.run(rig.directory, scenario, { port, server: rig.config.sip.port, number, mediaPort });
  await run.done(15_000);
  return run.received.at(-1) ?? 0;
}

/** What the PAX saw of its line, and what the gateway made of it, while `during` ran. */
async function untouched(during: () => Promise<void>): Promise<void> {
  const changes: LineEndStatus[] = [];
  const dispose = rig.pax.onEvent((event) => {
    if (event.type === "line") changes.push(event.line);
  });
  const from = rig.log.length;
  await during();
  dispose();
  expect(changes).toEqual([]);
  expect(rig.log.slice(from).filter((record) => String(record["msg"]).startsWith("call begun"))).toEqual([]);
  await rig.quiet();
  await expect.poll(() => rig.asterisk("core show channels count")).toContain("0 active channels");
}

describe("sipp as the trunk's server", () => {
  it.each([
    "4121&SIP/x",
    "4121%26SIP%2Fx",
    "4121%0d%0aX",
    "412",
    "41211",
    "4161",
    "_41[2-5]X",
    "41%32%31x",
    "h",
    "s",
    "%24%7BSHELL(id)%7D",
    "4121%3Bphone-context%3Dx",
  ])("is refused with the number %s, and no line is touched", async (number) => {
    await untouched(async () => {
      expect(await statusOf(trunkPort, number)).toBe(404);
    });
  });
});

describe("sipp from an address that is nobody's", () => {
  it.each(["4121", "desk", "4121&SIP/x"])("is challenged when it calls %s, and no line is touched", async (number) => {
    await untouched(async () => {
      expect(await statusOf(await freeUdpPort(), number)).toBe(401);
    });
  });
});
