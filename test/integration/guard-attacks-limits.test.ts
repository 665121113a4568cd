import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AttackPlan, AttackReport } from "./support/attacker.ts";
import type { Packet } from "./support/capture.ts";
import { GATEWAY, GuardRig, tool } from "./support/guard-rig.ts";
import type { LabHost } from "./support/lab.ts";

/**
 * Sources that may speak to Asterisk, and guess: inside an allowed range, and from anywhere in mode `open`. Times are the
 * kernel's, of the packets at the gateway's interface.
 */

const methods = ["REGISTER", "INVITE", "SUBSCRIBE", "OPTIONS", "register", "inVITE"] as const;
const transports = ["udp", "tcp"] as const;
const speeds: readonly [string, Partial<AttackPlan>][] = [
  ["as fast as it can send", { seconds: 0.25 }],
  ["as fast as it is answered", { seconds: 0.4, inTurn: true }],
  ["at 20 a second", { seconds: 2, perSecond: 20 }],
  ["at one a second", { seconds: 5, perSecond: 1 }],
];

const field = (packet: Packet, name: string) => new RegExp(`^${name}: *(.*?)\r$`, "im").exec(packet.payload)?.[1] ?? "";
const isGuess = (packet: Packet) => /\r\n(?:Proxy-)?Authorization:/i.test(packet.payload);
const isFinal = (packet: Packet) => /^SIP\/2\.0 [2-6]/.test(packet.payload);
const idOf = (packet: Packet) => `${field(packet, "Call-ID")} ${field(packet, "CSeq")}`;

/** Guesses from one source that had a final answer, and from the first of all guesses to the last of these answers. */
function judge(packets: readonly Packet[], source: string) {
  const guesses = packets.filter((packet) => packet.from === source && isGuess(packet));
  const ids = new Set(guesses.map(idOf));
  const answers = packets.filter((packet) => packet.to === source && isFinal(packet) && ids.has(idOf(packet)));
  const [first, last] = [guesses[0], answers.at(-1)];
  return {
    guesses: guesses.length,
    answered: new Set(answers.map(idOf)).size,
    ms: first === undefined || last === undefined ? null : last.atMs - first.atMs,
    answers: packets.filter((packet) => packet.to === source && /^SIP\/2\.0/.test(packet.payload)).length,
  };
}

let next = 1;

describe.each([
  ["inside an allowed range, SIP port 5060", "allowlist", 5060, "event"],
  ["from anywhere in mode open, SIP port 5872", "open", 5872, "outside"],
] as const)("a guesser %s", (_, mode, port, hostName) => {
  let rig: GuardRig;
  let host: LabHost;
  const fresh = () => (hostName === "event" ? `10.42.9.${next++}` : `203.0.113.${next++}`);
  beforeAll(async () => {
    rig = await GuardRig.start({
      sip: { port },
      firewall: { mode, lists: { eventNetwork: ["10.42.0.0/16", "198.51.100.42"] } },
    });
    host = rig.lab[hostName];
  });
  afterAll(() => rig?.stop());

  async function guessing(plans: readonly Partial<AttackPlan>[]) {
    // The requests of a flood are too many to keep; guesses and what leaves are not.
    const capture = await rig.capture(`port ${port}`, (packet) => packet.from === GATEWAY || isGuess(packet));
    const one = async (plan: Partial<AttackPlan>) => {
      const localAddress = plan.localAddress ?? fresh();
      return { localAddress, report: await rig.attack(host, { ...plan, localAddress }) };
    };
    const runs: { localAddress: string; report: AttackReport }[] = [];
    if (plans.some((plan) => plan.perSecond === undefined)) for (const plan of plans) runs.push(await one(plan));
    else runs.push(...(await Promise.all(plans.map(one))));
    expect((await capture.stop()).dropped).toBe(0);
    return runs.map(({ localAddress, report }) => ({ report, localAddress, ...judge(capture.packets, localAddress) }));
  }

  it.each(speeds)("%s has three guesses answered at most, of every method, over UDP and TCP", async (speed, pace) => {
    const plans = methods.flatMap((method) =>
      transports.map((transport) => ({ method, transport, lingerMs: 200, ...pace })),
    );
    const found = await guessing(plans);
    for (const [at, { report, guesses, answered, answers, ms }] of found.entries()) {
      const { method = "", transport } = plans[at] ?? {};
      const what = `${mode}, ${method} ${transport} ${speed}`;
      const time = ms === null ? "" : `, ${ms.toFixed(1)} ms`;
      console.info(`${what}: ${report.sent} sent, ${guesses} guesses, ${answered} answered of ${answers}${time}`);
      expect(answered, what).toBeLessThanOrEqual(3);
      expect(answered, what).toBe(report.guessesAnswered);
      if (method !== "REGISTER" && method !== "INVITE") expect(answers, what).toBe(0);
    }
    if (pace.perSecond === undefined) {
      // Of those that had an answer at all: a flood may have none.
      const times = found.flatMap(({ ms }) => ms ?? []).sort((one, other) => one - other);
      expect(
        times[Math.floor(times.length / 2)] ?? 0,
        `${mode}, ${speed}: the last answer, in the middle`,
      ).toBeLessThan(50);
    }
    // Asterisk was there, or nothing is shown. Those that attack side by side share what strangers together may send, and
    // those that wait for answers have little time: which of them has an answer is chance.
    const all = found.reduce((sum, { answered }) => sum + answered, 0);
    if (pace.perSecond !== undefined || pace.inTurn === true) expect(all, `${mode}, ${speed}`).toBeGreaterThan(0);
  });

  it("has three guesses answered at most with methods, transports and users in turn", async () => {
    const source = fresh();
    const plans = (["REGISTER", "INVITE"] as const).flatMap((method) =>
      transports.map((transport) => ({
        method,
        transport,
        perSecond: 50,
        seconds: 2,
        localAddress: source,
        user: `u${method}${transport}{n}`,
      })),
    );
    const [first] = await guessing(plans);
    console.info(`${mode} all at once: ${JSON.stringify({ ...first, report: undefined })}`);
    expect(first?.answered).toBeLessThanOrEqual(3);
  });

  it.each([3, 4])("has not more of them judged when it sends %i short ones in one segment", async (size) => {
    const { username: user, secret: password } = await rig.account();
    const plan = { user, transport: "tcp", count: size, pipeline: size, lingerMs: 500 } as const;
    const report = await rig.attack(host, { ...plan, localAddress: fresh(), volley: { size, password } });
    console.info(`${mode}, ${size} guesses in one segment: ${JSON.stringify(report)}`);
    expect(report.guessesAnswered).toBeLessThanOrEqual(3);
  });

  it.each([
    ["svmap", []],
    ["svwar", ["-e100-300", "-m", "REGISTER"]],
    ["svwar", ["-e100-300", "-m", "INVITE"]],
    ["svwar", ["-e100-300", "-m", "OPTIONS"]],
    ["svcrack", ["-u100", "-r1-300", "-t", "1"]],
  ] as const)("finds nothing with %s %j", async (program, words) => {
    await rig.release();
    const source = host.address4;
    const capture = await rig.capture(`port ${port} and host ${source}`);
    const text = await tool(host, 2, program, `-p${port}`, ...words, GATEWAY);
    expect((await capture.stop()).dropped).toBe(0);
    const { guesses, answered, answers } = judge(capture.packets, source);
    console.info(`${mode}, ${program} ${words.join(" ")}: ${guesses} guesses, ${answered} answered of ${answers}`);
    expect(capture.packets.length).toBeGreaterThan(0);
    expect(answered).toBeLessThanOrEqual(3);
    // The scanner filter knows them by name.
    expect(answers).toBe(0);
    expect(text).not.toMatch(/reqauth|noauth|The password for|\| *198\.51\.100\.2:/);
  });
});
