import { GatewayError } from "../../base/errors.ts";
import type { CallId } from "../../sim/event-types.ts";
import type { ClearBy, ToneMeasure } from "./outcome.ts";
import type { Narrate, Stage } from "./stage.ts";
import { holds } from "./waiting.ts";

/** What each end speaks, Hz. */
export interface Voices {
  readonly paxHz: number;
  readonly eventHz: number;
}

/** Tones that cannot be taken for one another, nor for a harmonic of a tone of the exchange's (400 Hz, 33 1/3 Hz). */
export const VOICES: Voices = { paxHz: 730, eventHz: 1_270 };
/** Of a second call at the same time: who hears the other call's voices instead is crossed with it. */
export const OTHER_VOICES: Voices = { paxHz: 910, eventHz: 1_490 };
/** A voice's level: dBm0 at the PAX, dB below full scale at the event. */
const SENT_DB = -13;
/** Below this the tone did not come through; a whole call loses a few dB at most. */
const HEARD_DB = -30;
const LISTEN_MS = 400;
const HEAR_LIMIT_MS = 4_000;
const CLEAR_LIMIT_MS = 15_000;

/** Both ends of an answered call. `call` is null where the far end is none of our telephones. */
export interface Ends {
  readonly ext: string;
  readonly call: CallId | null;
  readonly phone: string;
}

/** What happens between the answer and the clearing. */
export interface TalkOptions {
  /** How long both keep talking, ms. */
  readonly talkMs: number;
  /** `VOICES` unless told. */
  readonly voices?: Voices;
  /** What is to be done before either end speaks; answers what went wrong. */
  readonly beforeTalk?: () => Promise<readonly string[]>;
  /** What is to be done when the audio was tested, while both talk; answers what went wrong. */
  readonly meanwhile?: () => Promise<readonly string[]>;
}

/** Who listens at the far end: one of our telephones, something that returns or sends a tone, or we do not know. */
export type FarEnd =
  | { readonly kind: "telephone" }
  | { readonly kind: "tone"; readonly frequencyHz: number }
  | { readonly kind: "unknown" };

/** What each end has heard of the other. */
export interface Heard {
  readonly atPax: ToneMeasure | null;
  readonly atEvent: ToneMeasure | null;
  readonly faults: string[];
}

/** Speaks a tone into each end and measures it at the other, as far as the far end is one of ours. */
export async function speakAndListen(
  stage: Stage,
  ends: Ends,
  far: FarEnd,
  options: TalkOptions,
  narrate: Narrate,
): Promise<Heard> {
  const { ext, call } = ends;
  const { paxHz, eventHz } = options.voices ?? VOICES;
  const before = (await options.beforeTalk?.()) ?? [];
  if (before.length > 0) return { atPax: null, atEvent: null, faults: [...before] };
  if (far.kind === "unknown") return { atPax: null, atEvent: null, faults: [] };
  await stage.pax.play(ext, { frequencyHz: paxHz, levelDbm0: SENT_DB });
  if (far.kind === "tone") {
    narrate(`PAX ${ext}`, `speaks (a tone of ${paxHz} Hz)`);
    const atPax = await hearAtPax(stage, ext, far.frequencyHz);
    narrate(`PAX ${ext}`, describe(atPax, "dBm0"));
    return { atPax, atEvent: null, faults: faultOf(atPax, `PAX ${ext}`) };
  }
  if (call === null) return { atPax: null, atEvent: null, faults: ["nobody at the event has seen the call"] };
  await stage.event.play(call, { kind: "tone", frequencyHz: eventHz, levelDb: SENT_DB });
  narrate(`PAX ${ext}`, `speaks (a tone of ${paxHz} Hz)`);
  narrate(`event ${ends.phone}`, `speaks (a tone of ${eventHz} Hz)`);
  const [atPax, atEvent] = await Promise.all([hearAtPax(stage, ext, eventHz), hearAtEvent(stage, call, paxHz)]);
  narrate(`PAX ${ext}`, describe(atPax, "dBm0"));
  narrate(`event ${ends.phone}`, describe(atEvent, "dB"));
  return {
    atPax,
    atEvent,
    faults: [...faultOf(atPax, `PAX ${ext}`), ...faultOf(atEvent, `event ${ends.phone}`)],
  };
}

/** One end clears, the other is told; then everything is at rest again. Answers what went wrong. */
export async function clear(
  stage: Stage,
  ends: Ends,
  by: ClearBy,
  since: number,
  narrate: Narrate,
): Promise<readonly string[]> {
  const { ext, call, phone } = ends;
  const faults: string[] = [];
  const endedAtEvent = () =>
    stage.diary.until(since, CLEAR_LIMIT_MS, (event) => (event.type === "ended" && event.call === call ? true : null));
  if (by === "event" && call !== null) {
    await stage.event.hangup(call);
    narrate(`event ${phone}`, "hangs up");
    if (await holds(stage.pax.waitFor(ext, "busy-tone", CLEAR_LIMIT_MS))) {
      narrate(`PAX ${ext}`, "hears busy tone: the other end has cleared");
    } else faults.push(`PAX ${ext} did not learn that the other end cleared`);
    await stage.pax.hangup(ext);
    narrate(`PAX ${ext}`, "hangs up");
    return faults;
  }
  await stage.pax.hangup(ext);
  narrate(`PAX ${ext}`, "hangs up");
  if (call === null) return faults;
  // A called PAX telephone does not release the exchange: the gateway hears its busy tone, and clears.
  if ((await endedAtEvent()) === true) narrate(`event ${phone}`, "call ended");
  else {
    faults.push(`the event's end was not cleared within ${CLEAR_LIMIT_MS / 1000} s`);
    await stage.event.hangup(call);
  }
  return faults;
}

/** Keeps both talking, or does what is to be done meanwhile; answers what went wrong. */
export async function keepTalking(
  stage: Stage,
  call: CallId | null,
  since: number,
  options: TalkOptions,
): Promise<readonly string[]> {
  const faults = [...((await options.meanwhile?.()) ?? [])];
  // Without a wait this still sees whether the call has ended already.
  const ended = await stage.diary.until(since, options.talkMs, (event) =>
    event.type === "ended" && event.call === call ? true : null,
  );
  if (ended === true) faults.push("the call ended while both talked");
  return faults;
}

async function hearAtPax(stage: Stage, ext: string, frequencyHz: number): Promise<ToneMeasure> {
  const listens = HEAR_LIMIT_MS / LISTEN_MS;
  let before = Number.NEGATIVE_INFINITY;
  for (let time = 0; time < listens; time++) {
    const { tones } = await stage.pax.hear(ext, { ms: LISTEN_MS, frequenciesHz: [frequencyHz] });
    const levelDb = tones[0]?.levelDbm0 ?? Number.NEGATIVE_INFINITY;
    // Heard twice alike: it did not just begin.
    if (levelDb > HEARD_DB && Math.abs(levelDb - before) < 1) return { frequencyHz, levelDb };
    before = levelDb;
  }
  return { frequencyHz, levelDb: before > HEARD_DB ? before : null };
}

async function hearAtEvent(stage: Stage, call: CallId, frequencyHz: number): Promise<ToneMeasure> {
  try {
    const heard = await stage.event.hearTone(call, frequencyHz, HEARD_DB, HEAR_LIMIT_MS);
    return { frequencyHz, levelDb: heard.tones[0]?.levelDb ?? null };
  } catch (error) {
    if (error instanceof GatewayError && (error.code === "not-heard" || error.code === "no-such-call")) {
      return { frequencyHz, levelDb: null };
    }
    throw error;
  }
}

function describe({ frequencyHz, levelDb }: ToneMeasure, unit: string): string {
  if (levelDb === null) return `does not hear the tone of ${frequencyHz} Hz`;
  return `hears ${frequencyHz} Hz at ${levelDb.toFixed(1)} ${unit}`;
}

function faultOf({ frequencyHz, levelDb }: ToneMeasure, who: string): string[] {
  return levelDb === null ? [`${who} did not hear the tone of ${frequencyHz} Hz`] : [];
}
