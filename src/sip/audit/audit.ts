import { type Door, type Files, type Findings, type SecretUse, section } from "./accounts.ts";
import { type Assembled, assemble, isFalse, value } from "./assemble.ts";
import { checkDialplan, type Reach, reachOf } from "./check-dialplan.ts";
import { checkManagement } from "./check-management.ts";
import { checkModules, loads } from "./check-modules.ts";
import { checkCards, checkFeatures, checkIax, checkIaxGuest, checkUnseen, checkUsers } from "./check-others.ts";
import { checkPjsip, checkPjsipAnonymous } from "./check-pjsip.ts";
import { checkSecrets } from "./check-secrets.ts";
import { checkSip, checkSipDefault } from "./check-sip.ts";
import { readDialplan } from "./dialplan.ts";
import { RULES } from "./rules.ts";
import {
  type AuditReport,
  type ConfigTree,
  type Finding,
  type Report,
  SEVERITIES,
  type Severity,
  type Skipped,
} from "./types.ts";

/** Findings shown of one rule; more say nothing new and only make the report long. */
const MAX_OF_A_RULE = 500;

/**
 * Audits an Asterisk's configuration. Pure, never throws, bounded in time; equal trees give equal reports.
 * @param extra findings about a running gateway, from elsewhere
 */
export function audit(tree: ConfigTree, extra: readonly Finding[] = []): AuditReport {
  const found = new Map<string, Finding>();
  const ofRule = new Map<string, number>();
  const report: Report = (id, place, why, severity = RULES[id].severity) => {
    const key = `${id} ${place.file}:${place.line}:${place.column} ${why}`;
    const count = ofRule.get(id) ?? 0;
    if (found.has(key) || count >= MAX_OF_A_RULE) return;
    ofRule.set(id, count + 1);
    found.set(key, { id, severity, place, why, fix: RULES[id].fix });
  };
  for (const skipped of tree.skipped) {
    const { name, reason } = skipped;
    const severity = mattersTo(skipped) ? "high" : "info";
    report("not-analysed-file", { file: name, line: 1, column: 1 }, `It was not read: ${reason}.`, severity);
  }
  checkAll(tree, report);
  const findings = [...found.values(), ...extra].sort(order);
  const counts = Object.fromEntries(
    SEVERITIES.map((severity) => [severity, findings.filter((one) => one.severity === severity).length]),
  ) as Record<Severity, number>;
  return { root: tree.root, files: tree.files.size, findings, counts };
}

/**
 * Asterisk's modules read files of the directory itself; below it are those that others include, which `assemble` sees.
 * Anything can be in a door that nobody looked at.
 */
function mattersTo({ name, andRest = false }: Skipped): boolean {
  return !name.includes("/") && (name.endsWith(".conf") || andRest);
}

function checkAll(tree: ConfigTree, report: Report): void {
  const assembled = new Map<string, Assembled | null>();
  const files: Files = (name) => {
    const known = assembled.get(name);
    if (known !== undefined) return known;
    const fresh = assemble(tree, name, report);
    assembled.set(name, fresh);
    return fresh;
  };
  const doors: Door[] = [];
  const secrets: SecretUse[] = [];
  const findings: Findings = { report, doors, secrets, telephones: new Set() };
  const loaded = loads(files);
  checkModules(files, findings);
  if (loaded("chan_sip")) checkSip(files, findings);
  if (loaded("chan_pjsip")) checkPjsip(files, findings);
  if (loaded("chan_iax2")) checkIax(files, findings);
  if (loaded("chan_dahdi")) checkCards(files, findings);
  checkUsers(files, findings);
  checkManagement(files, findings);
  checkFeatures(files, findings);
  checkUnseen(files, (name) => tree.files.get(name), findings);
  checkSecrets(findings);
  for (const file of new Set(secrets.map(({ place }) => place.file))) {
    if (!tree.worldReadable.has(file)) continue;
    report(
      "secret-readable",
      { file, line: 1, column: 1 },
      "The file holds passwords, and every user of the machine may read it.",
    );
  }
  const extensions = files("extensions.conf");
  const dialplan = readDialplan(extensions === null ? [] : [extensions]);
  const reach = (context: string): Reach => reachOf(dialplan, findings.telephones, context);
  if (loaded("chan_sip")) checkSipDefault(files, findings, reach);
  if (loaded("chan_pjsip")) checkPjsipAnonymous(files, findings, reach);
  if (loaded("chan_iax2")) checkIaxGuest(files, findings, reach);
  if (loaded("chan_sip")) doors.push(...guestDoor(files));
  checkDialplan(dialplan, findings);
}

/** The default context, open to anybody while guests are let in. */
function guestDoor(files: Files): Door[] {
  const general = section(files("sip.conf"), "general");
  if (general === undefined || isFalse(value(general, "allowguest"))) return [];
  return [{ context: value(general, "context") ?? "default", caller: "anybody", place: general.place }];
}

function order(one: Finding, other: Finding): number {
  return (
    SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity) ||
    compare(one.id, other.id) ||
    compare(one.place.file, other.place.file) ||
    one.place.line - other.place.line ||
    one.place.column - other.place.column ||
    compare(one.why, other.why)
  );
}

/** By code unit: the same on every machine, whatever its language. */
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
