import type { InputStatus, SystemStatus, TrunkStatus } from "../../status/schema.ts";
import type { BrokerState, RaisedAlert } from "../../status/types.ts";

/** What the alerts are made of: everything that somebody should know of, as it is now. */
export interface Concerns {
  readonly nowMs: number;
  readonly fault: string | null;
  readonly configFault: string | null;
  /** Of the firewall and of port forwarding, in words. */
  readonly guard: readonly string[];
  readonly lines: readonly { readonly name: string; readonly status: string; readonly warn: boolean }[];
  readonly trunks: readonly TrunkStatus[];
  readonly inputs: readonly InputStatus[];
  readonly system: SystemStatus | null;
  readonly broker: BrokerState | null;
  /** Of credentials, the page, the button, the store and others. */
  readonly others: readonly RaisedAlert[];
}

/** A trunk that registers again within this time after a restart is no alert, ms. */
const TRUNK_GRACE_MS = 60_000;
const HOT_C = 80;
const DISK_FREE_MB = 50;
const MEMORY_MB = 40;
/** A broker that is away for so long is an alert, ms. */
const BROKER_GRACE_MS = 30_000;
const LONGEST = 1_000;

/** The alerts, errors first. Identifiers are stable, so that an alert is known again. */
export function alertsOf(concerns: Concerns): readonly RaisedAlert[] {
  const alerts = [
    ...gatewayAlerts(concerns),
    ...lineAlerts(concerns),
    ...trunkAlerts(concerns),
    ...inputAlerts(concerns),
    ...systemAlerts(concerns),
    ...concerns.others,
  ].map((alert) => ({ ...alert, text: alert.text.slice(0, LONGEST) }));
  return [...new Map(alerts.map((alert) => [alert.alert, alert])).values()].sort(
    (one, other) => Number(other.severity === "error") - Number(one.severity === "error"),
  );
}

function gatewayAlerts({ fault, configFault, guard }: Concerns): RaisedAlert[] {
  const times = new Map<string, number>();
  const alerts = guard.map((text): RaisedAlert => {
    const name = nameOf(text);
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    // Texts that differ in their figures only, such as those of two ports, are told both.
    return { alert: `guard-${name}${time === 1 ? "" : `-${time}`}`, severity: "warning", source: "guard", text };
  });
  if (configFault !== null) {
    alerts.push({ alert: "configuration", severity: "error", source: "configuration", text: configFault });
  }
  if (fault !== null && fault !== configFault) {
    alerts.push({ alert: "gateway", severity: "error", source: "gateway", text: fault });
  }
  return alerts;
}

function lineAlerts({ lines }: Concerns): RaisedAlert[] {
  return lines.flatMap(({ name, status, warn }): RaisedAlert[] => {
    const base = { alert: `line-${name}`, source: "line" };
    if (status === "fault") {
      return [{ ...base, severity: "error", text: `line ${name} is out of service: no loop current, or no interface` }];
    }
    if (status === "parked") {
      return [{ ...base, severity: "warning", text: `line ${name} is parked: its loop stays closed` }];
    }
    if (!warn) return [];
    return [
      {
        alert: `dial-${name}`,
        source: "line",
        severity: "warning",
        text: `a dial heard on line ${name} wants adjusting`,
      },
    ];
  });
}

function trunkAlerts({ trunks, nowMs }: Concerns): RaisedAlert[] {
  return trunks
    .filter(({ registered, sinceMs }) => registered === false && nowMs - sinceMs > TRUNK_GRACE_MS)
    .map(({ trunk, server }) => ({
      alert: `trunk-${trunk}`,
      severity: "error",
      source: "trunk",
      text: `trunk ${trunk} is not registered at ${server}`,
    }));
}

function inputAlerts({ inputs }: Concerns): RaisedAlert[] {
  return inputs.flatMap(({ input, label, active, alarm }): RaisedAlert[] => {
    const base = { alert: `input-${input}`, source: "input" };
    if (active === null)
      return [{ ...base, severity: "warning", text: `the input ${input} (${label}) cannot be read` }];
    return active && alarm ? [{ ...base, severity: "error", text: label }] : [];
  });
}

function systemAlerts({ system, broker, nowMs }: Concerns): RaisedAlert[] {
  const alerts: RaisedAlert[] = [];
  const add = (alert: string, text: string) => alerts.push({ alert, severity: "warning", source: "system", text });
  if (system !== null) {
    const { temperatureC, disk, memoryAvailableMb, throttled } = system;
    if (temperatureC !== null && temperatureC >= HOT_C)
      add("temperature", "the processor is hot: give it air or shade");
    if (disk.freeMb < DISK_FREE_MB) add("disk", "the card is nearly full");
    if (memoryAvailableMb < MEMORY_MB) add("memory", "memory is nearly used up");
    if (throttled?.underVoltage === true) add("voltage", "the power supply gives too little voltage");
    else if (throttled?.throttled === true) add("throttled", "the processor is slowed down, since it is hot");
  }
  if (broker !== null && !broker.connected && nowMs - broker.sinceMs > BROKER_GRACE_MS) {
    add("broker", `no connection to the broker ${broker.url}: ${broker.fault ?? "not yet"}`);
  }
  return alerts;
}

/** A short name for a text, the same for the same text but for its figures (FNV-1a, 32 bits). */
function nameOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text.replace(/[0-9]+/g, "")) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(36);
}
