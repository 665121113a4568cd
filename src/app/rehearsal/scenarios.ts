import { describeError } from "../../base/errors.ts";
import { EVENT_PHONES } from "../simulated-event.ts";
import { callFromPax, type FromPaxOptions } from "./from-pax.ts";
import { Meeting } from "./meeting.ts";
import type { CallReport, Outcome } from "./outcome.ts";
import type { Narrate, Stage } from "./stage.ts";
import { OTHER_VOICES } from "./talk.ts";
import { callToPax, type ToPaxOptions } from "./to-pax.ts";

/**
 * What a gateway has to be able to do, tried with the number plan of the demonstration. Each verifies what it says by
 * ear, at both ends, and answers what went wrong: nothing, when it passed.
 */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  run(stage: Stage, narrate: Narrate): Promise<readonly string[]>;
}

/** An event telephone that is none of the simulated ones: a caller only. */
const CALLER = "4200";
/** Two cycles of ringing tone and some: enough for the gateway to know it for what it is. */
const RINGING_MS = 4_500;
const GIVE_UP_MS = 20_000;
/** Longest that one of two calls waits for the other, ms. */
const MEET_LIMIT_MS = 20_000;
const RELEASE_LIMIT_MS = 10_000;

const fromPax = (number: string, more: Partial<FromPaxOptions> = {}): FromPaxOptions => ({
  from: "21",
  number,
  giveUpMs: GIVE_UP_MS,
  talkMs: 0,
  clearBy: "pax",
  ...more,
});

const toPax = (number: string, more: Partial<ToPaxOptions> = {}): ToPaxOptions => ({
  from: CALLER,
  number,
  keys: null,
  liftAfterMs: RINGING_MS,
  giveUpMs: GIVE_UP_MS,
  talkMs: 0,
  clearBy: "event",
  ...more,
});

function verify(report: CallReport, expected: Outcome): readonly string[] {
  if (report.outcome === expected) return report.faults;
  return [`the outcome was ${report.outcome} (${report.detail}), not ${expected}`, ...report.faults];
}

export const scenarios: readonly Scenario[] = [
  {
    name: "pax-to-event",
    title: "a PAX telephone calls the event; audio both ways; the caller clears",
    run: async (stage, narrate) => verify(await callFromPax(stage, fromPax("94123"), narrate), "answered"),
  },
  {
    name: "event-to-pax",
    title: "an event telephone calls the PAX; audio both ways; the caller clears",
    run: async (stage, narrate) => verify(await callToPax(stage, toPax("4120"), narrate), "answered"),
  },
  {
    name: "speed-code",
    title: "a PAX telephone dials a speed code; the called side clears",
    run: async (stage, narrate) =>
      verify(await callFromPax(stage, fromPax("921", { from: "24", clearBy: "event" }), narrate), "answered"),
  },
  {
    name: "second-stage",
    title: "an event caller dials on into the PAX with keys; the called side clears",
    run: async (stage, narrate) =>
      verify(
        await callToPax(stage, toPax("4100", { keys: "25", liftAfterMs: 500, clearBy: "pax" }), narrate),
        "answered",
      ),
  },
  {
    name: "echo",
    title: "a PAX telephone hears itself in the echo test",
    run: async (stage, narrate) =>
      verify(await callFromPax(stage, fromPax("950", { from: "26" }), narrate), "answered"),
  },
  {
    name: "busy",
    title: "a PAX telephone that is off the hook, and a busy event telephone: their callers hear busy tone",
    run: async (stage, narrate) => {
      await stage.pax.lift("22");
      narrate("PAX 22", "is off the hook");
      try {
        const [inward, outward] = await Promise.all([
          callToPax(stage, toPax("4122"), narrate),
          callFromPax(stage, fromPax("94125", { from: "27" }), narrate),
        ]);
        return [...verify(inward, "busy"), ...verify(outward, "busy")];
      } finally {
        await stage.pax.hangup("22");
      }
    },
  },
  {
    name: "unknown-number",
    title: "numbers that nobody has are refused in both directions, and no line is taken for it",
    run: async (stage, narrate) => {
      const inward = verify(await callToPax(stage, toPax("4199"), narrate), "unobtainable");
      const taken = (await stage.gateway()).calls.some((call) => call.number === "4199" && call.line !== null);
      const outward = verify(await callFromPax(stage, fromPax("97", { from: "28" }), narrate), "unobtainable");
      return [...inward, ...(taken ? ["a line was taken for an unknown number"] : []), ...outward];
    },
  },
  {
    name: "no-answer",
    title: "nobody answers: the caller gives up, and the bell stops at once; in both directions",
    run: async (stage, narrate) => {
      const [inward, outward] = await Promise.all([
        callToPax(stage, toPax("4130", { liftAfterMs: null, giveUpMs: 1_500 }), narrate),
        callFromPax(stage, fromPax("94126", { from: "29", giveUpMs: 2_500 }), narrate),
      ]);
      return [...verify(inward, "no-answer"), ...verify(outward, "no-answer")];
    },
  },
  {
    name: "two-at-once",
    title: "a call in each direction at the same time, on two lines and two trunks",
    run: twoAtOnce,
  },
  {
    name: "all-released",
    title: "afterwards every line is at rest and no call is left anywhere",
    run: async (stage, narrate) => {
      if (await stage.quiet(RELEASE_LIMIT_MS)) {
        narrate("gateway", "every line is idle");
        return [];
      }
      const { lines, calls } = await stage.gateway();
      const left = lines.filter(({ status }) => status !== "idle").map(({ name, status }) => `${name} is ${status}`);
      return [...left, `${calls.length} calls at the gateway`, `${(await stage.event.calls()).length} at the event`];
    },
  },
];

/**
 * Neither call is over before the other one is: both speak only when both are answered, and clear only when all four
 * ears have heard their own call's voice.
 */
async function twoAtOnce(stage: Stage, narrate: Narrate): Promise<readonly string[]> {
  const answered = new Meeting(2);
  const heard = new Meeting(2);
  const beforeTalk = async () => {
    if (!(await answered.come(MEET_LIMIT_MS))) return ["the two calls were never answered both"];
    const talking = (await stage.gateway()).calls.filter(({ phase }) => phase === "talking");
    const lines = new Set(talking.map(({ line }) => line));
    return lines.size === 2 ? [] : [`${talking.length} calls talk, on ${lines.size} lines`];
  };
  const meanwhile = async () => ((await heard.come(MEET_LIMIT_MS)) ? [] : ["one call was over before the other"]);
  const both = { beforeTalk, meanwhile };
  const each = async (call: Promise<CallReport>) => {
    const faults = await call.then((report) => verify(report, "answered")).catch((error) => [describeError(error)]);
    answered.giveUp();
    heard.giveUp();
    return faults;
  };
  const faults = await Promise.all([
    each(callToPax(stage, toPax("4132", both), narrate)),
    each(callFromPax(stage, fromPax("94124", { from: "23", ...both, voices: OTHER_VOICES }), narrate)),
  ]);
  return faults.flat();
}

/** Telephones that the scenarios need at the event; the gateway's number plan must be the demonstration's. */
export function missingFor(stage: Stage): string | null {
  const phones = new Set(EVENT_PHONES.map(({ number }) => number));
  const wanted = ["4123", "21", "4125", "50", "4126", "4124"];
  const outward = wanted.find((digits) => {
    const found = stage.plan.advance(digits);
    return found.type !== "complete" || (found.target.kind === "trunk" && !phones.has(found.target.number));
  });
  if (outward !== undefined) return `its number plan does not take 9${outward} to the simulated event network`;
  const inward = ["4120", "4100", "4122", "4130", "4132"].find((number) => stage.plan.lookup(number) === null);
  return inward === undefined ? null : `its number plan does not take ${inward} to the PAX`;
}
