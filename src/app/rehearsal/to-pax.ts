import { systemClock } from "../../base/clock.ts";
import { GatewayError } from "../../base/errors.ts";
import type { CallId, EndCause } from "../../sim/event-types.ts";
import { type CallReport, type ClearBy, outcomeOf } from "./outcome.ts";
import type { Narrate, Stage } from "./stage.ts";
import { clear, keepTalking, speakAndListen, type TalkOptions } from "./talk.ts";
import { first, holds } from "./waiting.ts";

const GATEWAY_ANSWER_LIMIT_MS = 15_000;
/** From the answer at the PAX until the gateway is sure of it, ms: it has to hear that ringing tone is gone. */
const ANSWER_LIMIT_MS = 20_000;
const RELEASE_LIMIT_MS = 10_000;

export interface ToPaxOptions extends TalkOptions {
  /** Number of the calling event telephone. */
  readonly from: string;
  readonly number: string;
  /** Second stage: the digits that the caller sends with his keys when he hears the PAX's dial tone. */
  readonly keys: string | null;
  /** Ringing before the PAX telephone is lifted, ms; null: nobody lifts it. */
  readonly liftAfterMs: number | null;
  /** How long the caller waits for an answer, ms. */
  readonly giveUpMs: number;
  readonly clearBy: ClearBy;
}

const nothing = { atPax: null, atEvent: null, faults: [], answeredAfterMs: null } as const;

/** A telephone of the simulated event network calls the PAX. Always leaves both ends on the hook. */
export async function callToPax(stage: Stage, options: ToPaxOptions, narrate: Narrate): Promise<CallReport> {
  const route = stage.plan.lookup(options.number);
  if (route !== null && route.extension === null && options.keys === null) {
    throw new GatewayError("keys-needed", `${options.number} is answered with the PAX's dial tone: say which keys`);
  }
  const ext = route === null ? null : (route.extension ?? options.keys);
  const since = stage.diary.mark();
  const call = await stage.event.call(options.from, options.number);
  narrate(`event ${options.from}`, `lifts and calls ${options.number}`);
  try {
    return await follow(stage, options, { call, ext, secondStage: route?.extension === null, since }, narrate);
  } finally {
    await stage.event.hangup(call);
    const phones = await stage.pax.phones();
    if (ext !== null && phones.some((phone) => phone.ext === ext && phone.with !== null)) await stage.pax.hangup(ext);
  }
}

interface Call {
  readonly call: CallId;
  /** Extension that is to ring; null for a number that the plan does not have. */
  readonly ext: string | null;
  readonly secondStage: boolean;
  readonly since: number;
}

type Next = { readonly type: "rings"; readonly ext: string } | { readonly type: "ended"; readonly cause: EndCause };

async function follow(stage: Stage, options: ToPaxOptions, about: Call, narrate: Narrate): Promise<CallReport> {
  const { call, ext, since } = about;
  const caller = `event ${options.from}`;
  const limitMs = options.giveUpMs + GATEWAY_ANSWER_LIMIT_MS;
  const ended = stage.diary
    .until(since, limitMs, (event) => (event.type === "ended" && event.call === call ? event.cause : null))
    .then((cause) => (cause === null ? null : ({ type: "ended", cause } as const)));

  if (about.secondStage && options.keys !== null) {
    const failure = await secondStage(stage, options.keys, about, narrate, caller);
    if (failure !== null) return { ...nothing, outcome: "failed", detail: failure };
  }
  const telephone = (await stage.pax.phones()).find((phone) => phone.ext === ext);
  const rings =
    telephone === undefined || telephone.offHook
      ? new Promise<null>(() => undefined)
      : holds(stage.pax.waitFor(telephone.ext, "ringing", limitMs)).then((yes) =>
          yes ? ({ type: "rings", ext: telephone.ext } as const) : null,
        );
  const next = await first<Next>([rings, ended], limitMs);
  if (next === null) return { ...nothing, outcome: "failed", detail: "nothing rang, and the call was not refused" };
  if (next.type === "ended") {
    narrate(caller, `call refused: ${next.cause}`);
    return { ...nothing, outcome: outcomeOf(next.cause), detail: next.cause };
  }
  const rungAt = systemClock.now();
  narrate(`PAX ${next.ext}`, "rings");
  const faults: string[] = [];
  const ringing = await stage.until(
    async () => (await stage.event.hear(call, 200)).kind === "sound",
    Math.max(options.liftAfterMs ?? options.giveUpMs, 2_500),
  );
  if (ringing) narrate(caller, "hears the PAX's ringing tone");
  else faults.push(`${caller} heard no ringing tone`);

  const { liftAfterMs } = options;
  const waitMs = (liftAfterMs ?? options.giveUpMs) - (systemClock.now() - rungAt);
  const early = await first([ended], Math.max(1, waitMs));
  if (early !== null) {
    narrate(caller, `call ended: ${early.cause}`);
    return { ...nothing, outcome: outcomeOf(early.cause), detail: early.cause, faults };
  }
  if (liftAfterMs === null) return giveUp(stage, next.ext, about, faults, narrate, caller);

  await stage.pax.lift(next.ext);
  const liftedAt = systemClock.now();
  narrate(`PAX ${next.ext}`, "lifts");
  const answered = await stage.diary.until(since, ANSWER_LIMIT_MS, (event) =>
    event.type === "answered" && event.call === call ? true : null,
  );
  if (answered === null) return { ...nothing, outcome: "failed", detail: "the answer did not reach the event", faults };
  const answeredAfterMs = systemClock.now() - liftedAt;
  if (!about.secondStage)
    narrate(caller, `is answered (${(answeredAfterMs / 1000).toFixed(1)} s after the PAX lifted)`);

  const ends = { ext: next.ext, call, phone: options.from };
  const heard = await speakAndListen(stage, ends, { kind: "telephone" }, options, narrate);
  faults.push(...heard.faults);
  faults.push(...(await keepTalking(stage, call, since, options)));
  faults.push(...(await clear(stage, ends, options.clearBy, since, narrate)));
  const { atPax, atEvent } = heard;
  return { outcome: "answered", detail: "answered", atPax, atEvent, faults, answeredAfterMs };
}

/** The gateway answers and gives the PAX's dial tone; the caller sends his keys. Answers what went wrong, or null. */
async function secondStage(
  stage: Stage,
  keys: string,
  { call, since }: Call,
  narrate: Narrate,
  caller: string,
): Promise<string | null> {
  const answered = await stage.diary.until(since, GATEWAY_ANSWER_LIMIT_MS, (event) => {
    if (event.type === "ended" && event.call === call) return event.cause;
    return event.type === "answered" && event.call === call ? "answered" : null;
  });
  if (answered !== "answered") return `the gateway did not answer: ${answered ?? "nothing happened"}`;
  narrate(caller, "is answered by the gateway");
  const tone = await stage.until(async () => (await stage.event.hear(call, 200)).kind === "sound", 3_000);
  if (!tone) return "the caller heard no dial tone";
  narrate(caller, "hears the PAX's dial tone");
  await stage.event.dtmf(call, keys);
  narrate(caller, `keys ${keys}`);
  return null;
}

async function giveUp(
  stage: Stage,
  ext: string,
  { call }: Call,
  faults: string[],
  narrate: Narrate,
  caller: string,
): Promise<CallReport> {
  await stage.event.hangup(call);
  narrate(caller, "gives up");
  if (await holds(stage.pax.waitFor(ext, "idle", RELEASE_LIMIT_MS))) narrate(`PAX ${ext}`, "stops ringing");
  else faults.push(`PAX ${ext} rings on`);
  return { ...nothing, outcome: "no-answer", detail: "it rang, and nobody answered", faults };
}
