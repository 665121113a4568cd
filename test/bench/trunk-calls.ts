import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { within } from "../../src/base/lifecycle.ts";
import { Capture, type Packet } from "../integration/support/capture.ts";
import { caller, pause, receive, stream, toneFile } from "../integration/support/sipp.ts";
import type { GuardedGateway } from "./guarded-gateway.ts";
import { longestGapMs, lossPercent, sequenceOf } from "./rtp-loss.ts";

/** Called by the trunk: the second stage answers at once; a telephone of the PAX that lifts by itself. */
const AT_ONCE = "4199";
const TELEPHONE = { number: "4121", ext: "21" };
/** What the beginning and the end of a call do to its audio is not of interest, ms. */
const EDGE_MS = 1_000;
const MEDIA = 20_000;

export interface CallFigures {
  /** INVITE, as first sent, → 200, each call; ms. */
  readonly setupMs: readonly number[];
  readonly failed: number;
}

export interface AudioFigures {
  /** Share of the packets that the gateway's Asterisk gave to the supervisor of those that left the trunk, percent. */
  readonly inwardLossPercent: number;
  /** By sequence numbers at the trunk, percent. */
  readonly outwardLossPercent: number;
  /** Between two packets at the trunk, ms. */
  readonly outwardGapMs: number;
  readonly packets: number;
}

/** Calls from the trunk, by sipp, one after the other. */
export async function setUpCalls(guarded: GuardedGateway, calls: number): Promise<CallFigures> {
  const { lab, sipPort } = guarded;
  const capture = await Capture.start({
    inside: lab.trunk.inside,
    interface: "eth0",
    filter: `udp port ${sipPort} and host ${lab.gateway.address4}`,
    snap: 1_500,
  });
  const scenario =
    caller.invite("stream") +
    receive('response="100"', 'optional="true"') +
    receive('response="183"', 'optional="true"') +
    receive('response="200"') +
    caller.ack +
    pause(200) +
    caller.bye +
    receive('response="200"');
  const failed = await sipp(guarded, { scenario, number: AT_ONCE, calls, limitMs: (calls + 60) * 1_000 });
  await guarded.rig.quiet();
  await capture.stop();
  return { setupMs: setUpTimes(capture.packets), failed };
}

/** One call to a telephone, with a tone from the trunk. */
export async function talk(guarded: GuardedGateway, seconds: number): Promise<AudioFigures> {
  const { lab, rig, sipPort } = guarded;
  const gateway = lab.gateway.address4;
  await rig.pax.setPhone(TELEPHONE.ext, { autoAnswerMs: 100 });
  const tone = await toneFile(rig.directory, 1_400);
  const { from, to } = rig.config.sip.rtpPorts;
  const atTrunk = await Capture.start({
    inside: lab.trunk.inside,
    interface: "eth0",
    filter: `udp and host ${gateway} and not port ${sipPort}`,
  });
  const inGateway = await Capture.start({
    inside: lab.gateway.inside,
    interface: "lo",
    filter: `udp and src portrange ${from}-${to} and not dst portrange ${from}-${to}`,
  });
  const scenario =
    caller.invite("stream") +
    receive('response="100"', 'optional="true"') +
    receive('response="183"', 'optional="true"') +
    receive('response="200"') +
    caller.ack +
    stream(tone) +
    pause(seconds * 1_000) +
    caller.bye +
    receive('response="200"');
  await sipp(guarded, { scenario, number: TELEPHONE.number, calls: 1, limitMs: (seconds + 60) * 1_000 });
  await rig.pax.hangup(TELEPHONE.ext);
  await rig.quiet();
  const missed = (await atTrunk.stop()).dropped + (await inGateway.stop()).dropped;
  if (missed > 0) throw new Error(`the captures have missed ${missed} packets`);
  const rtp = (packets: readonly Packet[]) => packets.filter((packet) => sequenceOf(packet) !== null);
  const sent = rtp(atTrunk.packets.filter(({ to }) => to === gateway));
  const begin = (sent[0]?.atMs ?? 0) + EDGE_MS;
  const end = (sent.at(-1)?.atMs ?? 0) - EDGE_MS;
  const during = (packets: readonly Packet[]) => packets.filter(({ atMs }) => atMs >= begin && atMs < end);
  const outward = during(rtp(atTrunk.packets.filter((packet) => packet.from === gateway)));
  const [left, given] = [during(sent).length, during(rtp(inGateway.packets)).length];
  return {
    inwardLossPercent: left === 0 ? Number.NaN : Math.max(0, 100 * (1 - given / left)),
    outwardLossPercent: lossPercent(outward),
    outwardGapMs: longestGapMs(outward),
    packets: left + outward.length,
  };
}

interface Run {
  readonly scenario: string;
  readonly number: string;
  readonly calls: number;
  readonly limitMs: number;
}

/** How many of the calls failed. */
async function sipp(guarded: GuardedGateway, { scenario, number, calls, limitMs }: Run): Promise<number> {
  const { lab, rig, sipPort } = guarded;
  // The steps are written for loopback.
  const placed = scenario
    .replaceAll("127.0.0.1:[remote_port]", "[remote_ip]:[remote_port]")
    .replaceAll("127.0.0.1:[local_port]", "[local_ip]:[local_port]");
  const file = join(rig.directory, "bench-call.xml");
  await writeFile(file, `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="bench">${placed}</scenario>\n`);
  const own = lab.trunk.address4;
  const [program = "", ...args] = [
    ...[...lab.trunk.inside, "sipp", `${lab.gateway.address4}:${sipPort}`, "-sf", file, "-s", number],
    ...["-i", own, "-p", "5060", "-mi", own, "-mp", String(MEDIA), "-nostdin"],
    ...["-m", String(calls), "-r", "1", "-l", "1", "-timeout", `${Math.ceil(limitMs / 1_000)}s`],
  ];
  const child: ChildProcess = spawn(program, args, { cwd: rig.directory, stdio: ["ignore", "pipe", "pipe"] });
  let words = "";
  for (const output of [child.stdout, child.stderr]) {
    output?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-6_000);
    });
  }
  const [code] = (await within(limitMs + 5_000, once(child, "exit"), "sipp did not end").catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  })) as [number | null];
  if (code === 0) return 0;
  const failed = /Failed call\s*\|[^|]*\|\s*(\d+)/.exec(words)?.[1];
  if (failed === undefined) throw new Error(`sipp ended with ${code}: ${words}`);
  if (calls === 1) throw new Error(`the call has failed: ${words}`);
  return Number(failed);
}

function setUpTimes(packets: readonly Packet[]): number[] {
  const begun = new Map<string, number>();
  const times = new Map<string, number>();
  for (const { atMs, payload } of packets) {
    const call = /^Call-ID: *(\S+)/im.exec(payload)?.[1];
    if (call === undefined) continue;
    if (payload.startsWith("INVITE ") && !begun.has(call)) begun.set(call, atMs);
    const answered = payload.startsWith("SIP/2.0 200") && /^CSeq: *\d+ INVITE/im.test(payload);
    if (answered && !times.has(call)) times.set(call, atMs - (begun.get(call) ?? Number.NaN));
  }
  return [...times.values()];
}
