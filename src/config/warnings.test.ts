import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "./load.ts";
import { configWarnings } from "./warnings.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-warnings-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function warnings(text: string, mode = 0o600): Promise<string[]> {
  const file = join(directory, "paxgate.yaml");
  const quiet = text.includes("web:") ? "" : "web: { listen: loopback }\n";
  await writeFile(file, `${text.includes("lines:") ? "" : "lines: [{ name: tie }]\n"}${quiet}${text}`);
  await chmod(file, mode);
  const loaded = await loadConfig(file);
  return loaded.ok ? configWarnings(loaded.value) : expect.fail(JSON.stringify(loaded.error));
}

const lists = "blockLists: [{ name: mine, file: blocked.txt }]";

describe("a warning", () => {
  it("is not given of what is as it should be", async () => {
    await writeFile(join(directory, "blocked.txt"), "");
    expect(await warnings(`firewall: { ${lists}, mode: open, apiban: { key: abc } }\n`)).toEqual([]);
    expect(await warnings("firewall: { protect: none }\n")).toEqual([]);
    expect(await warnings("nat: { mode: router, router: { uplink: eth0, lan: eth1 } }\n")).toEqual([]);
  });

  it("names the file of a block list that cannot be read, by its whole path", async () => {
    const path = join(directory, "blocked.txt");
    expect(await warnings(`firewall: { ${lists} }\n`)).toEqual([`the block list mine: ${path} is not there`]);
  });

  it.each([
    ["apiban: { key: abc }", "firewall.apiban"],
    ["blockLists: [{ name: far, url: 'https://example.org/x' }]", "firewall.blockLists"],
    ["mode: open", "firewall.mode: open"],
  ])("says that %s does nothing without a firewall", async (setting, named) => {
    const [warning, ...more] = await warnings(`firewall: { protect: none, ${setting} }\n`);
    expect(warning).toMatch(new RegExp(`protect: none.*do nothing: ${named}$`));
    expect(more).toEqual([]);
  });

  it("says that nat.router does nothing in another mode", async () => {
    const [warning, ...more] = await warnings("nat: { router: { uplink: eth0, lan: eth1 } }\n");
    expect(warning).toContain("nat.router does nothing with nat.mode: none");
    expect(more).toEqual([]);
  });

  it("says that a fleet's settings do nothing: bans without a firewall, a key without bans", async () => {
    const mqtt = 'mqtt: { url: "mqtts://broker.example" }';
    const fleet = "fleet: { key: sixteen-letters-!, acceptBans: [north] }";
    expect(await warnings(`firewall: { protect: none }\nstatus: { ${mqtt}, ${fleet} }\n`, 0o600)).toEqual([
      "without a firewall (firewall.protect: none) these do nothing: status.fleet",
    ]);
    expect(await warnings(`status: { ${mqtt}, ${fleet} }\n`)).toEqual([]);
    const [warning, ...more] = await warnings("status: { fleet: { key: sixteen-letters-! } }\n");
    expect(warning).toContain("status.fleet.key does nothing without");
    expect(more).toEqual([]);
  });

  it("says that the page is open to every private network, unless there is TLS or a network was named", async () => {
    const [warning, ...more] = await warnings("web: {}\n");
    expect(warning).toContain("every private network may open the page");
    expect(more).toEqual([]);
    const lists = "firewall: { lists: { management: [192.168.7.0/24] } }\n";
    expect(await warnings(`web: {}\n${lists}`)).toEqual([]);
    expect(await warnings("web: { cert: a.pem, key: a.key }\n")).toEqual([]);
    expect(await warnings("web: { enabled: false }\n")).toEqual([]);
  });

  it.each([
    ['mqtt: { url: "mqtt://broker.example", username: pax, password: pw }', ["without TLS"]],
    ['mqtt: { url: "mqtts://broker.example" }', ["asks for no password"]],
    ['mqtt: { url: "ws://broker.example" }', ["without TLS", "asks for no password"]],
    ['mqtt: { url: "mqtt://127.0.0.1:1883", username: pax, password: pw }', []],
    ['mqtt: { url: "mqtt://localhost.example", username: pax, password: pw }', ["without TLS"]],
    ['mqtt: { url: "mqtts://broker.example", cert: a.pem, key: a.key }', []],
    ["broker: { listen: lan }", ["own is without TLS"]],
    ["broker: { listen: loopback }", []],
  ])("of requests through a broker, %s, says: %j", async (broker, said) => {
    const found = await warnings(`status: { requests: true, ${broker} }\n`);
    expect(found.length).toBe(said.length);
    for (const [at, words] of said.entries()) expect(found[at]).toContain(words);
    expect(await warnings(`status: { ${broker} }\n`)).toEqual([]);
  });

  it("says that without a button only a shell gets at the passwords, of a gateway with a real line", async () => {
    const real =
      "lines: [{ name: tie, interface: { inputs: { loop: line-1-loop }, outputs: { loop: tie-loop }, audio: x } }]\n";
    const phones = `${real}accounts: [{ name: desk }]\n`;
    const [warning, ...more] = await warnings(phones);
    expect(warning).toContain("there is no reset button (button.gpio)");
    expect(more).toEqual([]);
    expect(await warnings(`${phones}button: { gpio: "chip:23" }\n`)).toEqual([]);
    expect(await warnings(real)).toEqual([]);
    expect(await warnings("accounts: [{ name: desk }]\n")).toEqual([]);
  });

  it("is given of a key in a file that everybody can read, without the key", async () => {
    const [warning, ...more] = await warnings("firewall: { apiban: { key: hush-hush } }\n", 0o644);
    expect(warning).toContain("holds the key of firewall.apiban and every user of this machine can read it");
    expect([warning, ...more].join()).not.toContain("hush-hush");
    expect(more).toEqual([]);
    const status =
      'mqtt: { url: "mqtts://b.example", username: pax, password: hush-hush }, fleet: { key: hush-hush-hush-hush }';
    const found = await warnings(`status: { ${status} }\n`, 0o604);
    expect(found.join()).toMatch(/the password of status\.mqtt .*the key of status\.fleet /);
    expect(found.join()).not.toContain("hush-hush");
  });
});
