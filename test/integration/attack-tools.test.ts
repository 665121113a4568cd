import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Capture, isRequest, isResponse } from "./support/capture.ts";
import { FloodTool } from "./support/flood.ts";
import { Lab } from "./support/lab.ts";

/** What attacks are sent and measured with: a flood that says what it sent, a capture that heard it. */

const REGISTER =
  "REGISTER sip:198.51.100.2 SIP/2.0\r\nCall-ID: ########\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
const ANSWER = "SIP/2.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
const PORT = 5061;

describe("flood and capture", () => {
  let lab: Lab;
  let tool: FloodTool;
  beforeAll(async () => {
    tool = new FloodTool();
    lab = await Lab.create();
  });
  afterAll(async () => {
    await tool.remove();
    await lab.remove();
  });

  const captureAtGateway = (filter = `udp port ${PORT}`) =>
    Capture.start({ inside: lab.gateway.inside, interface: "eth0", filter });
  const attack = (plan: { perSecond: number; seconds?: number; sources?: number }) =>
    tool.start({
      inside: lab.outside.inside,
      target: lab.gateway.address4,
      port: PORT,
      source: "203.0.113.1",
      sourcePort: 5060,
      messages: [REGISTER],
      ...plan,
    });

  it("sends at the rate that was asked for, and every packet that it reports arrives", async () => {
    const capture = await captureAtGateway();
    const flood = await attack({ perSecond: 2_000, seconds: 1 });
    const report = await flood.finished;
    await capture.seen(isRequest(PORT, "REGISTER"), report.sent);
    expect(await capture.stop()).toEqual({ dropped: 0 });
    expect(capture.count).toBe(report.sent);
    expect(report.perSecond).toBeGreaterThan(1_000);
    expect(report.perSecond).toBeLessThan(2_050);
    const times = capture.packets.map(({ atMs }) => atMs);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(900);
  });

  it("comes from as many sources as wanted, each packet with a text of its own", async () => {
    const capture = await captureAtGateway();
    const report = await (await attack({ perSecond: 1_000, seconds: 0.5, sources: 600 })).finished;
    await capture.seen(() => true, report.sent);
    await capture.stop();
    // The 600 go on beyond the 254 of the first network.
    const sources = new Set(capture.packets.map(({ from }) => from));
    expect(sources.size).toBe(Math.min(600, report.sent));
    expect(sources).toContain("203.0.113.1");
    expect(sources).toContain("203.0.114.1");
    expect(new Set(capture.packets.map(({ payload }) => payload)).size).toBe(report.sent);
  });

  it("over IPv6 each source is another /64, and checksums are right: a socket takes the packets", async () => {
    await lab.gateway.agent.listen("udp", PORT, ["2001:db8:1::2"]);
    const flood = await tool.start({
      inside: lab.outside.inside,
      target: lab.gateway.address6,
      port: PORT,
      perSecond: 200,
      seconds: 0.1,
      source: "2001:db8:bad:1::5",
      sources: 8,
      messages: [REGISTER, `${REGISTER}odd`],
    });
    const { sent } = await flood.finished;
    expect(await lab.gateway.agent.waitFor("REGISTER")).toBe(true);
    const heard = await lab.gateway.agent.take();
    expect(heard.length).toBeGreaterThan(sent / 2);
    expect(new Set(heard.map(({ from }) => from))).toContain("2001:db8:bad:4::5");
  });

  it("tells the time from the first guess to the last answer", async () => {
    await lab.gateway.agent.listen("udp", PORT, [lab.gateway.address4], ANSWER);
    const capture = await captureAtGateway();
    const guesses = { source: lab.outside.address4, to: lab.gateway.address4, port: PORT };
    await lab.outside.agent.udp({ ...guesses, payloads: [REGISTER, REGISTER, REGISTER], gapMs: 100, waitMs: 500 });
    await capture.seen(isResponse(PORT), 3);
    await capture.stop();
    const tally = capture.tally(isRequest(PORT), isResponse(PORT));
    expect(tally).toMatchObject({ guesses: 3, answers: 3 });
    expect(tally.lastAnswerMs).toBeGreaterThan(195);
    expect(tally.lastAnswerMs).toBeLessThan(1_000);
  });

  it("sends as much as the machine can, until it is stopped", async () => {
    const flood = await attack({ perSecond: 0, seconds: 2, sources: 100_000 });
    const report = await flood.finished;
    console.log(`flood: ${report.perSecond} packets a second into an empty namespace`);
    expect(report.perSecond).toBeGreaterThan(20_000);
    const endless = await attack({ perSecond: 100 });
    expect((await endless.stop()).seconds).toBeLessThan(2);
  });
});
