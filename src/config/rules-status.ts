import type { Path } from "./faults.ts";
import type { RuleFault } from "./rules.ts";
import { ownBroker, portsOfAsterisk, portsOfStatus } from "./rules-ports.ts";
import type { Config } from "./schema.ts";

/** Rules of the sections `status`, `web`, `inputs` and `button`. */
export function statusRules(config: Config): RuleFault[] {
  return [
    ...brokerRules(config),
    ...fleetRules(config),
    ...webRules(config),
    ...portRules(config),
    ...gpioRules(config),
  ];
}

function brokerRules({ status }: Config): RuleFault[] {
  const { mqtt } = status;
  if (mqtt === undefined) return [];
  const path: Path = ["status", "mqtt"];
  const faults: RuleFault[] = [];
  if (!URL.canParse(mqtt.url)) faults.push({ path: [...path, "url"], message: "is no URL" });
  const encrypted = /^(?:mqtts|wss):/.test(mqtt.url);
  for (const key of ["ca", "cert"] as const) {
    if (mqtt[key] === undefined || encrypted) continue;
    faults.push({ path: [...path, key], message: "does nothing without TLS: write mqtts:// or wss:// in url" });
  }
  if ((mqtt.cert === undefined) !== (mqtt.key === undefined)) {
    const given = mqtt.cert === undefined ? "key" : "cert";
    faults.push({ path: [...path, given], message: "cert and key come together" });
  }
  if (mqtt.password !== undefined && mqtt.username === undefined) {
    faults.push({ path: [...path, "password"], message: "needs a username" });
  }
  return faults;
}

function fleetRules({ status, site }: Config): RuleFault[] {
  const { fleet, mqtt } = status;
  const faults: RuleFault[] = [];
  const wanted = fleet.shareBans ? "shareBans" : fleet.acceptBans.length > 0 ? "acceptBans" : null;
  if (wanted === null) return faults;
  const path: Path = ["status", "fleet", wanted];
  if (fleet.key === undefined) {
    faults.push({ path, message: "needs status.fleet.key: bans count only when they are signed with it" });
  }
  if (mqtt === undefined) faults.push({ path, message: "needs status.mqtt: a broker that the gateways share" });
  const own = site.id === undefined ? -1 : fleet.acceptBans.indexOf(site.id);
  if (own >= 0) faults.push({ path: ["status", "fleet", "acceptBans", own], message: "is this gateway itself" });
  return faults;
}

function webRules({ web }: Config): RuleFault[] {
  if ((web.cert === undefined) === (web.key === undefined)) return [];
  return [{ path: ["web", web.cert === undefined ? "key" : "cert"], message: "cert and key come together" }];
}

function portRules(config: Config): RuleFault[] {
  const { web, status, firewall } = config;
  const faults: RuleFault[] = [];
  const others = portsOfAsterisk(config).filter(({ protocol }) => protocol === "tcp");
  const check = (port: number, path: Path, taken: readonly { from: number; what: string }[]) => {
    const use = taken.find(({ from }) => from === port);
    if (use !== undefined)
      faults.push({ path, message: `port ${port} is ${use.what}'s too: each needs one of its own` });
  };
  const [page, broker] = [web.enabled, ownBroker(status)];
  if (page) check(web.port, ["web", "port"], others);
  if (broker) {
    const pages = portsOfStatus(config).filter(
      ({ from, what }) => from === web.port && page && what.includes("web.port"),
    );
    check(status.broker.port, ["status", "broker", "port"], [...others, ...pages]);
  }
  for (const [at, { port, protocol }] of firewall.allow.entries()) {
    if (protocol !== "tcp") continue;
    const use = portsOfStatus(config).find(({ from }) => from === port);
    if (use === undefined) continue;
    const message = `port ${port} is ${use.what}, which firewall.lists.management governs`;
    faults.push({ path: ["firewall", "allow", at, "port"], message });
  }
  return faults;
}

function gpioRules({ inputs, button }: Config): RuleFault[] {
  const faults: RuleFault[] = [];
  const names = new Map<string, Path>();
  const used = new Map<string, Path>();
  const once = (gpio: string | undefined, path: Path) => {
    if (gpio === undefined || gpio === "sim") return;
    const other = used.get(gpio);
    if (other === undefined) used.set(gpio, path);
    else faults.push({ path, other, message: "this GPIO line is used twice" });
  };
  once(button.gpio, ["button", "gpio"]);
  for (const [at, { name, gpio }] of inputs.entries()) {
    const path: Path = ["inputs", at, "name"];
    const other = names.get(name);
    if (other === undefined) names.set(name, path);
    else faults.push({ path, other, message: "the name is used twice" });
    if (name === "button") faults.push({ path, message: '"button" is the reset button itself' });
    once(gpio, ["inputs", at, "gpio"]);
  }
  return faults;
}
