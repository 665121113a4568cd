import { systemClock } from "../../base/clock.ts";
import { GatewayError } from "../../base/errors.ts";
import type { DialTarget } from "../../calls/port.ts";
import type { CallId } from "../../sim/event-types.ts";
import type { PhoneCondition } from "../../sim/watch.ts";
import { simulatedPaxOf } from "../simulated-pax.ts";
import type { CallReport, ClearBy, Outcome } from "./outcome.ts";
import type { Narrate, Stage } from "./stage.ts";
import { clear, type FarEnd, keepTalking, speakAndListen, type TalkOptions, VOICES } from "./talk.ts";
import { first, holds } from "./waiting.ts";

const REST_LIMIT_MS = 5_000;
const DIAL_TONE_LIMIT_MS = 10_000;
/** Longest that a refused call may take until its tone is known, ms. */
const TONE_LIMIT_MS = 12_000;
/** The gateway's test tone (ITU-T O.133: 1004 to 1020 Hz); Asterisk's Milliwatt() gives this. */
const MILLIWATT_HZ = 1_004;

export interface FromPaxOptions extends TalkOptions {
  /** Extension number of the calling telephone. */
  readonly from: string;
  /** Everything that is dialled, with the tie-line digit. */
  readonly number: string;
  /** How long the caller lets it ring, ms. */
  readonly giveUpMs: number;
  readonly clearBy: ClearBy;
}

/** What a caller's ear tells him after dialling. */
const tones: readonly { readonly condition: PhoneCondition; readonly outcome: Outcome; readonly text: string }[] = [
  { condition: "answered", outcome: "answered", text: "is answered" },
  { condition: "busy-tone", outcome: "busy", text: "hears busy tone" },
  { condition: "congestion-tone", outcome: "congestion", text: "hears congestion tone" },
  { condition: "unobtainable-tone", outcome: "unobtainable", text: "hears number-unobtainable tone" },
];

/** A telephone of the simulated PAX calls. Always leaves it on the hook. */
export async function callFromPax(stage: Stage, options: FromPaxOptions, narrate: Narrate): Promise<CallReport> {
  const { from: ext } = options;
  const phone = (await stage.pax.phones()).find((one) => one.ext === ext);
  if (phone === undefined) throw new GatewayError("no-such-phone", `the simulated PAX has no telephone ${ext}`);
  // It may still be coming to rest from its last call.
  if (phone.offHook || !(await holds(stage.pax.waitFor(ext, "idle", REST_LIMIT_MS)))) {
    throw new GatewayError("phone-in-use", `PAX telephone ${ext} is in use (${phone.state})`);
  }
  try {
    return await call(stage, options, narrate);
  } finally {
    await stage.pax.hangup(ext);
  }
}

async function call(stage: Stage, options: FromPaxOptions, narrate: Narrate): Promise<CallReport> {
  const { from: ext, number } = options;
  const { pax, diary } = stage;
  const me = `PAX ${ext}`;
  const since = diary.mark();
  const failed = (detail: string): CallReport => ({ ...nothing, outcome: "failed", detail });

  await pax.lift(ext);
  narrate(me, "lifts");
  if (!(await holds(pax.waitFor(ext, "dial-tone", DIAL_TONE_LIMIT_MS)))) return failed("no dial tone from the PAX");
  narrate(me, "hears the PAX's dial tone");

  const tieCodes = Object.keys(simulatedPaxOf(stage.config).exchange?.tieCodes ?? {});
  const tieDigit = number.length > 1 && tieCodes.includes(number.slice(0, 1)) ? number.slice(0, 1) : "";
  const rest = number.slice(tieDigit.length);
  if (tieDigit !== "") {
    await pax.dial(ext, tieDigit);
    narrate(me, `has dialled ${tieDigit}, for a tie line`);
    const heard = await first(
      (["dial-tone", "busy-tone"] as const).map((tone) =>
        holds(pax.waitFor(ext, tone, DIAL_TONE_LIMIT_MS)).then((yes) => (yes ? tone : null)),
      ),
      DIAL_TONE_LIMIT_MS,
    );
    if (heard === "busy-tone") {
      narrate(me, "hears busy tone: every tie line is taken");
      return { ...nothing, outcome: "busy", detail: "every tie line is taken" };
    }
    if (heard === null) return failed("no dial tone from the gateway");
    narrate(me, "hears the gateway's dial tone");
  }
  await pax.dial(ext, rest);
  const dialledAt = systemClock.now();
  narrate(me, `has dialled ${rest}`);

  const target = await targetOf(stage, tieDigit, rest);
  const outgoing = target?.kind === "trunk" ? target.number : null;
  const incoming = followIncoming(stage, outgoing, since, options.giveUpMs, narrate);
  const result = await listen(stage, options, narrate);
  if (result === null) {
    narrate(me, `gives up after ${options.giveUpMs / 1000} s`);
    const faults = await clear(
      stage,
      { ext, call: await incoming.known(), phone: outgoing ?? "" },
      "pax",
      since,
      narrate,
    );
    return { ...nothing, outcome: "no-answer", detail: "it rang, and nobody answered", faults };
  }
  if (result.outcome !== "answered") return { ...nothing, outcome: result.outcome, detail: result.text };
  const answeredAfterMs = systemClock.now() - dialledAt;

  const callId = await incoming.known();
  const ends = { ext, call: callId, phone: outgoing ?? "" };
  const { paxHz } = options.voices ?? VOICES;
  const heard = await speakAndListen(stage, ends, await farEnd(stage, target, paxHz), options, narrate);
  const faults = [...heard.faults];
  faults.push(...(await keepTalking(stage, callId, since, options)));
  faults.push(...(await clear(stage, ends, options.clearBy, since, narrate)));
  const { atPax, atEvent } = heard;
  return { outcome: "answered", detail: "answered", atPax, atEvent, faults, answeredAfterMs };
}

const nothing = { atPax: null, atEvent: null, faults: [], answeredAfterMs: null } as const;

/** What the caller hears after dialling; null when it only rings until he gives up. */
async function listen(stage: Stage, options: FromPaxOptions, narrate: Narrate) {
  const { from: ext, giveUpMs } = options;
  const me = `PAX ${ext}`;
  let over = false;
  void holds(stage.pax.waitFor(ext, "ringing-tone", giveUpMs))
    .then((yes) => yes && !over && narrate(me, "hears ringing tone"))
    .catch(() => undefined);
  const limit = Math.max(giveUpMs, 1);
  const result = await first(
    tones.map((tone) =>
      holds(
        stage.pax.waitFor(ext, tone.condition, tone.outcome === "answered" ? limit : Math.max(limit, TONE_LIMIT_MS)),
      )
        .then((yes) => (yes ? tone : null))
        .catch(() => null),
    ),
    giveUpMs,
  );
  over = true;
  if (result !== null) narrate(me, result.text);
  return result;
}

/** The event telephone that the call comes to: who it is, and what it does, as it happens. */
function followIncoming(stage: Stage, number: string | null, since: number, withinMs: number, narrate: Narrate) {
  if (number === null) return { known: async (): Promise<CallId | null> => null };
  let call: CallId | null = null;
  const seen = stage.diary.until(since, withinMs, (event) => {
    if (event.type === "refused" && event.number === number) {
      narrate("event", `refuses the call to ${number}: ${event.cause}`);
      return "refused";
    }
    if (event.type !== "incoming" || event.phone !== number) return null;
    call = event.call;
    narrate(`event ${number}`, `rings, called by ${event.caller}`);
    return "incoming";
  });
  void seen.then(async () => {
    if (call === null) return;
    const answered = await stage.diary.until(since, withinMs, (event) =>
      event.type === "answered" && event.call === call ? true : null,
    );
    if (answered === true) narrate(`event ${number}`, "answers");
  });
  return { known: async (): Promise<CallId | null> => call };
}

/** Where the number plan, or a line's hotline, sends the call; null for a telephone of the PAX itself, or for none. */
async function targetOf(stage: Stage, tieDigit: string, rest: string): Promise<DialTarget | null> {
  if (tieDigit === "") {
    const line = (await stage.pax.lines()).find(({ extension }) => extension === rest);
    return line === undefined ? null : (stage.plan.hotline(line.line)?.target ?? null);
  }
  const found = stage.plan.advance(rest);
  return found.type === "complete" ? found.target : null;
}

/** What the far end makes of what it hears; a real telephone's owner, and the clock, say what they like. */
async function farEnd(stage: Stage, target: DialTarget | null, spokenHz: number): Promise<FarEnd> {
  if (target === null || target.kind === "account") return { kind: "unknown" };
  if (target.kind === "service") {
    if (target.service === "clock") return { kind: "unknown" };
    return { kind: "tone", frequencyHz: target.service === "milliwatt" ? MILLIWATT_HZ : spokenHz };
  }
  const phones = await stage.event.phones();
  const echoes = phones.some(({ number, behaviour }) => number === target.number && behaviour.kind === "echo");
  return echoes ? { kind: "tone", frequencyHz: spokenHz } : { kind: "telephone" };
}
