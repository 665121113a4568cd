import { missingFor, type Scenario, scenarios } from "../app/rehearsal/scenarios.ts";
import type { Stage } from "../app/rehearsal/stage.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { command, helpHelp, jsonHelp, jsonOption, print, printJson } from "./command.ts";
import { narrator, type Step } from "./narrate.ts";
import { stageHelp, stageOption, withStage } from "./with-stage.ts";

interface Result {
  readonly name: string;
  readonly title: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly faults: readonly string[];
  readonly steps: readonly Step[];
}

export const demo = command({
  name: "demo",
  summary: "Rehearses every kind of call in the running simulation, and fails when one does not go as it should.",
  usage: "[-c FILE] [--only NAME]... [--list] [--json]",
  details: `
  --only NAME        only this scenario; may be given several times
  --list             name the scenarios, and do nothing
${stageHelp}
${jsonHelp}
${helpHelp}

Telephones lift, dial, listen, speak tones and hang up in the simulated PAX and at the simulated event network; the
gateway and its Asterisk between them are the real ones. It takes about eighty seconds.`,
  options: {
    ...stageOption,
    ...jsonOption,
    only: { type: "string", multiple: true },
    list: { type: "boolean", default: false },
  },
  async run({ values }) {
    const chosen = choose(values.only ?? []);
    if (values.list) {
      if (values.json) printJson(chosen.map(({ name, title }) => ({ name, title })));
      else print(listOf(chosen));
      return 0;
    }
    const begun = performance.now();
    const results = await withStage(values.config, async (stage) => {
      const missing = missingFor(stage);
      if (missing !== null) {
        const message = `this configuration is not the demonstration's: ${missing}`;
        throw new GatewayError("not-the-demonstration", message);
      }
      const done: Result[] = [];
      for (const scenario of chosen) done.push(await rehearse(stage, scenario, values.json));
      return done;
    });
    const ok = results.every((result) => result.ok);
    const ms = Math.round(performance.now() - begun);
    if (values.json) printJson({ ok, ms, scenarios: results });
    else print(tableOf(results, ms));
    return ok ? 0 : 1;
  },
});

async function rehearse(stage: Stage, { name, title, run }: Scenario, silent: boolean): Promise<Result> {
  if (!silent) print(`\n${name}: ${title}`);
  const begun = performance.now();
  const { narrate, steps } = narrator({ silent });
  let faults: readonly string[];
  try {
    faults = await run(stage, narrate);
  } catch (error) {
    faults = [describeError(error)];
  }
  for (const fault of silent ? [] : faults) print(`  FAILED: ${fault}`);
  return { name, title, ok: faults.length === 0, ms: Math.round(performance.now() - begun), faults, steps };
}

function choose(names: readonly string[]): readonly Scenario[] {
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new GatewayError("usage", `there is no scenario "${unknown}"; there are:\n${listOf(scenarios)}`);
  }
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name));
}

const NAME_WIDTH = Math.max(...scenarios.map(({ name }) => name.length));

function listOf(chosen: readonly Scenario[]): string {
  return chosen.map(({ name, title }) => `  ${name.padEnd(NAME_WIDTH)}  ${title}`).join("\n");
}

function tableOf(results: readonly Result[], ms: number): string {
  const rows = results.map(({ ok, name, ms: took, title }) => {
    const seconds = `${(took / 1000).toFixed(1)} s`.padStart(7);
    return `  ${ok ? "ok    " : "FAILED"}  ${name.padEnd(NAME_WIDTH)}  ${seconds}  ${title}`;
  });
  const failed = results.filter(({ ok }) => !ok);
  const end =
    failed.length === 0
      ? `All ${results.length} passed in ${Math.round(ms / 1000)} s.`
      : `${failed.length} of ${results.length} FAILED: ${failed.map(({ name }) => name).join(", ")}.`;
  return ["", ...rows, "", end].join("\n");
}
