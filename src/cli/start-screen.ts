import { realpathSync } from "node:fs";
import { EVENT_PHONES } from "../app/simulated-event.ts";
import { simulatedPaxOf } from "../app/simulated-pax.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { TrunkConfig } from "../config/schema.ts";

interface Running {
  readonly loaded: LoadedConfig;
  readonly simulatePax: boolean;
  /** Trunks that register with the simulated event network. */
  readonly trunks: readonly TrunkConfig[];
  readonly logs: string;
  /** A path as one would type it. */
  readonly near: (path: string) => string;
}

const FIREWALLS = {
  host: "guards this whole machine: see paxgate firewall",
  gateway: "guards the gateway's own ports: see paxgate firewall",
  none: "OFF: anybody who reaches this machine can try passwords (firewall.protect, which takes root)",
} as const;

/** What runs, where its things are, and what to try. */
export function describeRunning({ loaded, simulatePax, trunks, logs, near }: Running): string {
  const { config, file } = loaded;
  const program = `node ${near(realpathSync(process.argv[1] ?? "paxgate.js"))}`;
  const withConfig = `-c ${near(file)}`;
  const tie = config.lines.filter((line) => line.type === "tie-line");
  const lines = config.lines.map(({ name, interface: kind }) => (kind === "sim" ? name : `${name} (hardware)`));
  const text = [`Gateway    SIP on UDP port ${config.sip.port}, lines ${lines.join(", ")}`];
  if (simulatePax) text.push(...describePax(loaded));
  else text.push("PAX        the real one: every line has hardware");
  const [first] = trunks;
  if (first === undefined) {
    text.push(`Event      ${config.trunks.map(({ server }) => server).join(", ") || "none: there are no trunks"}`);
  } else {
    const accounts = trunks.map(({ username }) => username).join(" and ");
    text.push(`Event      SIMULATED: a registrar at 127.0.0.1:${first.port}; the gateway has ${accounts}; telephones:`);
    for (const { number, does } of EVENT_PHONES) text.push(`             ${number} ${does}`);
  }
  text.push(`Firewall   ${FIREWALLS[config.firewall.protect]}`);
  text.push(...describePage(loaded));
  text.push("", `Configuration  ${near(file)}`, `Logs           ${near(logs)}/ (warnings and errors appear here)`, "");
  const rows: [string, string][] = [];
  if (simulatePax && first !== undefined && tie.length > 0) {
    rows.push(
      [`${program} demo ${withConfig}`, "rehearse every kind of call"],
      [`${program} dial ${withConfig} --from 21 94123`, "a PAX telephone calls the event"],
      [`${program} dial ${withConfig} --event 4123 --to 4121`, "an event telephone calls the PAX"],
    );
  }
  rows.push([`${program} lines ${withConfig}`, "what the lines are doing"]);
  rows.push([`${program} accounts ${withConfig}`, "passwords: of the page, of the broker, of your phones"]);
  if (config.button.gpio === "sim") {
    rows.push([
      `${program} press reset ${withConfig}`,
      "hold the reset button: new passwords, on the page for a while",
    ]);
  }
  const width = Math.max(...rows.map(([what]) => what.length));
  text.push("Try, in another terminal:", ...rows.map(([what, why]) => `  ${what.padEnd(width)}  ${why}`));
  const desk = config.numberPlan.fromPax.find((rule) => rule.account !== undefined);
  if (desk !== undefined && simulatePax) {
    text.push(
      "",
      `A real SIP phone: register it as account "${desk.account}" at this machine's address, UDP port ${config.sip.port}. Then`,
      `  ${program} dial ${withConfig} --from 21 9${desk.dial}   rings it`,
    );
  }
  text.push("", "Ctrl-C stops everything.");
  return text.join("\n");
}

function describePage({ config }: LoadedConfig): string[] {
  const { web, status } = config;
  const text: string[] = [];
  if (web.enabled) {
    const scheme = web.cert === undefined ? "http" : "https";
    const place = web.listen === "lan" ? ", and at this machine's address" : "";
    text.push(`Page       ${scheme}://localhost:${web.port}${place}`);
  }
  if (status.mqtt !== undefined) text.push(`MQTT       publishes to ${status.mqtt.url}`);
  else if (status.broker.enabled)
    text.push(`MQTT       a broker of our own, port ${status.broker.port} (${status.broker.listen})`);
  return text;
}

function describePax({ config }: LoadedConfig): string[] {
  const { telephones = [], lines = [], exchange } = simulatedPaxOf(config);
  const codes = Object.entries(exchange?.tieCodes ?? {}).map(([code, group]) => `${code} for the lines "${group}"`);
  const text = [`PAX        SIMULATED: telephones ${telephones[0]} to ${telephones.at(-1)}; dial ${codes.join(", ")}`];
  for (const line of lines) {
    if (line.type === "subscriber") text.push(`             extension ${line.extension} is the line ${line.name}`);
  }
  return text;
}
