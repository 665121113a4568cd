import { gatewayStates } from "./schema.ts";
import type { BrokerState, StatusParts } from "./types.ts";

/**
 * The status as Prometheus reads it: text exposition format 0.0.4. A sample that is not known is left out. Labels hold
 * names of the configuration, canonical addresses never: each label value is a time series that is kept for months.
 */

/** What answers `GET /metrics` says it is. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What is told beside the status's parts; what is left out is not told. */
export interface MoreMetrics {
  readonly broker?: Pick<BrokerState, "connected" | "embedded">;
  readonly fleet?: readonly { readonly site: string; readonly stale: boolean }[];
  /** What became of messages of other sites, by name (`FleetService.counts`). */
  readonly fleetRefused?: Readonly<Record<string, number>>;
  /** What became of shared bans, by name (`SharedBanService.counts`). */
  readonly sharedBans?: Readonly<Record<string, number>>;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | boolean | null];
interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: readonly Sample[];
}

const MB = 1_000_000;
const gauge = (name: string, help: string, samples: readonly Sample[]): Family => family(name, "gauge", help, samples);
const counter = (name: string, help: string, samples: readonly Sample[]): Family =>
  family(`${name}_total`, "counter", help, samples);
const one = (value: Sample[1]): readonly Sample[] => [[{}, value]];

/** One sample for each state, of which one is 1: Prometheus has no words as values. */
const states = (labels: Labels, all: readonly string[], now: string): readonly Sample[] =>
  all.map((state) => [{ ...labels, state }, state === now]);
const byName = (label: string, values: Readonly<Record<string, number>>): readonly Sample[] =>
  Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);

/** The whole page. */
export function renderMetrics(parts: StatusParts, more: MoreMetrics = {}): string {
  return [
    ...gatewayFamilies(parts),
    ...lineFamilies(parts),
    ...callFamilies(parts),
    ...guardFamilies(parts),
    ...natFamilies(parts),
    ...systemFamilies(parts),
    ...inputFamilies(parts),
    ...moreFamilies(more),
  ]
    .map(textOf)
    .join("");
}

function gatewayFamilies({ gateway, alerts, credentials }: StatusParts): readonly Family[] {
  const { version, system, state, startedMs, simulated } = gateway;
  const severities = ["warning", "error"] as const;
  return [
    gauge("info", "The gateway's software.", [[{ version, simulated: String(simulated) }, 1]]),
    gauge(
      "system_on_trial",
      "The system that runs is new, and not confirmed yet.",
      system === null ? [] : [[{ slot: system.slot }, system.trial]],
    ),
    gauge("state", "Where the gateway stands.", states({}, gatewayStates, state)),
    gauge("start_time_seconds", "When the gateway started, Unix time.", one(startedMs / 1_000)),
    gauge(
      "alerts",
      "Alerts that stand.",
      severities.map((severity) => [{ severity }, alerts.filter((alert) => alert.severity === severity).length]),
    ),
    gauge("credentials_reset_pending", "A reset of credentials is not complete.", one(credentials.resetPending)),
    gauge("credentials_window_open", "New credentials can be collected.", one(credentials.windowUntilMs !== null)),
  ];
}

function lineFamilies({ lines }: StatusParts): readonly Family[] {
  const each = (value: (line: StatusParts["lines"][number]) => Sample[1]): readonly Sample[] =>
    lines.map((line) => [{ line: line.line }, value(line)]);
  return [
    gauge(
      "line_state",
      "What each line is doing: 1 for its state.",
      lines.map(({ line, state }) => [{ line, state }, 1]),
    ),
    gauge(
      "line_in_use",
      "Whether a call uses the line.",
      each(({ call }) => call !== null),
    ),
    gauge(
      "line_blocked",
      "Whether the line was taken out of service.",
      each(({ blocked }) => blocked),
    ),
    gauge(
      "line_dial_impulses_per_second",
      "Speed of the dial last heard.",
      each(({ dial }) => dial.ips),
    ),
    gauge(
      "line_dial_break_ratio",
      "Break ratio of the dial last heard, 0 to 1.",
      each(({ dial }) => (dial.breakPercent === null ? null : dial.breakPercent / 100)),
    ),
    gauge(
      "line_dial_warning",
      "A dial is outside its limits.",
      each(({ dial }) => dial.warn),
    ),
    counter(
      "line_digits",
      "Digits heard.",
      each(({ dial }) => dial.digits),
    ),
    counter(
      "line_digit_errors",
      "Digits that were not understood.",
      each(({ dial }) => dial.errors),
    ),
    counter(
      "line_false_breaks",
      "False impulses that were left out.",
      each(({ dial }) => dial.falseBreaks),
    ),
  ];
}

function callFamilies({ calls, trunks }: StatusParts): readonly Family[] {
  const { fromPax, toPax, answered, refused } = calls.today;
  const registering = trunks.filter(({ registered }) => registered !== null);
  return [
    gauge("calls_active", "Calls under way.", one(calls.active.length)),
    gauge("calls_today", "Calls since midnight.", [
      [{ direction: "from-pax" }, fromPax],
      [{ direction: "to-pax" }, toPax],
    ]),
    gauge("calls_answered_today", "Calls answered since midnight.", one(answered)),
    gauge("calls_refused_today", "Calls refused since midnight.", one(refused)),
    gauge(
      "trunk_registered",
      "Whether the trunk's server knows of us.",
      registering.map(({ trunk, registered }) => [{ trunk }, registered]),
    ),
    gauge(
      "trunk_calls",
      "Calls through the trunk.",
      trunks.map(({ trunk, calls: now }) => [{ trunk }, now]),
    ),
    gauge(
      "trunk_call_limit",
      "Calls that the trunk may carry.",
      trunks.map(({ trunk, callLimit }) => [{ trunk }, callLimit]),
    ),
  ];
}

function guardFamilies({ guard }: StatusParts): readonly Family[] {
  const dated = guard.lists.filter(({ updatedMs }) => updatedMs !== null);
  return [
    gauge("guard_in_force", "The wanted rules are in the kernel.", one(guard.inForce)),
    gauge("guard_faults", "What is wrong with the guard, how many things.", one(guard.faults.length)),
    gauge("guard_trial", "Confirm or revert.", states({}, ["confirmed", "on-trial", "reverted"], guard.trial.state)),
    gauge("guard_bans", "Bans in force.", one(guard.bans.total)),
    gauge("guard_sources", "Entries of the guard's sets.", byName("set", guard.sources)),
    counter("guard_dropped_packets", "Packets dropped.", one(guard.dropped)),
    counter("guard_rule_packets", "Packets by the rules' counters.", byName("rule", guard.counters)),
    counter("guard_scanner_packets", "Packets of known scanners.", byName("token", guard.scanner)),
    gauge(
      "guard_list_entries",
      "Entries of each block list.",
      guard.lists.map(({ name, entries }) => [{ list: name }, entries]),
    ),
    gauge(
      "guard_list_updated_time_seconds",
      "When each block list was last read, Unix time.",
      dated.map(({ name, updatedMs }) => [{ list: name }, (updatedMs ?? 0) / 1_000]),
    ),
  ];
}

function natFamilies({ nat }: StatusParts): readonly Family[] {
  if (nat.mode === "none") return [];
  return [
    gauge("nat_double", "The router is behind another one.", one(nat.doubleNat)),
    gauge("nat_faults", "What is wrong with the way out, how many things.", one(nat.faults.length)),
    gauge(
      "nat_mapping_up",
      "Whether the port mapping stands.",
      nat.mappings.map(({ name, externalPort, fault }) => [{ mapping: name }, externalPort !== null && fault === null]),
    ),
  ];
}

function systemFamilies({ system }: StatusParts): readonly Family[] {
  const { disk, throttled, cpuPercent, temperatureC } = system;
  const bytes = (mb: number | null) => (mb === null ? null : mb * MB);
  return [
    gauge("cpu_usage_ratio", "Use of all processors, 0 to 1.", one(cpuPercent === null ? null : cpuPercent / 100)),
    gauge("load1", "Load average of one minute.", one(system.load)),
    gauge("temperature_celsius", "Processor's temperature.", one(temperatureC)),
    gauge("memory_bytes", "Memory of the machine.", one(bytes(system.memoryTotalMb))),
    gauge("memory_available_bytes", "Memory that programs can still have.", one(bytes(system.memoryAvailableMb))),
    gauge("process_resident_memory_bytes", "Resident memory of the supervisor.", one(bytes(system.processMb))),
    gauge("machine_uptime_seconds", "Time since the machine started.", one(system.uptimeS)),
    gauge("disk_bytes", "Size of the file system of the state.", one(bytes(disk.totalMb))),
    gauge("disk_free_bytes", "Free there.", one(bytes(disk.freeMb))),
    counter("disk_written_bytes", "Written since the machine started.", one(bytes(disk.writtenMb))),
    gauge(
      "disk_wear_ratio",
      "Life used of an eMMC, 0 to 1.",
      one(disk.wearPercent === null ? null : disk.wearPercent / 100),
    ),
    gauge(
      "throttled",
      "Raspberry Pi: what holds it back.",
      throttled === null ? [] : Object.entries(throttled).map(([reason, is]) => [{ reason }, is]),
    ),
  ];
}

function inputFamilies({ inputs }: StatusParts): readonly Family[] {
  return [
    gauge(
      "input_active",
      "State of each monitored input.",
      inputs.map(({ input, active }) => [{ input }, active]),
    ),
    counter(
      "input_operations",
      "How often each monitored input became active.",
      inputs.map(({ input, operations }) => [{ input }, operations]),
    ),
  ];
}

function moreFamilies({ broker, fleet, fleetRefused, sharedBans }: MoreMetrics): readonly Family[] {
  return [
    gauge("mqtt_connected", "Whether the broker can be reached.", broker === undefined ? [] : one(broker.connected)),
    gauge(
      "fleet_site_up",
      "Whether another site is there.",
      (fleet ?? []).map(({ site, stale }) => [{ site }, !stale]),
    ),
    counter(
      "fleet_messages_refused",
      "Messages of other sites that were left out.",
      byName("reason", fleetRefused ?? {}),
    ),
    counter("shared_bans", "What became of shared bans.", byName("outcome", sharedBans ?? {})),
  ];
}

function family(name: string, type: Family["type"], help: string, samples: readonly Sample[]): Family {
  return { name: `paxgate_${name}`, type, help, samples };
}

/** Nothing at all where there is no sample. */
function textOf({ name, type, help, samples }: Family): string {
  const known = samples.flatMap(([labels, value]) =>
    value === null ? [] : [`${name}${labelsOf(labels)} ${Number(value)}\n`],
  );
  if (known.length === 0) return "";
  return [`# HELP ${name} ${escaped(help)}\n`, `# TYPE ${name} ${type}\n`, ...known].join("");
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Of the format's two escapes for help texts; label values have a third, for `"`. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
