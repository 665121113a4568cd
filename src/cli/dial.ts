import { callFromPax, type FromPaxOptions } from "../app/rehearsal/from-pax.ts";
import { type CallReport, type ClearBy, type Outcome, outcomes } from "../app/rehearsal/outcome.ts";
import type { Narrate, Stage } from "../app/rehearsal/stage.ts";
import { callToPax, type ToPaxOptions } from "../app/rehearsal/to-pax.ts";
import { GatewayError } from "../base/errors.ts";
import { command, helpHelp, jsonHelp, jsonOption, print, printJson } from "./command.ts";
import { narrator } from "./narrate.ts";
import { stageHelp, stageOption, withStage } from "./with-stage.ts";

const LIFT_AFTER_MS = 2_500;

export const dial = command({
  name: "dial",
  summary: "Places a call in the running simulation and tells what happens; fails when it does not go as expected.",
  usage: "--from EXTENSION NUMBER | --event NUMBER --to NUMBER  [OPTION...]",
  details: `
  --from EXTENSION   the PAX telephone that dials NUMBER, tie-line digit and all
  --event NUMBER     the event telephone that calls ...
  --to NUMBER        ... this number of the gateway's
  --keys DIGITS      second stage: what the event telephone keys when it hears the PAX's dial tone
  --talk SECONDS     how long both talk once their tones were measured (default 0)
  --clear pax|event  who hangs up first (default: the caller)
  --give-up SECONDS  how long the caller waits for an answer (default 20)
  --nobody           no one lifts the PAX telephone that rings
  --expect OUTCOME   answered (default), busy, unobtainable, no-answer or congestion
${stageHelp}
${jsonHelp}
${helpHelp}

Each end of an answered call speaks a tone, and the other end's ear must measure it. Ends with 0 when the outcome is
the expected one and nothing else went wrong.

Examples:
  paxgate dial --from 21 94123
  paxgate dial --from 21 94125 --expect busy
  paxgate dial --event 4123 --to 4121 --talk 5
  paxgate dial --event 4123 --to 4100 --keys 25`,
  options: {
    ...stageOption,
    ...jsonOption,
    from: { type: "string" },
    event: { type: "string" },
    to: { type: "string" },
    keys: { type: "string" },
    talk: { type: "string", default: "0" },
    "give-up": { type: "string", default: "20" },
    nobody: { type: "boolean", default: false },
    clear: { type: "string" },
    expect: { type: "string", default: "answered" },
  },
  positionals: { min: 0, max: 1 },
  async run({ values, positionals: [number] }) {
    const expected = outcomes.find((one) => one === values.expect && one !== "failed");
    if (expected === undefined) throw usage(`--expect is one of ${outcomes.slice(0, -1).join(", ")}`);
    const fromPax = values.from !== undefined && number !== undefined;
    const toPax = values.event !== undefined && values.to !== undefined;
    if (fromPax === toPax || (toPax && (values.from ?? number) !== undefined)) {
      throw usage("give either --from EXTENSION NUMBER, or --event NUMBER --to NUMBER");
    }
    const clearBy = clearByOf(values.clear ?? (fromPax ? "pax" : "event"));
    const common = {
      talkMs: seconds(values.talk, "--talk"),
      giveUpMs: seconds(values["give-up"], "--give-up"),
      clearBy,
    };
    const place = fromPax
      ? placeFromPax({ from: digits(values.from ?? ""), number: digits(number ?? ""), ...common })
      : placeToPax({
          from: digits(values.event ?? ""),
          number: digits(values.to ?? ""),
          keys: values.keys === undefined ? null : digits(values.keys),
          liftAfterMs: values.nobody ? null : LIFT_AFTER_MS,
          ...common,
        });
    const { narrate, steps } = narrator({ silent: values.json });
    const report = await withStage(values.config, (stage) => place(stage, narrate));
    const ok = report.outcome === expected && report.faults.length === 0;
    if (values.json) printJson({ ok, expected, ...report, steps });
    else print(verdict(report, expected, ok));
    return ok ? 0 : 1;
  },
});

type Place = (stage: Stage, narrate: Narrate) => Promise<CallReport>;

const placeFromPax =
  (options: FromPaxOptions): Place =>
  (stage, narrate) =>
    callFromPax(stage, options, narrate);

const placeToPax =
  (options: ToPaxOptions): Place =>
  (stage, narrate) =>
    callToPax(stage, options, narrate);

function verdict({ outcome, detail, faults }: CallReport, expected: Outcome, ok: boolean): string {
  const words = outcome === detail ? outcome : `${outcome} (${detail})`;
  if (ok) return `\n${words}, as expected`;
  const lines = outcome === expected ? [words] : [`${words}; expected was ${expected}`];
  return `\nFAILED: ${[...lines, ...faults].join("\n  ")}`;
}

function digits(text: string): string {
  if (/^[0-9]{1,32}$/.test(text)) return text;
  throw usage(`"${text}" is not a number: 1 to 32 digits`);
}

function clearByOf(text: string): ClearBy {
  if (text === "pax" || text === "event") return text;
  throw usage("--clear is pax or event");
}

/** Answers milliseconds. */
function seconds(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 600)) throw usage(`${option} is a number of seconds, 0 to 600`);
  return value * 1_000;
}

const usage = (message: string) => new GatewayError("usage", `dial: ${message}\n\nSee paxgate dial --help.`);
