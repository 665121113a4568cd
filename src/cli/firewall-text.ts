import type { Explanation, ExplanationReason, GuardView, ListCounts, RefreshOutcome } from "../firewall/control.ts";
import { counterNames } from "../firewall/layout.ts";
import type { Ban, BanReason } from "../firewall/types.ts";

/** What `paxgate firewall` prints of the gateway's answers, which come cleaned (see `gateway-client.ts`). */

const REASONS: Readonly<Record<BanReason, string>> = {
  logins: "failed logins",
  operator: "by command",
  fleet: "by another gateway",
};

export function statusText(view: GuardView): string {
  const { sources, trial } = view;
  const lines = [headline(view), ...view.faults.map((fault) => `FAULT: ${fault}`)];
  if (trial.state === "on-trial") {
    const what = trial.changes.join(", ");
    lines.push(`ON TRIAL: ${what}; taken back in ${trial.endsInS} s unless confirmed: paxgate firewall confirm`);
  } else if (trial.state === "reverted") {
    const when = ago(view.atMs - trial.sinceMs);
    lines.push(`TAKEN BACK ${when}, not confirmed: ${trial.changes.join(", ")}; to have it: paxgate firewall confirm`);
  }
  if (view.protect === "none") return lines.join("\n");
  lines.push(
    `sources: ${sources.trusted} trusted, ${sources.registered} registered, ${sources.allowed} allowed, ${sources.management} for management, ${sources.blocked} blocked`,
  );
  if (view.repairs > 0) lines.push(`rules put right after somebody else's change: ${view.repairs} times`);
  lines.push(
    ...listLines(view),
    ...nameLines(view),
    ...banSummary(view),
    ...limitedLines(view),
    ...eventLines(view),
    ...counterLines(view),
  );
  return lines.join("\n");
}

function headline({ protect, mode, inForce, rulesSinceMs, atMs }: GuardView): string {
  if (protect === "none") return "no firewall (protect: none)";
  const since = rulesSinceMs === null ? null : `rules of ${ago(atMs - rulesSinceMs)}`;
  const state = inForce ? `, ${since}` : `: NOT IN FORCE${since === null ? "" : ` AS WANTED: the ${since} may stand`}`;
  return `protects the ${protect}, mode ${mode}${since === null && inForce ? "" : state}`;
}

function listLines({ lists, atMs }: GuardView): string[] {
  return lists.map(({ name, entries, updatedMs, fault, counts }) => {
    const read = updatedMs === null ? "never read" : `read ${ago(atMs - updatedMs)}`;
    const wrong = fault === null ? "" : `; FAULT: ${fault}`;
    return `list ${name}: ${entries} entries, ${read} (${countsText(counts)})${wrong}`;
  });
}

function countsText({ added, known, skipped, refused }: ListCounts): string {
  return `${added} added, ${known} already there, ${skipped} skipped, ${refused} refused`;
}

function nameLines({ names }: GuardView): string[] {
  return names.map(({ name, addresses, fault }) => {
    const found = addresses.length === 0 ? "NO ADDRESS" : addresses.join(" ");
    return `name ${name}: ${found}${fault === null ? "" : `; FAULT: ${fault}`}`;
  });
}

function banSummary({ bans, atMs }: GuardView): string[] {
  return [`banned: ${bans.total}${shownOf(bans.latest.length, bans.total)}`, ...bansRows(bans.latest, atMs)];
}

function limitedLines({ limited }: GuardView): string[] {
  const rows = limited.some.map(({ source, expiresS }) => `  ${source.padEnd(24)} for ${duration(expiresS * 1000)}`);
  return [`limited by the kernel: ${limited.total}${shownOf(limited.some.length, limited.total)}`, ...rows];
}

function eventLines({ events: { refused, unattributed } }: GuardView): string[] {
  if (refused + unattributed === 0) return [];
  return [`Asterisk's events: ${refused} not in form, ${unattributed} failed logins that nobody was found for`];
}

const meanings: ReadonlyMap<string, string> = new Map(Object.entries(counterNames));

function counterLines({ counters, scanner }: GuardView): string[] {
  const rows = counters.filter(({ packets }) => packets > 0);
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  const seen = scanner.filter(({ packets }) => packets > 0).map(({ token, packets }) => `${token} ${packets}`);
  return [
    ...rows.map(({ name, packets, bytes }) => {
      const meaning = meanings.get(name);
      const counted = `  ${name.padEnd(width)} ${packets} packets, ${bytes} bytes`;
      return meaning === undefined ? counted : `${counted}: ${meaning}`;
    }),
    ...(seen.length === 0 ? [] : [`scanners dropped (packets): ${seen.join(", ")}`]),
  ];
}

function shownOf(shown: number, total: number): string {
  return shown < total ? ` (${shown} shown)` : "";
}

/** A ban on each line, indented. */
export function bansRows(bans: readonly Ban[], atMs: number): string[] {
  return bans.map((ban) => `  ${ban.source.padEnd(24)} ${banText(ban, atMs)}`);
}

export function banText({ reason, count, sinceMs, untilMs }: Ban, atMs: number): string {
  const again = count > 1 ? `, ${count} times` : "";
  return `${REASONS[reason] ?? reason}${again}, since ${duration(atMs - sinceMs)}, for ${duration(untilMs - atMs)} more`;
}

export function refreshText({ list, ok, fault, counts }: RefreshOutcome): string {
  return ok ? `${list}: ${countsText(counts)}` : `${list}: FAILED: ${fault ?? "no reason given"}`;
}

const CLASSES: Readonly<Record<Explanation["class"], string>> = {
  local: "this machine itself",
  trusted: "a trunk or an operator",
  registered: "a registered phone",
  banned: "banned",
  blocked: "on a block list",
  limited: "over its budget, limited by the kernel",
  allowed: "allowed by the configuration, not registered",
  stranger: "on no list",
  unguarded: "not guarded: there is no firewall",
};

/** Where the entries of a list of the policy are written. */
const ORIGINS: Readonly<Record<string, string>> = {
  trunks: "trunks or firewall.lists.trunks",
  operators: "firewall.lists.operators",
  allowed: "firewall.lists.eventNetwork or an account's networks",
};

export function explanationText({ address, verdict, class: of, reasons }: Explanation, atMs: number): string {
  return [
    `${address}: SIP is ${verdict === "limited" ? "accepted under limits and bans" : verdict}: ${CLASSES[of] ?? of}`,
    ...reasons.map((reason) => `  ${reasonText(reason, atMs)}`),
  ].join("\n");
}

function reasonText(reason: ExplanationReason, atMs: number): string {
  switch (reason.kind) {
    case "configured":
      return `${reason.class} by ${ORIGINS[reason.list] ?? reason.list}: ${reason.entry}`;
    case "registered":
      return "a registered phone";
    case "banned":
      return `banned: ${banText(reason.ban, atMs)}`;
    case "blocked":
      return `on a block list: ${reason.entry}`;
    case "limited":
      return `limited by the kernel, for ${duration(reason.expiresS * 1000)} if it keeps silent`;
    case "management":
      return `may reach the management ports by ${reason.entry}`;
  }
}

function ago(ms: number): string {
  return `${duration(ms)} ago`;
}

/** In the largest unit of which there are two, such as `90 min`; never negative. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
