import { stat } from "node:fs/promises";
import { PRIVATE_NETWORKS } from "./firewall-schema.ts";
import type { LoadedConfig } from "./load.ts";
import { ownBroker } from "./rules-ports.ts";
import type { Config } from "./schema.ts";

/** What is no fault, as the file can be used, but hardly meant so: texts for people, without secrets. */
export async function configWarnings({ config, file }: Pick<LoadedConfig, "config" | "file">): Promise<string[]> {
  return [
    ...withoutEffect(config),
    ...openToMany(config),
    ...withoutButton(config),
    ...(await missingLists(config)),
    ...(await readableKey(config, file)),
  ];
}

/** What is written and does nothing. */
function withoutEffect({ firewall, nat, status: { fleet } }: Config): string[] {
  const bans = fleet.shareBans || fleet.acceptBans.length > 0;
  const idle = [
    ...(firewall.apiban.key === undefined ? [] : ["firewall.apiban"]),
    ...(firewall.blockLists.length === 0 ? [] : ["firewall.blockLists"]),
    ...(firewall.mode === "open" ? ["firewall.mode: open"] : []),
    ...(bans ? ["status.fleet"] : []),
  ];
  return [
    ...(firewall.protect === "none" && idle.length > 0
      ? [`without a firewall (firewall.protect: none) these do nothing: ${idle.join(", ")}`]
      : []),
    ...(nat.router !== undefined && nat.mode !== "router"
      ? [`nat.router does nothing with nat.mode: ${nat.mode}; it counts with nat.mode: router`]
      : []),
    ...(fleet.key !== undefined && !bans
      ? ["status.fleet.key does nothing without status.fleet.shareBans or acceptBans"]
      : []),
  ];
}

/** What more people can reach, or listen to, than is likely to be meant. */
function openToMany({ web, status, firewall }: Config): string[] {
  const found: string[] = [];
  const { management } = firewall.lists;
  const everybody = PRIVATE_NETWORKS.every((network) => management.includes(network));
  if (web.enabled && web.listen === "lan" && web.cert === undefined && everybody) {
    found.push(
      "every private network may open the page, and its password crosses them unencrypted: " +
        "set web.cert and web.key, or name your own network in firewall.lists.management",
    );
  }
  if (!status.requests) return found;
  const { mqtt, broker } = status;
  const work = "status.requests: whoever listens to or sends through the broker may work the gateway:";
  const nearby = mqtt !== undefined && /^[a-z]+:\/\/(?:127(?:\.\d+){3}|localhost|\[::1\])(?:[:/]|$)/.test(mqtt.url);
  if (mqtt !== undefined && !nearby && !/^(?:mqtts|wss):/.test(mqtt.url)) {
    found.push(`${work} status.mqtt.url is without TLS (mqtts://)`);
  }
  if (mqtt !== undefined && mqtt.password === undefined && mqtt.cert === undefined) {
    found.push(`${work} it asks for no password (status.mqtt.username and password)`);
  }
  if (ownBroker(status) && broker.listen === "lan") {
    found.push(`${work} the gateway's own is without TLS (status.broker.listen: lan)`);
  }
  return found;
}

/** Without the button nobody gets at what is issued without a shell on the machine. A simulation needs none. */
function withoutButton({ button, accounts, web, lines }: Config): string[] {
  const issued = accounts.length > 0 || (web.enabled && web.listen === "lan");
  if (button.gpio !== undefined || !issued || lines.every((line) => line.interface === "sim")) return [];
  return ['there is no reset button (button.gpio): passwords are shown by "paxgate accounts" only'];
}

/** A file that is not there yet is read when it comes: until then the list is empty. */
async function missingLists({ firewall }: Config): Promise<string[]> {
  const found: string[] = [];
  for (const { name, file } of firewall.blockLists) {
    if (file === undefined) continue;
    try {
      if (!(await stat(file)).isFile()) found.push(`the block list ${name}: ${file} is not a file`);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const missing = code === "ENOENT" || code === "ENOTDIR";
      const what = missing ? "is not there" : `cannot be read (${code ?? "unknown error"})`;
      found.push(`the block list ${name}: ${file} ${what}`);
    }
  }
  return found;
}

async function readableKey({ firewall, status }: Config, file: string): Promise<string[]> {
  const held = [
    ...(typeof firewall.apiban.key === "string" ? ["key of firewall.apiban"] : []),
    ...(typeof status.mqtt?.password === "string" ? ["password of status.mqtt"] : []),
    ...(typeof status.fleet.key === "string" ? ["key of status.fleet"] : []),
  ];
  if (held.length === 0 || ((await stat(file)).mode & 0o007) === 0) return [];
  const remedy = "chmod 600 it, or put it into a file of its own and write {file: PATH}";
  return held.map((what) => `${file} holds the ${what} and every user of this machine can read it: ${remedy}`);
}
