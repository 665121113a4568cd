import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TopologyInput } from "../../src/sim/topology.ts";
import { DeskPhone } from "./support/desk-phone.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { clearAll, fastDials, hangUp, levelAt, paxCalls, quick, statusesOf } from "./support/scenes.ts";

/** A telephone behind the gateway, with the account that the gateway has issued. */

const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");

let rig: GatewayRig;
let phone: DeskPhone;
beforeAll(async () => {
  const config = {
    accounts: [{ name: "desk" }],
    numberPlan: {
      fromPax: [{ dial: "51", account: "desk" }],
      toPax: [{ number: "41[1-5]X", extension: "XX" }],
    },
    pax: { overrides: { ...quick, noAnswerMs: 10_000 } },
  } as object;
  const topology = (standard: TopologyInput): TopologyInput => ({
    ...standard,
    lines: (standard.lines ?? []).map((line) => ({ ...line, reversal: true })),
  });
  rig = await GatewayRig.start({ tieLines: 1, trunks: 1, config, topology });
  await fastDials(rig, "21");
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, "accounts", "-c", rig.configFile, "--json"]);
  const { accounts } = JSON.parse(stdout) as { accounts: { username: string; secret: string; port: number }[] };
  const [issued] = accounts;
  if (issued === undefined) throw new Error("no account was issued");
  phone = await new DeskPhone(issued.port, issued.username, issued.secret).open();
  await phone.register();
});
afterAll(async () => {
  phone?.close();
  await rig?.stop();
});
afterEach(async () => {
  await rig.pax.setPhone("34", { busy: false });
  phone.behaviour = "answer";
  phone.received.length = 0;
  await clearAll(rig);
});

/** The desk phone returns what it hears: what comes back has gone both ways. */
async function speakBothWays(ext: string): Promise<void> {
  await rig.pax.play(ext, { frequencyHz: 700 });
  await rig.pax.hear(ext, { ms: 500 });
  expect(await levelAt(rig, ext, 700)).toBeGreaterThan(-16);
}

describe("a telephone behind the gateway", () => {
  it("is called from the PAX, and the PAX caller clears", async () => {
    await paxCalls(rig, "21", "51");
    await rig.pax.waitFor("21", "answered", 15_000);
    await speakBothWays("21");
    await hangUp(rig, "21");
    await phone.seen((text) => text.startsWith("BYE"));
  });

  it("clears, and the PAX caller hears busy tone", async () => {
    await paxCalls(rig, "21", "51");
    await rig.pax.waitFor("21", "answered", 15_000);
    await phone.hangUp();
    await rig.pax.waitFor("21", "busy-tone", 15_000);
  });

  it("is busy, or rings until the PAX caller gives up", async () => {
    phone.behaviour = "busy";
    await paxCalls(rig, "21", "51");
    await rig.pax.waitFor("21", "busy-tone", 15_000);
    await hangUp(rig, "21");
    phone.behaviour = "ring";
    await paxCalls(rig, "21", "51");
    await rig.pax.waitFor("21", "ringing-tone", 15_000);
    await hangUp(rig, "21");
    await phone.seen((text) => text.startsWith("CANCEL"));
  });

  it("calls a telephone on the PAX, hears it ring, and clears", async () => {
    await rig.pax.setPhone("34", { autoAnswerMs: 1_000 });
    expect(await phone.call("4134")).toBe(200);
    // Early media before the answer; 180 would have the phone make a ringing tone of its own.
    expect(phone.progress.slice(0, -1)).toContain(183);
    expect(phone.progress).not.toContain(180);
    await speakBothWays("34");
    await phone.hangUp();
    await rig.quiet();
    await rig.pax.setPhone("34", { autoAnswerMs: null });
  });

  it("is told why a call does not come about: 486 busy, 480 no answer, 404 not listed", async () => {
    await rig.pax.setPhone("34", { busy: true });
    expect(await phone.call("4134")).toBe(486);
    // The one line there is has to rest.
    await rig.quiet();
    const from = rig.log.length;
    expect(await phone.call("4180")).toBe(404);
    expect(await phone.call("911")).toBe(404);
    expect(statusesOf(rig, "tie1", from)).not.toContain("seizing");
    expect(await phone.call("4131")).toBe(480);
    await rig.pax.waitFor("31", "idle", 15_000);
  });

  it("finds every line engaged: 486", async () => {
    await rig.pax.lift("21");
    await rig.pax.waitFor("21", "dial-tone", 15_000);
    await rig.pax.dial("21", "9");
    await rig.until((view) => view.lines[0]?.status === "seized");
    expect(await phone.call("4134")).toBe(486);
  });
});
