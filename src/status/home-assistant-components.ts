import { gatewayStates, type LineStatusPayload, lineStates } from "./schema.ts";
import type { OperationName, StatusParts } from "./types.ts";

/** The entities of the gateway, as Home Assistant's MQTT integration wants them described. */

interface Common {
  readonly name: string;
  readonly uniq_id: string;
  readonly ic?: string;
  readonly ent_cat?: "diagnostic" | "config";
  readonly en?: false;
}

export interface Sensor extends Common {
  readonly p: "sensor";
  readonly stat_t: string;
  readonly val_tpl: string;
  readonly dev_cla?: "enum" | "temperature" | "duration" | "data_size";
  readonly stat_cla?: "measurement" | "total_increasing";
  readonly unit_of_meas?: string;
  readonly ops?: readonly string[];
}

export interface BinarySensor extends Common {
  readonly p: "binary_sensor";
  readonly stat_t: string;
  readonly val_tpl: string;
  readonly pl_on: "True";
  readonly pl_off: "False";
  readonly dev_cla?: "connectivity" | "problem" | "running";
}

export interface Button extends Common {
  readonly p: "button";
  readonly cmd_t: string;
  readonly pl_prs: string;
  readonly dev_cla?: "restart";
}

export type Component = Sensor | BinarySensor | Button;

export interface ComponentSet {
  /** The device's identifier. */
  readonly id: string;
  /** `<base>/<site>` */
  readonly root: string;
  readonly requests: boolean;
}

type Components = Record<string, Component>;
type More<T extends Component> = Partial<Omit<T, "p" | "name" | "uniq_id" | "stat_t" | "val_tpl" | "cmd_t" | "pl_prs">>;

const trialStates = [
  "confirmed",
  "on-trial",
  "reverted",
] as const satisfies readonly StatusParts["guard"]["trial"]["state"][];

const DIAGNOSTIC = { ent_cat: "diagnostic" } as const;
const MEASURED = { stat_cla: "measurement" } as const;
/** It starts again at 0, every day or with the gateway: Home Assistant takes a fall for a new start. */
const COUNTED = { stat_cla: "total_increasing" } as const;

/** Entities of one line. */
export function lineComponents(set: ComponentSet, { line }: Pick<LineStatusPayload, "line">): Components {
  const { sensor, binary, button } = kinds(set);
  const topic = `lines/${line}`;
  const key = `line-${line}`;
  return {
    ...sensor(`${key}-state`, `Line ${line}`, topic, "state", { dev_cla: "enum", ops: lineStates, ic: "mdi:phone" }),
    ...sensor(`${key}-ips`, `Line ${line} dial speed`, topic, "dial.ips", {
      ...MEASURED,
      ...DIAGNOSTIC,
      unit_of_meas: "imp/s",
      ic: "mdi:phone-dial",
    }),
    ...sensor(`${key}-break`, `Line ${line} break ratio`, topic, "dial.breakPercent", {
      ...MEASURED,
      ...DIAGNOSTIC,
      unit_of_meas: "%",
    }),
    ...binary(`${key}-dial`, `Line ${line} dial out of limits`, topic, "dial.warn", {
      ...DIAGNOSTIC,
      dev_cla: "problem",
    }),
    ...binary(`${key}-blocked`, `Line ${line} blocked`, topic, "blocked", { ...DIAGNOSTIC, ic: "mdi:phone-off" }),
    ...button(`${key}-block`, `Block line ${line}`, "line/block", { line }, { ic: "mdi:phone-off" }),
    ...button(`${key}-unblock`, `Unblock line ${line}`, "line/unblock", { line }, { ic: "mdi:phone-check" }),
  };
}

/** Entities of everything else. */
export function siteComponents(set: ComponentSet, parts: StatusParts): Components {
  const { sensor, button } = kinds(set);
  const calls = { ...COUNTED, unit_of_meas: "calls", ic: "mdi:phone-log" };
  return {
    ...sensor("state", "State", "gateway", "state", { dev_cla: "enum", ops: gatewayStates }),
    ...problem(set),
    ...sensor("calls-active", "Calls", "calls", "active | count", {
      ...MEASURED,
      unit_of_meas: "calls",
      ic: "mdi:phone-in-talk",
    }),
    ...sensor("calls-from-pax", "Calls from the PAX today", "calls", "today.fromPax", calls),
    ...sensor("calls-to-pax", "Calls to the PAX today", "calls", "today.toPax", calls),
    ...sensor("calls-answered", "Calls answered today", "calls", "today.answered", calls),
    ...sensor("calls-refused", "Calls refused today", "calls", "today.refused", calls),
    ...Object.assign({}, ...parts.trunks.map((trunk) => trunkComponents(set, trunk))),
    ...guardComponents(set),
    ...(parts.nat.mode === "none" ? {} : natComponents(set)),
    ...systemComponents(set, parts.system),
    ...Object.assign({}, ...parts.inputs.map((input) => inputComponents(set, input))),
    ...button("guard-confirm", "Confirm firewall", "guard/confirm", {}, { ic: "mdi:shield-check" }),
    ...button("guard-refresh", "Refresh block lists", "guard/refresh", {}, { ic: "mdi:shield-refresh" }),
    ...button("asterisk-restart", "Restart Asterisk", "asterisk/restart", {}, { dev_cla: "restart" }),
  };
}

/** `degraded` says that there are alerts, `faulty` that calls are impossible. */
function problem(set: ComponentSet): Components {
  const { binary } = kinds(set);
  return binary("problem", "Alerts", "gateway", "state in ['degraded', 'faulty']", { dev_cla: "problem" });
}

/** Only of a trunk that registers is there anything to show. */
function trunkComponents(set: ComponentSet, { trunk, registered }: StatusParts["trunks"][number]): Components {
  const { sensor, binary } = kinds(set);
  const topic = `trunks/${trunk}`;
  const known = binary(`trunk-${trunk}`, `Trunk ${trunk}`, topic, "registered", { dev_cla: "connectivity" });
  return {
    ...(registered === null ? {} : known),
    ...sensor(`trunk-${trunk}-calls`, `Trunk ${trunk} calls`, topic, "calls", { ...MEASURED, unit_of_meas: "calls" }),
  };
}

function guardComponents(set: ComponentSet): Components {
  const { sensor, binary } = kinds(set);
  return {
    ...binary("guard", "Firewall in force", "guard", "inForce", { dev_cla: "running" }),
    ...sensor("guard-trial", "Firewall change", "guard", "trial.state", { dev_cla: "enum", ops: trialStates }),
    ...sensor("guard-dropped", "Dropped packets", "guard", "droppedPerMinute", {
      ...MEASURED,
      unit_of_meas: "packets/min",
      ic: "mdi:shield-off",
    }),
    ...sensor("guard-bans", "Bans", "guard", "bans.total", { ...MEASURED, unit_of_meas: "bans", ic: "mdi:cancel" }),
  };
}

function natComponents(set: ComponentSet): Components {
  const { sensor, binary } = kinds(set);
  return {
    ...sensor("nat-address", "External address", "nat", "externalAddress", { ...DIAGNOSTIC, ic: "mdi:wan" }),
    ...binary("nat-double", "Double NAT", "nat", "doubleNat", { ...DIAGNOSTIC, dev_cla: "problem" }),
  };
}

function systemComponents(set: ComponentSet, { throttled }: StatusParts["system"]): Components {
  const { sensor, binary } = kinds(set);
  const measured = { ...MEASURED, ...DIAGNOSTIC };
  const size = { ...measured, dev_cla: "data_size", unit_of_meas: "MB" } as const;
  const pi = {
    ...binary("undervoltage", "Under-voltage", "system", "throttled.underVoltage", {
      ...DIAGNOSTIC,
      dev_cla: "problem",
    }),
    ...binary("throttled", "Throttled", "system", "throttled.throttled", { ...DIAGNOSTIC, dev_cla: "problem" }),
  };
  return {
    ...sensor("cpu", "Processor use", "system", "cpuPercent", { ...measured, unit_of_meas: "%", ic: "mdi:cpu-64-bit" }),
    ...sensor("temperature", "Processor temperature", "system", "temperatureC", {
      ...measured,
      dev_cla: "temperature",
      unit_of_meas: "°C",
    }),
    ...sensor("memory", "Memory available", "system", "memoryAvailableMb", size),
    ...sensor("disk", "Card free", "system", "disk.freeMb", size),
    ...sensor("uptime", "Uptime", "system", "uptimeS", { ...measured, dev_cla: "duration", unit_of_meas: "s" }),
    // Machines other than Raspberry Pis never have these.
    ...(throttled === null ? {} : pi),
  };
}

function inputComponents(set: ComponentSet, { input, label, alarm }: StatusParts["inputs"][number]): Components {
  const { sensor, binary } = kinds(set);
  const topic = `inputs/${input}`;
  return {
    ...binary(`input-${input}`, label, topic, "active", alarm ? { dev_cla: "problem" } : {}),
    ...sensor(`input-${input}-operations`, `${label} operations`, topic, "operations", {
      ...COUNTED,
      ...DIAGNOSTIC,
      unit_of_meas: "operations",
    }),
  };
}

/** Makers of one component each; `value` is an expression on the topic's payload. */
function kinds({ id, root, requests }: ComponentSet) {
  const common = (key: string, name: string) => ({ name, uniq_id: `${id}-${key}` });
  const read = (topic: string, value: string) => ({
    stat_t: `${root}/${topic}`,
    val_tpl: `{{ value_json.${value} }}`,
  });
  return {
    sensor: (key: string, name: string, topic: string, value: string, more: More<Sensor>): Components => ({
      [key]: { p: "sensor", ...common(key, name), ...read(topic, value), ...more },
    }),
    binary: (key: string, name: string, topic: string, value: string, more: More<BinarySensor>): Components => ({
      [key]: {
        p: "binary_sensor",
        ...common(key, name),
        ...read(topic, value),
        ...more,
        pl_on: "True",
        pl_off: "False",
      },
    }),
    button: (key: string, name: string, operation: OperationName, params: object, more: More<Button>): Components =>
      requests
        ? {
            [key]: {
              p: "button",
              ...common(key, name),
              cmd_t: `${root}/request/${operation}`,
              pl_prs: JSON.stringify(params),
              ent_cat: "config",
              ...more,
            },
          }
        : {},
  };
}
