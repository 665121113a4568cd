import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { g711Decode } from "../../src/line/g711.ts";
import { classify } from "../../src/sim/ear.ts";
import { freeUdpPort } from "./support/free-port.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { quick } from "./support/scenes.ts";
import { agree, callee, caller, pause, receive, Sipp, type SippOptions, stream, toneFile } from "./support/sipp.ts";

/** Calls between the PAX and sipp, which is the event's server here: a SIP stack that shares nothing with ours. */

const HIGH_HZ = 1_400;
const LOW_HZ = 700;

let rig: GatewayRig;
let trunkPort: number;
let mediaPort: number;
let tone: string;
let runs: Sipp[] = [];

beforeAll(async () => {
  trunkPort = await freeUdpPort();
  mediaPort = await freeUdpPort();
  rig = await GatewayRig.start({
    withoutEvent: true,
    config: {
      lines: [{ name: "tie1" }, { name: "tie2" }],
      trunks: [
        { name: "event", server: "127.0.0.1", port: trunkPort, username: "4100", password: "unused", register: false },
      ],
      numberPlan: {
        fromPax: [{ dial: "[12]X", trunk: "event", prefix: "41" }],
        toPax: [{ number: "41[2-5]X", extension: "XX" }],
      },
      pax: { overrides: quick },
    },
    topology: (standard) => ({
      ...standard,
      lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
    }),
  });
  tone = await toneFile(rig.directory, HIGH_HZ);
}, 30_000);

afterAll(() => rig?.stop());

afterEach(async () => {
  for (const { ext, offHook } of await rig.pax.phones()) if (offHook) await rig.pax.hangup(ext);
  for (const run of runs.splice(0)) await run.stop();
  await rig.quiet();
  await expect.poll(() => rig.asterisk("core show channels count"), { timeout: 10_000 }).toContain("0 active channels");
});

async function sipp(scenario: string, options: Partial<SippOptions> = {}): Promise<Sipp> {
  const run = await Sipp.run(rig.directory, scenario, { port: trunkPort, mediaPort, ...options });
  runs = [...runs, run];
  return run;
}

const call = (scenario: string, number: string, options: Partial<SippOptions> = {}) =>
  sipp(scenario, { server: rig.config.sip.port, number, ...options });

/** A PAX caller lifts, takes a tie line and dials. */
async function dial(ext: string, digits: string): Promise<void> {
  const { pax } = rig;
  await pax.setPhone(ext, { dial: { ips: 12, interDigitalPauseMs: 400 } });
  await pax.lift(ext);
  await pax.waitFor(ext, "dial-tone", 15_000);
  await pax.dial(ext, "9");
  await pax.waitFor(ext, "dial-tone", 15_000);
  await pax.dial(ext, digits);
}

async function levels(ext: string): Promise<{ high: number; low: number }> {
  const { tones } = await rig.pax.hear(ext, { ms: 1_000, frequenciesHz: [HIGH_HZ, LOW_HZ] });
  return { high: tones[0]?.levelDbm0 ?? -100, low: tones[1]?.levelDbm0 ?? -100 };
}

/** Until 200, whatever comes before it. */
const untilAnswered =
  receive('response="100"', 'optional="true"') +
  receive('response="183"', 'optional="true"') +
  receive('response="200"', 'rtd="true"');

describe("sipp calls a PAX telephone", () => {
  it("and is heard there; the PAX party clears", async () => {
    const run = await call(
      caller.invite("stream") + untilAnswered + caller.ack + stream(tone) + receive('request="BYE"') + agree,
      "4122",
    );
    await rig.pax.waitFor("22", "ringing", 15_000);
    await rig.pax.lift("22");
    await rig.pax.waitFor("22", "answered", 15_000);
    await expect.poll(async () => (await levels("22")).high, { timeout: 15_000 }).toBeGreaterThan(-30);
    expect((await levels("22")).low).toBeLessThan(-45);
    await rig.pax.hangup("22");
    await run.done();
    expect(run.received).toContain(183);
  });

  it("and returns what it hears, so that sound passes both ways; the caller clears", async () => {
    const { pax } = rig;
    const run = await call(
      caller.invite("echo") + untilAnswered + caller.ack + pause(4_000) + caller.bye + receive('response="200"'),
      "4123",
      { echo: true },
    );
    await pax.waitFor("23", "ringing", 15_000);
    await pax.lift("23");
    await pax.waitFor("23", "answered", 15_000);
    await pax.play("23", { frequencyHz: LOW_HZ });
    await expect.poll(async () => (await levels("23")).low, { timeout: 3_500 }).toBeGreaterThan(-30);
    await run.done();
    await rig.until((view) => view.lines.every((line) => line.status === "idle"));
    expect((await pax.lines()).every(({ outputs }) => outputs.length === 0)).toBe(true);
  });

  it("and hears it ring before it answers", async () => {
    const ear = await listen();
    const run = await call(
      caller.invite(ear.port) + untilAnswered + caller.ack + receive('request="BYE"') + agree,
      "4124",
    );
    await rig.pax.waitFor("24", "ringing", 15_000);
    await expect.poll(() => classify(ear.samples()), { timeout: 8_000 }).toBe("ringing");
    await rig.pax.lift("24");
    await rig.pax.waitFor("24", "answered", 15_000);
    await rig.pax.hangup("24");
    await run.done();
    ear.socket.close();
  });

  it("and gives up before it is answered: the line is free again within two seconds", async () => {
    const run = await call(
      caller.invite("echo") +
        receive('response="100"', 'optional="true"') +
        receive('response="183"') +
        pause(500) +
        caller.cancel(4) +
        receive('response="487"') +
        caller.ackOfRefusal(6) +
        receive('response="200"'),
      "4125",
    );
    await rig.pax.waitFor("25", "ringing", 15_000);
    await run.done();
    const began = performance.now();
    await expect
      .poll(async () => (await rig.pax.lines()).flatMap(({ outputs }) => outputs), { interval: 10 })
      .toEqual([]);
    expect(performance.now() - began).toBeLessThan(2_000);
    await rig.pax.waitFor("25", "idle", 15_000);
  });

  it("and gets 480 for a second call at the same time, while the first one goes on", async () => {
    const run = await call(
      caller.invite("echo") +
        receive('response="100"', 'optional="true"') +
        receive('response="480"', 'optional="true" next="refused"') +
        receive('response="183"', 'optional="true"') +
        receive('response="200"') +
        caller.ack +
        receive('request="BYE"') +
        agree +
        pause(100) +
        '<nop next="end"/><label id="refused"/>' +
        caller.ackOfRefusal(10) +
        '<label id="end"/>',
      "4126",
      { calls: 2, echo: true },
    );
    await rig.pax.waitFor("26", "ringing", 15_000);
    await rig.pax.lift("26");
    await rig.pax.waitFor("26", "answered", 15_000);
    await expect.poll(() => run.received).toContain(480);
    await rig.pax.play("26", { frequencyHz: LOW_HZ });
    await expect.poll(async () => (await levels("26")).low, { timeout: 15_000 }).toBeGreaterThan(-30);
    expect((await rig.status()).calls).toHaveLength(1);
    await rig.pax.hangup("26");
    await run.done();
    expect(run.received.filter((status) => status === 480)).toHaveLength(1);
    expect(run.received.filter((status) => status === 200)).toHaveLength(1);
  });
});

describe("a PAX caller calls sipp", () => {
  const invited = `${receive('request="INVITE"')}`;

  it("hears himself returned, so that sound passes both ways, and clears", async () => {
    const run = await sipp(
      invited +
        callee.respond("180 Ringing") +
        pause(1_500) +
        callee.respondWithMedia("200 OK", "echo") +
        receive('request="ACK"') +
        receive('request="BYE"') +
        agree,
      { echo: true },
    );
    await dial("31", "23");
    await rig.pax.waitFor("31", "ringing-tone", 15_000);
    await rig.pax.waitFor("31", "answered", 15_000);
    await rig.pax.play("31", { frequencyHz: LOW_HZ });
    await expect.poll(async () => (await levels("31")).low, { timeout: 15_000 }).toBeGreaterThan(-30);
    expect(run.messages).toMatch(/INVITE sip:4123@127\.0\.0\.1/);
    await rig.pax.hangup("31");
    await run.done();
  });

  it("hears it before the answer (early media); the callee clears and he hears busy", async () => {
    const run = await sipp(
      `${receive('request="INVITE"', 'rrs="true"').replace("/>", '><action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/><ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/></action></recv>')}` +
        callee.respondWithMedia("183 Session Progress", "stream") +
        stream(tone) +
        pause(4_000) +
        callee.respondWithMedia("200 OK", "stream") +
        receive('request="ACK"') +
        pause(500) +
        callee.bye +
        receive('response="200"'),
    );
    await dial("32", "24");
    await expect.poll(async () => (await levels("32")).high, { timeout: 15_000 }).toBeGreaterThan(-30);
    expect((await rig.status()).calls[0]?.phase).toBe("calling");
    await rig.pax.waitFor("32", "answered", 15_000);
    await run.done();
    await rig.pax.waitFor("32", "busy-tone", 15_000);
  });

  for (const [status, heard] of [
    ["486 Busy Here", "busy-tone"],
    ["404 Not Found", "unobtainable-tone"],
    ["503 Service Unavailable", "congestion-tone"],
  ] as const) {
    it(`hears ${heard} when it answers ${status}`, async () => {
      const run = await sipp(invited + callee.respond(status) + receive('request="ACK"'));
      await dial("33", "25");
      await rig.pax.waitFor("33", heard, 15_000);
      await run.done();
    });
  }

  it("and clears while it rings: the call is cancelled", async () => {
    const run = await sipp(invited + callee.respond("180 Ringing") + receive('request="CANCEL"') + agree + pause(100));
    await dial("34", "26");
    await rig.pax.waitFor("34", "ringing-tone", 15_000);
    await rig.pax.hangup("34");
    await expect.poll(() => run.messages).toContain("CANCEL sip:4126@");
  });
});

/** What comes as RTP (A-law) to a port of our own, put together. */
async function listen(): Promise<{ port: number; socket: Socket; samples: () => Int16Array }> {
  const socket = createSocket("udp4");
  const received: Buffer[] = [];
  socket.on("message", (packet) => received.push(packet.subarray(12)));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const samples = () => {
    const codes = Buffer.concat(received.slice(-400));
    const decoded = new Int16Array(codes.length);
    g711Decode("alaw", codes, decoded);
    return decoded;
  };
  return { port: socket.address().port, socket, samples };
}
