import { stat } from "node:fs/promises";
import { linePort } from "../app/line-ports.ts";
import { LineTest } from "../app/line-test.ts";
import { testParts } from "../app/line-test-parts.ts";
import { systemClock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { configError, loadConfig } from "../config/load.ts";
import type { Config, LineConfig } from "../config/schema.ts";
import { InstanceLock } from "../drivers/instance-lock.ts";
import { type Finding, passed } from "../line/line-test.ts";
import { resolveProfile } from "../line/profiles.ts";
import {
  command,
  configHelp,
  configOption,
  helpHelp,
  jsonHelp,
  jsonOption,
  print,
  printJson,
  usualConfig,
} from "./command.ts";
import { withGateway } from "./gateway-client.ts";

const WATCH_MAX_S = 600;

export const line = command({
  name: "line",
  summary: "Tests the interface of a line, for whoever wires it.",
  usage: "test [LINE] [--active] [--watch SECONDS] [-c FILE] [--json]",
  details: `
Looks whether every GPIO line, relay and sound device is there and may be used,
what the inputs say at rest, and what sound comes. Without LINE: every line.

  --active           work the relays as well: each is energised, the loop's answer
                     timed, the digit 5 sent and measured, the dead-man tried, a
                     tone sent. To the exchange that is a call that dials 5.
  --watch SECONDS    how long changes of the inputs are counted (default 5)
${configHelp}
${jsonHelp}
${helpHelp}

The gateway must not run: it has the lines. On the appliance:
  systemctl stop paxgate; paxgate line test --active; systemctl start paxgate

Ends with 0 when nothing failed, with 1 when something did.`,
  options: {
    ...configOption,
    ...jsonOption,
    active: { type: "boolean", default: false },
    watch: { type: "string", default: "5" },
  },
  positionals: { min: 1, max: 2 },
  async run({ values, positionals: [verb, name] }) {
    if (verb !== "test") throw usage(`there is no "line ${verb ?? ""}": only "line test"`);
    const watchMs = milliseconds(values.watch);
    const file = usualConfig(values.config);
    const loaded = await loadConfig(file);
    if (!loaded.ok) throw configError(loaded.error);
    const { config } = loaded.value;
    const lines = chosen(config, name);
    const { active, json } = values;
    const results = await alone(file, config, async () => {
      const tested = [];
      for (const one of lines) tested.push(await test(config, one, { active, watchMs, silent: json }));
      return tested;
    });
    const ok = results.every((result) => result.ok);
    if (json) printJson({ ok, lines: results });
    else print(ok ? "\nnothing failed" : "\nFAILED");
    return ok ? 0 : 1;
  },
});

interface TestOptions {
  readonly active: boolean;
  readonly watchMs: number;
  readonly silent: boolean;
}

async function test(config: Config, one: LineConfig, { active, watchMs, silent }: TestOptions) {
  const tell = (finding: Finding) => {
    if (!silent) print(textOf(finding));
  };
  if (!silent) print(`\n${one.name}`);
  const parts = one.interface === "sim" ? [] : await testParts(one.interface);
  for (const part of parts) tell(part);
  const profile = resolveProfile(config.pax.profile, config.pax.overrides);
  const port = linePort(one, config.paths.runtime, silentLog);
  // With a part missing the line cannot be opened, which would only say the same again.
  const measured = passed(parts)
    ? await new LineTest(port, { profile, clock: systemClock, active, watchMs, tell }).run()
    : [];
  const findings = [...parts, ...measured];
  return { line: one.name, ok: passed(findings), findings };
}

const marks = { ok: "ok", note: "-", warning: "LOOK", failed: "FAILED" } as const;

function textOf({ step, verdict, says, remedy }: Finding): string {
  const text = `  ${marks[verdict].padEnd(6)} ${step}: ${says}`;
  return remedy === undefined ? text : `${text}\n           ${remedy}`;
}

/** @throws GatewayError `unknown-line` */
function chosen({ lines }: Config, name: string | undefined): readonly LineConfig[] {
  if (name === undefined) return lines;
  const found = lines.filter((one) => one.name === name);
  if (found.length > 0) return found;
  const names = lines.map((one) => one.name).join(", ");
  throw new GatewayError("unknown-line", `there is no line "${name}"; there are ${names}`);
}

/**
 * Does it while no gateway has the lines, and lets none start.
 * @throws GatewayError `already-running`
 */
async function alone<T>(file: string, config: Config, act: () => Promise<T>): Promise<T> {
  const runs = await withGateway(file, async () => true).catch((error: unknown) => {
    if (error instanceof GatewayError && error.code === "not-running") return false;
    if (error instanceof GatewayError && error.code === "not-allowed") return true;
    throw error;
  });
  if (runs) throw running();
  const { runtime } = config.paths;
  const owner = await stat(runtime).then(
    ({ uid }) => uid,
    () => null,
  );
  // A directory that root made would be in the gateway's way, and one of another user's is not ours to lock.
  if (owner === null || owner !== process.getuid?.()) return act();
  const lock = new InstanceLock([runtime]);
  await lock.start();
  try {
    return await act();
  } finally {
    await lock.stop();
  }
}

const running = () =>
  new GatewayError(
    "already-running",
    "the gateway runs, and has the lines: stop it first (systemctl stop paxgate), and start it again afterwards. A line that is blocked is still held by it",
  );

function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= WATCH_MAX_S) return value * 1_000;
  throw usage(`--watch is a number of seconds, 0 to ${WATCH_MAX_S}`);
}

const usage = (message: string) => new GatewayError("usage", `${message}\n\nSee paxgate line --help.`);
