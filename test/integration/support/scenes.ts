import { expect } from "vitest";
import type { Dispose } from "../../../src/base/events.ts";
import { within } from "../../../src/base/lifecycle.ts";
import type { LineEndStatus } from "../../../src/sim/control-port.ts";
import type { EventNetwork } from "../../../src/sim/event-network.ts";
import type { CallId, EventNetworkEvent } from "../../../src/sim/event-types.ts";
import type { GatewayRig } from "./gateway-rig.ts";

/** What people at both ends of a rehearsal do, in one word each. */

const LIMIT_MS = 25_000;

/** Rests and pauses of the profile that are not what a test is about, made short. */
export const quick = {
  interDigitalPauseMs: 400,
  releaseMs: 300,
  seizeGuardMs: 400,
  clearGuardMs: 200,
};

/** The rig's event network, which a test without one cannot do without. */
export function eventOf(rig: GatewayRig): EventNetwork {
  if (rig.event === null) throw new Error("this rig has no event network");
  return rig.event;
}

/** Gives telephones a dial that is as fast as any, so that tests about other things need not wait for it. */
export async function fastDials(rig: GatewayRig, ...exts: readonly string[]): Promise<void> {
  const dial = { ips: 14, interDigitalPauseMs: 300 };
  await Promise.all(exts.map((ext) => rig.pax.setPhone(ext, { dial })));
}

/** Replaces the handset and waits until the exchange has seen it: who lifts sooner has never cleared. */
export async function hangUp(rig: GatewayRig, ext: string): Promise<void> {
  await rig.pax.hangup(ext);
  await rig.pax.waitFor(ext, "idle", 15_000);
}

/** Everybody clears; whatever a call did, nothing may be left of it. */
export async function clearAll(rig: GatewayRig): Promise<void> {
  for (const { call } of rig.event?.calls ?? []) await rig.event?.hangup(call);
  const lifted = (await rig.pax.phones()).filter(({ offHook }) => offHook);
  await Promise.all(lifted.map(({ ext }) => hangUp(rig, ext)));
  await rig.quiet();
  if (rig.event !== null) expect(rig.event.calls).toEqual([]);
}

/** Lifts, dials the tie-line digit and waits for the gateway's dial tone. */
export async function takeLine(rig: GatewayRig, ext: string, tieDigit = "9"): Promise<void> {
  await rig.pax.lift(ext);
  await rig.pax.waitFor(ext, "dial-tone", 15_000);
  await rig.pax.dial(ext, tieDigit);
  await rig.pax.waitFor(ext, "connected", 15_000);
  await rig.pax.waitFor(ext, "dial-tone", 15_000);
}

/** A telephone on the PAX calls a number of the gateway's plan. */
export async function paxCalls(rig: GatewayRig, ext: string, number: string): Promise<void> {
  await takeLine(rig, ext);
  await rig.pax.dial(ext, number);
}

/** A telephone on the PAX calls a telephone of the event; resolves with the call when that one has answered. */
export async function paxTalksTo(rig: GatewayRig, ext: string, dialled: string, phone = dialled): Promise<CallId> {
  const incoming = rig.eventOf("incoming", LIMIT_MS, (event) => event.phone === phone);
  const answers = new Set<CallId>();
  const stop = eventOf(rig).onEvent((event) => {
    if (event.type === "answered") answers.add(event.call);
  });
  try {
    await Promise.all([paxCalls(rig, ext, dialled), incoming]);
    const { call } = await incoming;
    if (!answers.has(call)) await rig.eventOf("answered", LIMIT_MS, (event) => event.call === call);
    return call;
  } finally {
    stop();
  }
}

/** Everything that the event network tells about one call, in order. */
export class CallWatch {
  readonly call: CallId;
  readonly seen: EventNetworkEvent[] = [];
  readonly #waiters = new Set<() => void>();
  readonly #stop: Dispose;

  /** To be made in the same turn as the call: nothing is told before. */
  constructor(rig: GatewayRig, call: CallId) {
    this.call = call;
    this.#stop = eventOf(rig).onEvent((event) => {
      if (!("call" in event) || event.call !== call) return;
      this.seen.push(event);
      for (const look of [...this.#waiters]) look();
      if (event.type === "ended") this.#stop();
    });
  }

  has(type: EventNetworkEvent["type"]): boolean {
    return this.seen.some((event) => event.type === type);
  }

  /** The first event of this kind, also if it has been. */
  async event<T extends EventNetworkEvent["type"]>(
    type: T,
    ms = LIMIT_MS,
  ): Promise<Extract<EventNetworkEvent, { type: T }>> {
    const found = new Promise<Extract<EventNetworkEvent, { type: T }>>((resolve) => {
      const look = () => {
        const event = this.seen.find((one) => one.type === type);
        if (event === undefined) return;
        this.#waiters.delete(look);
        resolve(event as Extract<EventNetworkEvent, { type: T }>);
      };
      this.#waiters.add(look);
      look();
    });
    const seen = () => this.seen.map((event) => ("cause" in event ? `${event.type} ${event.cause}` : event.type));
    try {
      return await within(ms, found, `no ${type}`);
    } catch (cause) {
      throw new Error(`call ${this.call}: no ${type}, but ${seen().join(", ")}`, { cause });
    }
  }
}

/** A telephone of the event calls; what becomes of it can be awaited. */
export function eventCalls(rig: GatewayRig, from: string, number: string): CallWatch {
  return new CallWatch(rig, eventOf(rig).call(from, number));
}

/** Whether two frequencies, one from each end, are heard at the other end, and neither at its own. */
export async function hearEachOther(
  rig: GatewayRig,
  ext: string,
  call: CallId,
  paxHz = 700,
  eventHz = 1_400,
): Promise<void> {
  const event = eventOf(rig);
  event.play(call, { kind: "tone", frequencyHz: eventHz });
  await rig.pax.play(ext, { frequencyHz: paxHz });
  await event.hearTone(call, paxHz, -30);
  // A second of it, after the audio has settled.
  const heard = await rig.pax.hear(ext, { ms: 1_000, frequenciesHz: [eventHz, paxHz] });
  const atEvent = event.hear(call, 1_000, [paxHz, eventHz]);
  const levels = JSON.stringify({ atPax: heard.tones, atEvent: atEvent.tones });
  expect(heard.tones[0]?.levelDbm0, `event's tone at the PAX: ${levels}`).toBeGreaterThan(-25);
  expect(heard.tones[1]?.levelDbm0, `echo at the PAX: ${levels}`).toBeLessThan(-45);
  expect(atEvent.tones[0]?.levelDb, `PAX's tone at the event: ${levels}`).toBeGreaterThan(-30);
  expect(atEvent.tones[1]?.levelDb, `echo at the event: ${levels}`).toBeLessThan(-48);
}

/** The telephone's earpiece, with how much is left of a frequency, dBm0. */
export async function levelAt(rig: GatewayRig, ext: string, frequencyHz: number, ms = 500): Promise<number> {
  return (await rig.pax.hear(ext, { ms, frequenciesHz: [frequencyHz] })).tones[0]?.levelDbm0 ?? Number.NaN;
}

/** The simulated PAX's view of a gateway line. */
export async function lineEnd(rig: GatewayRig, line: string): Promise<LineEndStatus> {
  const found = (await rig.pax.lines()).find((one) => one.line === line);
  if (found === undefined) throw new Error(`no line ${line}`);
  return found;
}

/** Waits until the gateway's outputs of a line are these and no others: the simulator sees them a moment after us. */
export async function outputsAre(rig: GatewayRig, line: string, outputs: readonly string[]): Promise<void> {
  await expect.poll(async () => (await lineEnd(rig, line)).outputs, { timeout: LIMIT_MS }).toEqual(outputs);
}

/** Statuses that a line went through, by the gateway's log from record `from` on. */
export function statusesOf(rig: GatewayRig, line: string, from: number): string[] {
  return rig.log
    .slice(from)
    .filter((record) => record["line"] === line && record["status"] !== undefined)
    .map((record) => String(record["status"]));
}

/** How long outputs towards the PAX are energised after something was done, ms. They open at every impulse as well. */
export async function outputsHeldAfter(rig: GatewayRig, action: () => Promise<void>): Promise<number> {
  await action();
  const began = performance.now();
  let heldUntil = began;
  for (let now = began; now - heldUntil < 1_200; now = performance.now()) {
    if (now - began > LIMIT_MS) throw new Error(`outputs held: ${JSON.stringify(await rig.pax.lines())}`);
    if ((await rig.pax.lines()).some(({ outputs }) => outputs.length > 0)) heldUntil = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return heldUntil - began;
}
