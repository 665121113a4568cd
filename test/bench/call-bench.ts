import { randomBytes } from "node:crypto";
import type { Finding, Goal } from "../../src/app/bench/finding.ts";
import { processorMs, residentMb } from "../../src/app/bench/process-usage.ts";
import { median } from "../../src/app/bench/statistics.ts";
import { type FloodReport, FloodTool } from "../integration/support/flood.ts";
import { GuardedGateway } from "./guarded-gateway.ts";
import { loadDuring } from "./machine-load.ts";
import { type AudioFigures, type CallFigures, setUpCalls, talk } from "./trunk-calls.ts";

/** Hostile packets a second that the goals speak of. */
const HOSTILE = 50_000;
const SOURCES = 100_000;
const LINES = 2;

export interface CallSize {
  readonly calls: number;
  readonly talkS: number;
}

interface Figures {
  readonly setup: CallFigures;
  readonly audio: AudioFigures;
}

/** Calls of the trunk without and with an attack on the SIP port, by as many forged sources as there are packets. */
export async function benchCalls(size: CallSize): Promise<Finding[]> {
  const tool = new FloodTool();
  try {
    return [...(await inMode("allowlist", tool, size)), ...(await inMode("open", tool, size))];
  } finally {
    await tool.remove();
  }
}

async function inMode(mode: "allowlist" | "open", tool: FloodTool, size: CallSize): Promise<Finding[]> {
  const guarded = await GuardedGateway.start({ mode, tieLines: LINES });
  try {
    const measure = async (): Promise<Figures> => ({
      setup: await setUpCalls(guarded, size.calls),
      audio: await talk(guarded, size.talkS),
    });
    const calm = await loadDuring(measure);
    const counters = ["outside", "over", "limited", "crowded", "refused", "strangers"];
    const counted = async () => {
      const { counters: all } = await guarded.view();
      return all.filter(({ name }) => counters.includes(name)).reduce((sum, { packets }) => sum + packets, 0);
    };
    const { rig } = guarded;
    const before = { counted: await counted(), asterisk: (await residentMb(rig.asteriskPid)).now };
    const processor = await processorMs(rig.gatewayPid);
    const flood = await tool.start({
      inside: guarded.lab.outside.inside,
      target: guarded.lab.gateway.address4,
      port: guarded.sipPort,
      perSecond: HOSTILE,
      source: "203.0.113.1",
      sources: SOURCES,
      messages: hostileMessages(guarded.lab.gateway.address4),
    });
    let report: FloodReport | undefined;
    try {
      const attacked = await loadDuring(measure);
      report = await flood.stop();
      const received = (await counted()) - before.counted;
      const ours = (await processorMs(rig.gatewayPid)) - processor;
      return [
        ...compare(mode, calm.result, attacked.result),
        told(`${mode}: hostile packets sent a second`, "", report.perSecond),
        told(`${mode}: hostile packets that reached the rules`, "%", (100 * received) / report.sent),
        told(`${mode}: processors busy, calm`, "%", calm.load.busy),
        told(`${mode}: processors busy, under attack (with sender and switch)`, "%", attacked.load.busy),
        told(`${mode}: of it receiving packets (softirq)`, "%", attacked.load.softirq),
        told(`${mode}: supervisor's processor under attack`, "%", ours / (10 * report.seconds)),
        told(`${mode}: Asterisk's memory grew by`, "MB", (await residentMb(rig.asteriskPid)).now - before.asterisk),
      ];
    } finally {
      if (report === undefined) await flood.stop();
    }
  } finally {
    await guarded.stop();
  }
}

/** What scanners send: each packet another call. */
function hostileMessages(gateway: string): string[] {
  const message = (method: string, to: string) =>
    [
      `${method} sip:${to}${gateway} SIP/2.0`,
      "Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK########;rport",
      `From: <sip:1000@${gateway}>;tag=########`,
      `To: <sip:1000@${gateway}>`,
      `Call-ID: ########${randomBytes(4).toString("hex")}`,
      `CSeq: 1 ${method}`,
      "Contact: <sip:1000@203.0.113.1>",
      "Max-Forwards: 70",
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n");
  return [message("REGISTER", ""), message("INVITE", "4120@"), message("OPTIONS", "100@")];
}

function compare(mode: string, calm: Figures, attacked: Figures): Finding[] {
  const loss = (name: string, figures: AudioFigures, goal: Goal | null): Finding[] => [
    { name: `${mode}: audio lost inwards, ${name}`, unit: "%", goal, values: [figures.inwardLossPercent] },
    { name: `${mode}: audio lost outwards, ${name}`, unit: "%", goal, values: [figures.outwardLossPercent] },
    told(`${mode}: longest gap outwards, ${name}`, "ms", figures.outwardGapMs),
  ];
  const [calmMs, attackedMs] = [median(calm.setup.setupMs), median(attacked.setup.setupMs)];
  return [
    ...loss("calm", calm.audio, null),
    ...loss("under attack", attacked.audio, { most: 1, of: "worst" }),
    told(`${mode}: INVITE → 200, calm`, "ms", calmMs),
    told(`${mode}: INVITE → 200, under attack`, "ms", attackedMs),
    {
      name: `${mode}: INVITE → 200, under attack : calm`,
      unit: "",
      goal: { most: 1.5, of: "median" },
      values: [attackedMs / calmMs],
    },
    {
      name: `${mode}: calls that failed under attack`,
      unit: "",
      goal: { most: 0, of: "worst" },
      values: [attacked.setup.failed],
    },
    told(`${mode}: calls measured, each`, "", Math.min(calm.setup.setupMs.length, attacked.setup.setupMs.length)),
  ];
}

function told(name: string, unit: string, value: number): Finding {
  return { name, unit, goal: null, values: [value] };
}
