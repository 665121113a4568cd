import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ConfigInput } from "./support/asterisk.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { CALLER, Outside, type OutsideCall } from "./support/outside.ts";
import { PLACES, RouterNetwork } from "./support/router.ts";
import { hangUp, levelAt, quick } from "./support/scenes.ts";

/** The whole guarded gateway behind the real miniupnpd: what comes of a mapping is a call. */

const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");
const OURS_HZ = 700;
const THEIRS_HZ = 1_400;
/** SIP's port and the audio ports that are used of the thousand configured. */
const MAPPINGS = 1 + 100;

const network = new RouterNetwork("gw");
let outside: Outside;
let rig: GatewayRig | null = null;

beforeAll(async () => {
  network.build();
  outside = await Outside.start(network);
});

afterEach(async () => {
  outside.speak(null);
  await rig?.stop();
  rig = null;
  await network.stop(false);
  network.run("router", "conntrack", "-F");
  outside.requests.length = 0;
});

afterAll(async () => {
  await outside?.stop();
  await network.close();
});

async function gateway(upstream: object): Promise<GatewayRig> {
  const trunk = { password: "given", port: 5060 };
  const config = {
    lines: [{ name: "tie1" }],
    trunks: [
      { ...trunk, name: "home", server: PLACES.outside, username: "4100" },
      { ...trunk, name: "caller", server: CALLER, username: "4101", register: false },
    ],
    numberPlan: { fromPax: [{ dial: "4XXX", trunk: "home" }], toPax: [{ number: "4100", extension: "34" }] },
    pax: { overrides: quick },
    firewall: {},
    sip: { port: 5060, bindAddress: "0.0.0.0", rtpPorts: { from: 10_000, to: 10_999 } },
    nat: { mode: "upstream", upstream },
  };
  rig = await GatewayRig.start({
    namespace: network.name("gateway"),
    withoutEvent: true,
    config: config as ConfigInput,
    // The exchange tells the answer, so that nobody has to wait for its inference.
    topology: (standard) => ({
      ...standard,
      lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
    }),
  });
  return rig;
}

/** `paxgate nat`: its exit status and what it printed. */
function shown(of: GatewayRig, ...options: string[]): Promise<{ status: number; text: string }> {
  return promisify(execFile)(process.execPath, [PROGRAM, "nat", "-c", of.configFile, ...options]).then(
    ({ stdout }) => ({ status: 0, text: stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ status: code, text: stdout }),
  );
}

const mapped = () => network.mappings().match(/dnat/g)?.length ?? 0;
/** Where the registrar was last told to find us. */
const contact = () => /@([^>;]*)/.exec(outside.requests.at(-1)?.contact ?? "")?.[1];

/** Both hear each other, the outside by a mapped port that nobody inside has sent from to where this comes from. */
async function talk(of: GatewayRig, call: OutsideCall, place: string): Promise<void> {
  await of.pax.waitFor("34", "ringing", 15_000);
  await of.pax.lift("34");
  const { contact: sip, audioAddress, audioPort } = await call.answered();
  expect(`${audioAddress} ${sip}`).toBe(`${place.split(":")[0]} ${place}`);
  expect(audioPort).toBeGreaterThanOrEqual(10_000);
  expect(audioPort).toBeLessThan(10_100);
  const { packets } = await outside.hear(OURS_HZ);
  outside.speak({ address: audioAddress, port: audioPort, frequencyHz: THEIRS_HZ });
  await of.pax.play("34", { frequencyHz: OURS_HZ });
  await expect.poll(() => levelAt(of, "34", THEIRS_HZ), { timeout: 5_000 }).toBeGreaterThan(-25);
  // A second of it, so that nothing is left in the ear of what was before.
  await expect
    .poll(async () => (await outside.hear(OURS_HZ)).packets, { timeout: 5_000 })
    .toBeGreaterThan(packets + 75);
  expect((await outside.hear(OURS_HZ)).levelDbm0).toBeGreaterThan(-30);
}

/** The PAX's party clears; the gateway tells the caller. */
async function clear(of: GatewayRig, call: OutsideCall): Promise<void> {
  await hangUp(of, "34");
  await call.done();
  await of.quiet();
  outside.speak(null);
}

describe.each([
  { protocol: "pcp", options: { upnp: false } },
  { protocol: "nat-pmp", options: { upnp: false } },
  { protocol: "upnp", options: { natPmp: false } },
])("by $protocol alone", ({ protocol, options }) => {
  it("a call comes in, also after the router has lost everything during one; a stop leaves nothing", async () => {
    await network.start(options);
    const own = await gateway({ protocols: [protocol] });
    await expect.poll(mapped, { timeout: 10_000 }).toBe(MAPPINGS);
    const place = `${PLACES.wan}:5060`;
    await expect.poll(contact, { timeout: 10_000 }).toBe(place);
    expect(await shown(own)).toMatchObject({
      status: 0,
      text: expect.stringContaining(`at ${PLACES.wan}, SIP port 5060`),
    });

    const first = await outside.call(PLACES.wan, 5060, "4100", { clearAfterMs: 6_000 });
    await talk(own, first, place);
    await first.done();
    await hangUp(own, "34");
    await own.quiet();
    outside.speak(null);

    const second = await outside.call(PLACES.wan, 5060, "4100");
    await talk(own, second, place);
    await network.stop(false);
    network.run("router", "conntrack", "-F");
    const began = performance.now();
    await network.start(options);
    await expect.poll(mapped, { timeout: 40_000 }).toBe(MAPPINGS);
    console.info(`${protocol}: mapped again after ${Math.round(performance.now() - began)} ms`);
    await expect.poll(() => levelAt(own, "34", THEIRS_HZ), { timeout: 5_000 }).toBeGreaterThan(-25);
    await clear(own, second);
    network.run("router", "conntrack", "-F");
    const third = await outside.call(PLACES.wan, 5060, "4100", { clearAfterMs: 6_000 });
    await talk(own, third, place);

    await own.stopGateway();
    expect(mapped()).toBe(0);
  }, 90_000);
});
