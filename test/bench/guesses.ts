import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../../src/base/lifecycle.ts";
import type { Attacker, AttackPlan } from "../integration/support/attacker.ts";
import { Capture, isRequest, isResponse, type Packet } from "../integration/support/capture.ts";
import type { LabHost } from "../integration/support/lab.ts";

/**
 * `svcrack`: sipvicious, at its own speed or as fast as it can. The others: our guesser, over UDP or TCP. `blind`: with
 * nonces that nobody issued; chan_sip tells by `stale=true` whether the password was right, so that it is a guess.
 * `mixed`: four blind guesses each by REGISTER and by INVITE, which goes over neither budget if they are two.
 */
export type Attack =
  | { readonly tool: "svcrack"; readonly full: boolean }
  | { readonly tool: "mixed" }
  | {
      readonly tool: "own";
      readonly method: string;
      readonly transport: "udp" | "tcp";
      readonly perSecond?: number;
      readonly blind?: boolean;
    };

export function nameOf(attack: Attack): string {
  if (attack.tool === "svcrack") return `svcrack, ${attack.full ? "full" : "default"} speed`;
  if (attack.tool === "mixed") return "REGISTER and INVITE over UDP, blind, 4 of each";
  const speed = attack.perSecond === undefined ? "full speed" : `${attack.perSecond}/s`;
  return `${attack.method} over ${attack.transport.toUpperCase()}${attack.blind ? ", blind" : ""}, ${speed}`;
}

export interface Target {
  readonly host: LabHost;
  readonly port: number;
}

export interface Outcome {
  /** Requests that carried credentials, and those of them that were answered. */
  readonly guesses: number;
  readonly guessesAnswered: number;
  /** Answers of any kind: challenges too. */
  readonly answers: number;
  /** From the first request to the last answer that was no repetition; 0 when there was none, ms. */
  readonly banMs: number;
}

const credentials = /^(?:Proxy-)?Authorization: /im;
const transaction = (text: string) =>
  `${/^(?:Call-ID|i): *(\S+)/im.exec(text)?.[1]} ${/^CSeq: *(\d+)/im.exec(text)?.[1]}`;

/** Guesses at an account for so long, from this address, and tells from what passed the target's interface what came of it. */
export async function guess(
  attacker: Attacker,
  attack: Attack,
  { from, source, target, seconds }: { from: LabHost; source: string; target: Target; seconds: number },
): Promise<Outcome> {
  const { host, port } = target;
  const first = { at: Number.NaN };
  const capture = await Capture.start({
    inside: host.inside,
    interface: "eth0",
    filter: `host ${source} and port ${port}`,
    snap: 1_500,
    keep: (packet) => keep(packet, source, first),
  });
  const answeredByReport = await run(attacker, attack, { from, source, target, seconds });
  const { dropped } = await capture.stop();
  if (dropped > 0) throw new Error(`the capture has missed ${dropped} packets`);
  const guesses = new Set(capture.packets.filter(isRequest(port)).map(({ payload }) => transaction(payload)));
  const answers = capture.packets.filter(isResponse(port));
  const final = answers.filter(({ payload }) => /^SIP\/2\.0 [2-6]/.test(payload));
  const answered = new Set(final.map(({ payload }) => transaction(payload)).filter((each) => guesses.has(each)));
  // Asterisk repeats its refusal of an INVITE until it is acknowledged: that tells the guesser nothing new.
  const told = new Map<string, number>();
  for (const { payload, atMs } of answers) {
    const what = `${payload.slice(0, 11)} ${transaction(payload)}`;
    if (!told.has(what)) told.set(what, atMs);
  }
  const last = [...told.values()].at(-1);
  return {
    guesses: guesses.size,
    // Over TCP several messages share a packet: there the guesser's own count holds.
    guessesAnswered: attack.tool === "own" && attack.transport === "tcp" ? answeredByReport : answered.size,
    answers: answers.length,
    banMs: last === undefined ? 0 : last - first.at,
  };
}

/** Of a flood of requests only the guesses; all answers. */
function keep(packet: Packet, source: string, first: { at: number }): boolean {
  if (packet.from !== source) return packet.payload.startsWith("SIP/2.0 ");
  if (Number.isNaN(first.at) && packet.payload !== "") first.at = packet.atMs;
  return credentials.test(packet.payload);
}

/** Resolves when it is over: with the guesses that our own guesser has seen answered. */
async function run(
  attacker: Attacker,
  attack: Attack,
  { from, source, target, seconds }: { from: LabHost; source: string; target: Target; seconds: number },
): Promise<number> {
  const host = target.host.address4;
  if (attack.tool === "svcrack") {
    // It can't be told its address: the kernel chooses it by the route.
    await from.ip(`route replace ${host}/32 dev eth0 src ${source}`);
    await svcrack(from, ["-p", String(target.port), ...(attack.full ? ["-t", "0"] : [])], host, seconds);
    return 0;
  }
  if (attack.tool === "mixed") {
    const each = { host, port: target.port, transport: "udp", user: "1000", localAddress: source } as const;
    const blindly = { madeUpNonce: "5f3c9a{n}", count: 4, lingerMs: 300, seconds: 2 };
    await attacker.run({ ...each, ...blindly, method: "REGISTER" }, from.namespace);
    await attacker.run({ ...each, ...blindly, method: "INVITE", to: "4120" }, from.namespace);
    return 0;
  }
  const { method, transport, perSecond, blind } = attack;
  const plan: AttackPlan = {
    host,
    port: target.port,
    transport,
    method,
    user: "1000",
    ...(method === "INVITE" ? { to: "4120" } : {}),
    ...(perSecond === undefined ? {} : { perSecond }),
    ...(blind === true ? { madeUpNonce: "5f3c9a{n}" } : { answer: true }),
    localAddress: source,
    seconds,
  };
  return (await attacker.run(plan, from.namespace)).guessesAnswered;
}

/** Tries numbers as passwords of the user 1000 until the time is over; it gives up by itself only much later. */
async function svcrack(from: LabHost, options: readonly string[], host: string, seconds: number): Promise<void> {
  const child = from.spawn(["svcrack", "-u", "1000", "-r", "100000-999999", ...options, host]);
  let words = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2_000);
    });
  }
  const gone = once(child, "exit");
  await Promise.race([delay(seconds * 1_000), gone]);
  if (child.exitCode !== null && child.exitCode !== 0)
    throw new Error(`svcrack ended with ${child.exitCode}: ${words}`);
  if (child.exitCode === null) child.kill("SIGKILL");
  await within(5_000, gone, "svcrack did not end");
}
