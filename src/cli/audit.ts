import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadWithSecrets } from "../app/prepare.ts";
import { type GatewayView, STATUS_SOCKET } from "../app/status-server.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { JsonLinesClient } from "../base/json-lines.ts";
import { configError, loadConfig } from "../config/load.ts";
import { generateSecret, generateUsername } from "../credentials/generate.ts";
import { readConfigTree } from "../drivers/config-tree.ts";
import { resolveProfile } from "../line/profiles.ts";
import { audit as auditTree } from "../sip/audit/audit.ts";
import { renderSarif } from "../sip/audit/report-sarif.ts";
import { renderText } from "../sip/audit/report-text.ts";
import { RULES } from "../sip/audit/rules.ts";
import { type AuditReport, type ConfigTree, type Finding, SEVERITIES, type Severity } from "../sip/audit/types.ts";
import { buildModel, directoriesBelow } from "../sip/model.ts";
import { renderProfile } from "../sip/render.ts";
import { command, configHelp, configOption, helpHelp, print, printJson, usualConfig, warn } from "./command.ts";

/** A gateway that does not answer by then hangs. */
const ANSWER_LIMIT_MS = 5_000;

/** Where Debian has Asterisk's modules; the audit only reads the name. */
const MODULES = "/usr/lib/asterisk/modules";

const FORMATS = ["text", "json", "sarif"] as const;
type Format = (typeof FORMATS)[number];
const LEVELS = [...SEVERITIES, "none"] as const;

export const audit = command({
  name: "audit",
  summary:
    "Audits the security of this gateway's Asterisk, or of any other's configuration directory. Changes nothing.",
  usage: "[-c FILE] [--format FORMAT] [--fail-on LEVEL] [DIRECTORY]",
  details: `
  DIRECTORY          configuration of any Asterisk, such as /etc/asterisk; without it, the gateway's own is audited
                     as it stands in the runtime directory (or, where none runs, as it would be rendered)
${configHelp}
  --format FORMAT    text, json, or sarif (SARIF 2.1.0, for code scanners and editors); default text
  --json             the same as --format json
  --fail-on LEVEL    critical, high, medium, low, info or none; default high
${helpHelp}

Ends with 0 when nothing of LEVEL or worse was found, with 1 when something was, and with 2 when it was called wrongly
or the configuration could not be read. Passwords are judged and never printed.`,
  options: {
    ...configOption,
    format: { type: "string", default: "text" },
    json: { type: "boolean", default: false },
    "fail-on": { type: "string", default: "high" },
  },
  positionals: { min: 0, max: 1 },
  async run({ values, positionals: [directory] }) {
    const format = oneOf("--format", FORMATS, values.json ? "json" : values.format);
    const level = oneOf("--fail-on", LEVELS, values["fail-on"]);
    if (directory !== undefined && values.config !== undefined) {
      throw new GatewayError(
        "usage",
        "give either -c FILE or a DIRECTORY: the one names a gateway, the other any Asterisk",
      );
    }
    let report: AuditReport;
    try {
      report =
        directory === undefined
          ? await auditGateway(usualConfig(values.config))
          : auditTree(someAsterisk(await readConfigTree(directory), directory));
    } catch (error) {
      process.stderr.write(`paxgate: ${describeError(error).trimEnd()}\n`);
      return 2;
    }
    show(report, format);
    if (level === "none") return 0;
    const worst = SEVERITIES.slice(0, SEVERITIES.indexOf(level) + 1);
    return worst.some((severity: Severity) => report.counts[severity] > 0) ? 1 : 0;
  },
});

function oneOf<const T extends string>(option: string, allowed: readonly T[], given: string): T {
  const found = allowed.find((one) => one === given);
  if (found !== undefined) return found;
  throw new GatewayError("usage", `${option} is one of ${allowed.join(", ")}`);
}

/** Files of which an Asterisk that takes calls has one at the least. */
const ASTERISKS = ["asterisk", "sip", "pjsip", "extensions", "modules", "iax", "manager"].map((name) => `${name}.conf`);

/** "Nothing found" about a directory that holds no configuration would be believed. What cannot be read is a finding. */
function someAsterisk(tree: ConfigTree, directory: string): ConfigTree {
  const names = [...tree.files.keys(), ...tree.skipped.map(({ name }) => name)];
  if (names.some((name) => ASTERISKS.includes(name))) return tree;
  throw new GatewayError(
    "audit-unreadable",
    `${directory} holds no Asterisk's configuration: none of ${ASTERISKS.join(", ")}`,
  );
}

async function auditGateway(file: string): Promise<AuditReport> {
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw configError(loaded.error);
  const { runtime } = loaded.value.config.paths;
  const directory = join(runtime, "asterisk", "etc");
  if (!existsSync(directory)) {
    warn(`nothing is rendered in ${runtime}: what would be is audited`);
    return auditTree({ root: directory, files: await rendered(file), worldReadable: new Set(), skipped: [] });
  }
  const tree = someAsterisk(await readConfigTree(directory), directory);
  const view = await ask(runtime);
  if (view === null) warn(`no gateway runs with ${runtime}: what the last one left is audited`);
  return auditTree(tree, view?.fault == null ? [] : [faultOf(view.fault, file)]);
}

/** What a gateway would render; its passwords are made as it makes them, and not kept: an audit changes nothing. */
async function rendered(file: string): Promise<ReadonlyMap<string, string>> {
  const { loaded, passwords } = await loadWithSecrets(file);
  const { accounts, asterisk, pax, paths } = loaded.config;
  const secret = () => generateSecret(randomBytes);
  const issued = accounts.map(
    ({ name }) => [name, { username: generateUsername(name, randomBytes), secret: secret() }] as const,
  );
  const model = buildModel(loaded.config, {
    directories: directoriesBelow(paths.runtime, paths.state, MODULES),
    secrets: {
      trunks: passwords,
      accounts: new Map(issued),
      ari: secret(),
      manager: secret(),
      securityEvents: secret(),
    },
    httpPort: asterisk.ariPort,
    managerPort: asterisk.managerPort,
    noAnswerMs: resolveProfile(pax.profile, pax.overrides).noAnswerMs,
  });
  return renderProfile(model);
}

function faultOf(fault: string, file: string): Finding {
  const { severity, fix } = RULES["gateway-fault"];
  const why = `The gateway runs, but reports: ${fault}.`;
  return { id: "gateway-fault", severity, place: { file, line: 1, column: 1 }, why, fix };
}

/** What the gateway says of itself; null when none runs. */
async function ask(runtime: string): Promise<GatewayView | null> {
  const client = new JsonLinesClient(join(runtime, STATUS_SOCKET));
  try {
    await client.connect();
  } catch {
    return null;
  }
  try {
    return (await client.request("status", null, ANSWER_LIMIT_MS)) as GatewayView;
  } finally {
    client.close();
  }
}

function show(report: AuditReport, format: Format): void {
  if (format === "json") printJson(report);
  else if (format === "sarif") printJson(renderSarif(report));
  else print(renderText(report));
}
