import { parseArgs } from "node:util";
import { joinRuns, judge } from "../../src/app/bench/finding.ts";
import { describeMachine } from "../../src/app/bench/machine.ts";
import { printTable } from "../../src/app/bench/report.ts";
import { describeError } from "../../src/base/errors.ts";
import { guardBenches, runGuardBenches } from "./benches.ts";
import { missing } from "./needs.ts";

/** The benches of guard and status: the second part of `npm run bench`. Started by scripts/bench.mjs, which bundles it. */

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      runs: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
    },
  });
  if (values.list) {
    for (const { name, measures } of guardBenches) process.stdout.write(`  ${name.padEnd(14)} ${measures}\n`);
    return 0;
  }
  const unknown = values.only.find((name) => !guardBenches.some((bench) => bench.name === name));
  if (unknown !== undefined) throw new TypeError(`there is no bench "${unknown}"`);
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(runs) || runs < 1) throw new TypeError("--runs takes a whole number from 1");
  const faults = missing();
  if (faults.length > 0) {
    process.stderr.write(
      `bench: guard and status can't be measured here; this is missing:\n  ${faults.join("\n  ")}\n`,
    );
    return 2;
  }
  const machine = describeMachine();
  const findings = await runGuardBenches({
    only: values.only,
    runs,
    quick: values.quick,
    say: (text) => process.stderr.write(`${text}\n`),
  });
  const judged = findings.flatMap((each) => joinRuns([each])).map(judge);
  if (values.json) {
    const loadAfter = describeMachine().load;
    process.stdout.write(`${JSON.stringify({ machine: { ...machine, loadAfter }, findings: judged }, null, 2)}\n`);
  } else process.stdout.write(printTable(judged, machine));
  return judged.some(({ verdict }) => verdict === "missed") ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${describeError(error)}\n`);
  if (!(error instanceof TypeError) && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
// What a failed bench has left running must not keep the process; the lab's processes end when the next lab is made.
process.exit();
