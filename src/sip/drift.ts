import type { Desired } from "./desired.ts";
import type { Observed, Readout } from "./observed.ts";

/** One way in which Asterisk is not as rendered. */
export interface Finding {
  readonly kind: "file" | "socket" | "setting" | "peer" | "peer-missing" | "peer-unknown" | "module" | "dialplan";
  /** File, setting, peer, module or context. */
  readonly subject: string;
  readonly wanted: string;
  readonly found: string;
}

/** What is done about it, in this order. */
export type Step =
  | { readonly kind: "command"; readonly command: string }
  | { readonly kind: "module"; readonly what: "load" | "unload"; readonly file: string }
  | { readonly kind: "restart" };

/** Every difference between what must be in force and what is. */
export function findDrift(desired: Desired, observed: Observed): Finding[] {
  const socket = (subject: string, found: string): Finding => ({ kind: "socket", subject, wanted: "open", found });
  const tcp = desired.tcpPorts.flatMap((port) => {
    const holder = observed.tcpListeners.get(port);
    if (holder === "ours") return [];
    return socket(`TCP ${port} of 127.0.0.1`, holder === "other" ? "used by another program" : "not open");
  });
  return [
    ...(observed.udpPorts.has(desired.udpPort) ? [] : [socket(`UDP ${desired.udpPort}`, "not open")]),
    ...tcp,
    ...compare("setting", "", desired.settings, observed.settings),
    ...peerFindings(desired, observed),
    ...moduleFindings(desired, observed),
    ...dialplanFindings(desired, observed),
  ];
}

function compare(
  kind: "setting" | "peer",
  prefix: string,
  wanted: ReadonlyMap<string, string>,
  readout: Readout,
): Finding[] {
  const findings: Finding[] = [];
  for (const [key, value] of wanted) {
    // A key that is there twice could have been written by somebody: neither is believed.
    const found = readout.repeated.has(key) ? "(twice)" : (readout.values.get(key) ?? "(nothing)");
    if (found !== value) findings.push({ kind, subject: `${prefix}${key}`, wanted: value, found });
  }
  return findings;
}

function peerFindings(desired: Desired, observed: Observed): Finding[] {
  const findings: Finding[] = [];
  for (const [name, wanted] of desired.peers) {
    const readout = observed.peers.get(name);
    if (readout === undefined) {
      findings.push({ kind: "peer-missing", subject: name, wanted: "present", found: "missing" });
    } else findings.push(...compare("peer", `${name}: `, wanted, readout));
  }
  for (const name of observed.peers.keys()) {
    if (desired.peers.has(name)) continue;
    findings.push({ kind: "peer-unknown", subject: name, wanted: "absent", found: "present" });
  }
  return findings;
}

function moduleFindings(desired: Desired, observed: Observed): Finding[] {
  const finding = (subject: string, wanted: string, found: string): Finding => ({
    kind: "module",
    subject,
    wanted,
    found,
  });
  return [
    ...[...desired.modules].filter((each) => !observed.modules.has(each)).map((m) => finding(m, "loaded", "missing")),
    ...[...observed.modules].filter((each) => !desired.modules.has(each)).map((m) => finding(m, "absent", "loaded")),
  ];
}

function dialplanFindings(desired: Desired, observed: Observed): Finding[] {
  const findings: Finding[] = [];
  for (const context of new Set([...desired.dialplan.keys(), ...observed.dialplan.keys()])) {
    const wanted = desired.dialplan.get(context);
    const found = observed.dialplan.get(context);
    const allowed = desired.dialplanAllowed.get(context);
    if (allowed !== undefined && [...(found ?? [])].every((line) => allowed.has(line))) continue;
    if (wanted === undefined || found === undefined) {
      const [is, should] = found === undefined ? ["missing", "present"] : ["present", "absent"];
      findings.push({ kind: "dialplan", subject: context, wanted: should, found: is });
      continue;
    }
    const lines = new Set([...wanted, ...found]);
    for (const line of lines) {
      if (wanted.has(line) && found.has(line)) continue;
      const [should, is] = wanted.has(line) ? [line, "missing"] : ["absent", line];
      findings.push({ kind: "dialplan", subject: context, wanted: should, found: is });
    }
  }
  return findings;
}

/** A peer is missing while its server's name does not resolve: bad for that trunk, but no reason not to run. */
export function isSerious(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.kind !== "peer-missing");
}

/** Files that Asterisk reads only when it starts, or whose reload would cut our own connections to it. */
const RESTART_FILES = new Set(["asterisk.conf", "modules.conf", "http.conf", "ari.conf", "manager.conf"]);
const RELOAD_FILES: Readonly<Record<string, string>> = {
  "sip.conf": "sip reload",
  "extensions.conf": "dialplan reload",
  "rtp.conf": "module reload res_rtp_asterisk.so",
  "logger.conf": "logger reload",
  "indications.conf": "module reload indications",
  "dnsmgr.conf": "module reload dnsmgr",
  "cdr.conf": "module reload cdr",
};

/** How a running Asterisk is made to take files that we changed under it. */
export function planForFiles(changed: readonly string[]): Step[] {
  if (changed.some((name) => RESTART_FILES.has(name) || RELOAD_FILES[name] === undefined)) return [RESTART];
  return changed.map((name) => run(RELOAD_FILES[name] ?? ""));
}

/**
 * Steps against the findings. At first those that disturb no call; `again`: they have been tried and these findings
 * are left, so Asterisk is restarted. A missing peer is no reason for that: its server's name may not resolve today.
 */
export function planRepair(findings: readonly Finding[], again: boolean): Step[] {
  if (again && findings.some((finding) => finding.kind !== "peer-missing")) return [RESTART];
  const steps = new Map<string, Step>();
  for (const step of findings.flatMap(stepsFor)) steps.set(JSON.stringify(step), step);
  const all = [...steps.values()];
  if (all.some((step) => step.kind === "restart")) return [RESTART];
  // A context has to be taken away before the reload that brings it back.
  const isLast = (step: Step) => Number(step.kind === "command" && step.command === "dialplan reload");
  return all.sort((a, b) => isLast(a) - isLast(b));
}

const RESTART: Step = { kind: "restart" };
const run = (command: string): Step => ({ kind: "command", command });

function stepsFor(finding: Finding): Step[] {
  switch (finding.kind) {
    case "file": {
      const reload = RELOAD_FILES[finding.subject];
      return [reload === undefined ? RESTART : run(reload)];
    }
    case "socket":
      // What Asterisk could not have at its start it does not try for again.
      return [finding.subject.startsWith("TCP") ? RESTART : run("sip reload")];
    case "setting":
    case "peer":
    case "peer-missing":
    case "peer-unknown":
      return [run("sip reload")];
    case "module":
      return [{ kind: "module", what: finding.wanted === "absent" ? "unload" : "load", file: finding.subject }];
    case "dialplan": {
      if (finding.found === "missing") return [run("dialplan reload")];
      // What the command line added survives a reload, so the context goes first.
      const context = finding.subject.replace(/ \(.*\)$/, "");
      if (!/^[a-z0-9-]+$/i.test(context)) return [RESTART];
      return [run(`dialplan remove context ${context}`), run("dialplan reload")];
    }
  }
}
