import { setTimeout as delay } from "node:timers/promises";
import type { Dispose } from "../../base/events.ts";
import { within } from "../../base/lifecycle.ts";
import { pax50 } from "../../line/profiles.ts";
import type { Finding } from "./finding.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { IncomingInvite } from "./sip-peer.ts";
import { quantile } from "./statistics.ts";

const INVITE_LIMIT_MS = 10_000;
const LOOP_LIMIT_MS = 3_000;
/** Rest between two calls of one telephone, ms: the line's guards, and chance so that telephones are not in step. */
const REST_MS = [900, 1_500] as const;
/** A line that was seized rests 3 s (release and guard): with eight lines none is asked for too early. */
const SEIZE_CYCLE_MS = 3_600;
const DIALS = { ips: [9, 12.5], breakPercent: [60, 72] } as const;

const between = (min: number, max: number) => min + Math.random() * (max - min);

/** Telephones of the simulated PAX that call, one for each line, with the number that each one dials. */
function callers(lines: number): { ext: string; number: string }[] {
  return Array.from({ length: lines }, (_, at) => ({
    ext: String(20 + at),
    number: `4${1 + (at % 3)}${1 + (Math.floor(at / 3) % 3)}${1 + Math.floor(at / 9)}`,
  }));
}

/** Resolves with the gateway's next INVITE to `number`. */
function nextInvite({ peer }: Rehearsal, number: string): Promise<IncomingInvite> {
  let dispose: Dispose = () => undefined;
  const invite = new Promise<IncomingInvite>((resolve) => {
    dispose = peer.onInvite((one) => {
      if (one.number === number) resolve(one);
    });
  });
  return within(INVITE_LIMIT_MS, invite, `no INVITE to ${number}`).finally(dispose);
}

/** Lifts, takes a tie line by 9 and dials on. Resolves with the INVITE that comes of it. */
export async function callOut(rehearsal: Rehearsal, ext: string, number: string): Promise<IncomingInvite> {
  const { pax } = rehearsal;
  const dial = { ips: between(...DIALS.ips), breakPercent: between(...DIALS.breakPercent), interDigitalPauseMs: 500 };
  await pax.setPhone(ext, { dial });
  await pax.lift(ext);
  const invite = nextInvite(rehearsal, number);
  invite.catch(() => undefined);
  await pax.dial(ext, `9${number}`);
  return invite;
}

/**
 * From the end of the last digit to the INVITE, as read from the trunk's socket. A digit's end is its last make, by
 * the edge's own timestamp, and the 200 ms that the profile takes to be sure.
 */
export async function benchOutward(rehearsal: Rehearsal, lines: number, calls: number): Promise<Finding[]> {
  const latencies: number[] = [];
  let failed = 0;
  const telephone = async ({ ext, number }: { ext: string; number: string }) => {
    for (let call = 0; call < Math.ceil(calls / lines); call++) {
      await delay(between(...REST_MS));
      try {
        const invite = await callOut(rehearsal, ext, number);
        const line = [...rehearsal.tap.lines.values()].find(({ pulses }) => pulses.dialled === number);
        invite.respond(486);
        if (line === undefined) failed++;
        else latencies.push(invite.atMs - (line.pulses.lastMakeMs + pax50.digitEndMs));
      } catch {
        failed++;
      }
      await rehearsal.pax.hangup(ext);
    }
  };
  await Promise.all(callers(lines).map(telephone));
  await rehearsal.quiet();
  return [
    ...spread("last digit → INVITE", latencies, { p50: 15, p99: 50 }),
    {
      name: "last digit → INVITE: calls without INVITE",
      unit: "calls",
      goal: { most: 0, of: "worst" },
      values: [failed],
    },
    { name: "last digit → INVITE: calls", unit: "calls", goal: null, values: [latencies.length] },
  ];
}

/** From sending an INVITE to the order to close a loop, as it arrives at the line. */
export async function benchInward(rehearsal: Rehearsal, lines: number, calls: number): Promise<Finding[]> {
  const latencies: number[] = [];
  let failed = 0;
  for (let call = 0; call < calls; call++) {
    await delay((SEIZE_CYCLE_MS / lines) * between(1, 1.2));
    let dispose: Dispose = () => undefined;
    const closed = new Promise<number>((resolve) => {
      dispose = rehearsal.tap.onLoop((_, active, atMs) => {
        if (active) resolve(atMs);
      });
    });
    const invite = rehearsal.peer.invite(`41${20 + (call % 20)}`);
    try {
      latencies.push((await within(LOOP_LIMIT_MS, closed, "no loop was closed")) - invite.sentMs);
    } catch {
      failed++;
    }
    dispose();
    invite.cancel();
    await within(LOOP_LIMIT_MS, invite.ended, "the call did not end").catch(() => failed++);
  }
  await rehearsal.quiet();
  return [
    ...spread("INVITE → loop closed", latencies, { p50: 15 }),
    { name: "INVITE → loop closed: failed calls", unit: "calls", goal: { most: 0, of: "worst" }, values: [failed] },
    { name: "INVITE → loop closed: calls", unit: "calls", goal: null, values: [latencies.length] },
  ];
}

function spread(name: string, values: readonly number[], goals: { p50: number; p99?: number }): Finding[] {
  const at = (label: string, q: number, most?: number): Finding => ({
    name: `${name}, ${label}`,
    unit: "ms",
    goal: most === undefined ? null : { most, of: "median" },
    values: [quantile(values, q)],
  });
  return [at("p50", 0.5, goals.p50), at("p99", 0.99, goals.p99), at("longest", 1)];
}
