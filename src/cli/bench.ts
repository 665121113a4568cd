import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benches, runBenches } from "../app/bench/benches.ts";
import { judge } from "../app/bench/finding.ts";
import { describeMachine } from "../app/bench/machine.ts";
import { Rehearsal } from "../app/bench/rehearsal.ts";
import { printTable } from "../app/bench/report.ts";
import { describeError } from "../base/errors.ts";

const help = `Usage: npm run bench -- [--only NAME]... [--runs N] [--quick] [--json]

Measures what the gateway promises, each figure in several runs, and judges the medians.

${benches.map(({ name, measures }) => `  ${name.padEnd(10)} ${measures}`).join("\n")}

  --only NAME  only this one; may be given several times
  --runs N     how often each one is run (default 3)
  --quick      one short run of each: to see that it works, not for figures to quote
  --json       print JSON
  -h, --help   this text

Ends with 0 when every goal is met, with 1 when one is missed, with 2 when called wrongly. Needs a quiet machine, the
Asterisk of the gateway, and no network. How to read it: src/app/bench/README.md.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      runs: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const unknown = values.only.find((name) => !benches.some((bench) => bench.name === name));
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  if (unknown !== undefined || !Number.isInteger(runs) || runs < 1) {
    throw new TypeError(
      unknown === undefined ? "--runs takes a whole number from 1" : `there is no bench "${unknown}"`,
    );
  }
  const machine = describeMachine();
  const programs = dirname(fileURLToPath(import.meta.url));
  const findings = await runBenches({
    programs,
    only: values.only,
    runs,
    quick: values.quick,
    say: (text) => process.stderr.write(`${text}\n`),
  });
  const judged = findings.map(judge);
  const after = describeMachine().load;
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ machine: { ...machine, loadAfter: after }, findings: judged }, null, 2)}\n`,
    );
  else process.stdout.write(printTable(judged, machine));
  return judged.some(({ verdict }) => verdict === "missed") ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    void Rehearsal.stopAll().finally(() => process.exit(1));
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  const wrongly = error instanceof TypeError;
  process.stderr.write(wrongly ? `bench: ${error.message}\n\n${help}` : `bench: ${describeError(error)}\n`);
  process.exitCode = wrongly ? 2 : 1;
}
// A telephone that still rings must not keep the process.
process.exit();
