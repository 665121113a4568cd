import { plural } from "./plural.ts";

/** The gateway itself, and how the page stands with it. */

export const link = {
  connecting: "Connecting to the gateway …",
  live: "Live",
  staleSince: (time: string) => `Stale since ${time}`,
  why: {
    gateway: "The gateway does not answer. What you see is what it said last; the page keeps trying.",
    broker: "The broker is lost. What you see of this site is what it said last.",
    offline: "This site is off line. What you see is what it said last.",
    silent: "This site says nothing any more. What you see is what it said last.",
  },
  brokerLost: (time: string) => `Broker lost since ${time}`,
  brokerLostText: "This site is shown live. Other sites, and everybody who listens at the broker, hear nothing new.",
  noSite: "The gateway has told nothing of itself yet.",
} as const;

export const fleet = {
  title: "Sites",
  own: "this gateway",
  lines: (busy: number, all: number) => `${busy} of ${plural(all, "line", "lines")} engaged`,
  alerts: (count: number) => (count === 0 ? "no alerts" : plural(count, "alert", "alerts")),
  remote: "Another site is shown. It is worked from its own page.",
  noHistory: "Each gateway keeps its own history. Open its page to see it.",
  states: { online: "on line", offline: "off line", unknown: "not known", silent: "silent", stale: "stale" },
} as const;

export const alerts = {
  title: "Alerts",
  none: "No alerts.",
  severity: { warning: "Warning", error: "Error" },
  since: (source: string, time: string) => `${source}, since ${time}`,
} as const;

export const system = {
  title: "Machine",
  hours: (hours: number) => (hours === 1 ? "the last hour" : `the last ${hours} hours`),
  cpu: "Processor",
  temperature: "Temperature",
  memory: "Free memory",
  disk: "Card",
  uptime: "Running for",
  load: "Load",
  process: "Supervisor",
  free: (free: string, total: string) => `${free} of ${total} free`,
  written: (written: string) => `${written} written`,
  wear: (percent: string) => `${percent} % worn`,
  power: "Power",
  powerGood: "good",
  underVoltage: "under-voltage",
  throttled: "throttled",
  capped: "capped",
  sinceBoot: "trouble since the start",
  plot: (what: string, hours: string, now: string) => `Plot of ${what}, ${hours}; now ${now}.`,
  notMeasured: "Not measured on this machine.",
  noHistory: "No history yet.",
} as const;

export const gateway = {
  title: "Gateway",
  name: "Gateway",
  site: "Site",
  version: "Version",
  runs: ({ slot, trial }: { slot: string; trial: boolean }) => `system ${slot}${trial ? ", on trial" : ""}`,
  state: "State",
  started: "Started",
  broker: "Broker",
  ownBroker: "its own",
  machine: "Machine",
  os: "System",
  credentials: "Credentials",
  neverReset: "never reset",
  reset: (time: string) => `made anew ${time}`,
  resetPending: "reset not complete",
  windowOpen: "can be collected",
  collect: "Collect them",
  states: {
    starting: "Starting",
    ready: "Ready",
    degraded: "Degraded",
    faulty: "Faulty",
    stopping: "Stopping",
  },
  simulated: "Simulated PAX",
  restart: "Restart Asterisk",
  restartAsk: "Calls in progress will be cut off.",
  restartYes: "Restart it",
  no: "No",
  restarted: "Asterisk restarts.",
} as const;

export const lamps = {
  engaged: (busy: number, all: number) => `${busy} of ${all} engaged`,
  faulty: (count: number) => plural(count, "fault", "faults"),
  calls: (count: number) => (count === 0 ? "none" : `${count} in progress`),
  trunks: (good: number, all: number) => (good === all ? "registered" : `${good} of ${all} up`),
  none: "none",
  trouble: "trouble",
  onTrial: "on trial",
  nat: { none: "none needed", good: "mapped", router: "routing" },
  inputs: (count: number) => (count === 0 ? "at rest" : `${count} active`),
  dropped: (count: string) => `${count} dropped/min`,
} as const;
