import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import { PLACES, RouterNetwork } from "./support/router.ts";
import { bundle, NatProbe, RTP, SIP } from "./support/router-probe.ts";

const network = new RouterNetwork("bad");
const children: ChildProcess[] = [];
const probes: NatProbe[] = [];
let client = "";
let rogue = "";

beforeAll(async () => {
  client = await bundle("router-client.ts", network.directory);
  rogue = await bundle("rogue-igd.ts", network.directory);
  network.build();
});

afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.kill();
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await network.stop(false);
});

afterAll(() => network.close());

function probe(options: ConstructorParameters<typeof NatProbe>[2]): NatProbe {
  const one = new NatProbe(network, client, { protocols: ["upnp"], wanted: [SIP], ...options });
  probes.push(one);
  return one;
}

/** Starts `rogue-igd.ts`; what it printed, line by line. */
async function rogueAt(place: "router" | "rogue", how: string, other: string): Promise<string[]> {
  const own = PLACES[place];
  const child = spawn("ip", network.inside(place, process.execPath, rogue, own, how, other), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const lines: string[] = [];
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (line === "ready") resolve();
    });
  });
  await within(5_000, ready, "the rogue is not ready");
  return lines;
}

/** Datagrams that the gateway has sent. */
function datagramsSent(): number {
  const rows = network
    .run("gateway", "cat", "/proc/net/snmp")
    .split("\n")
    .filter((row) => row.startsWith("Udp:"));
  return Number(rows[1]?.split(" ")[rows[0]?.split(" ").indexOf("OutDatagrams") ?? -1]);
}

describe("another host of the LAN that answers for the router", () => {
  it.each([
    { how: "plain", other: PLACES.router, what: "leading to itself" },
    { how: "location", other: PLACES.router, what: "leading to the router's address" },
  ])("is not believed when there is no router ($what)", async ({ how, other }) => {
    const heard = await rogueAt("rogue", how, other);
    const nat = probe({});
    const view = await nat.until((one) => one.faults.length > 0);
    expect(view.faults[0]).toContain("does not answer");
    expect(heard).toContain("answered");
    expect(heard.filter((line) => line.startsWith("http"))).toEqual([]);
  });

  it("does not keep us from the router, though it answers first", async () => {
    const heard = await rogueAt("rogue", "plain", PLACES.rogue);
    await network.start({ natPmp: false });
    const nat = probe({});
    const view = await nat.until((one) => one.external !== null);
    expect(view.external).toEqual({ address: PLACES.wan, sipPort: 5060 });
    expect(heard).toContain("answered");
    expect(heard.filter((line) => line.startsWith("http"))).toEqual([]);
  });
});

describe("a router that means ill", () => {
  it.each([
    "huge",
    "drip",
    "silent",
    "headers",
    "bomb",
    "deep",
    "wide",
    "redirect",
    "elsewhere",
    "named",
    "low-port",
    "slow-soap",
    "huge-soap",
  ])("is given up in time and not believed: %s", async (how) => {
    const other = await rogueAt("rogue", "plain", PLACES.rogue);
    const heard = await rogueAt("router", how, PLACES.rogue);
    const began = performance.now();
    const nat = probe({});
    const view = await nat.until((one) => one.faults.length > 0, 14_000);
    expect(view.external).toBeNull();
    expect(view.mappings[0]?.externalPort).toBeNull();
    // 5 s to find it, 5 s to ask it.
    expect(performance.now() - began).toBeLessThan(12_000);
    expect(heard).toContain("http GET /desc.xml");
    expect(other.filter((line) => line.startsWith("http"))).toEqual([]);
    expect(heard.filter((line) => line.startsWith("http POST")).length > 0).toBe(how.endsWith("-soap"));
    const memory = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${nat.pid}/status`, "utf8"))?.[1];
    expect(Number(memory)).toBeLessThan(150_000);
    // It still answers, and stops in time.
    await nat.now();
    expect(await nat.stop()).toBeLessThan(2_600);
  });

  it("says yes and does nothing: the mapping is looked for, and missed", async () => {
    await rogueAt("router", "plain", PLACES.rogue);
    const nat = probe({});
    const view = await nat.until((one) => one.faults.length > 0);
    expect(view.mappings[0]?.externalPort).toBeNull();
  });
});

describe("a router that knows no leases", () => {
  it("is asked for a mapping without an end, which is removed when we stop", async () => {
    const heard = await rogueAt("router", "permanent", PLACES.rogue);
    const nat = probe({ wanted: [SIP, RTP] });
    const view = await nat.until((one) => one.mappings.every((mapping) => mapping.externalPort !== null));
    expect(view).toMatchObject({ external: { address: "8.8.4.4", sipPort: 5060 }, faults: [] });
    expect(view.mappings[0]?.expiresS).toBeNull();
    expect(heard).toContain("kept UDP 5060,UDP 10000,UDP 10001,UDP 10002,UDP 10003");
    await nat.stop();
    expect(heard.at(-1)).toBe("kept ");
  });
});

describe("the router's identity", () => {
  it("is kept once it has worked, and another in its place is not asked", async () => {
    await network.start({ natPmp: false });
    const first = probe({});
    await first.until((one) => one.external !== null);
    const lines = first.lines.filter((line) => line["memory"] !== undefined);
    const memory = lines.at(-1)?.["memory"];
    expect(memory).toMatchObject({ router: { gateway: PLACES.router } });
    await first.stop();
    await network.stop();
    const heard = await rogueAt("router", "plain", PLACES.rogue);
    const second = probe({ memory });
    const view = await second.until((one) => one.faults.length > 0);
    expect(view.faults[0]).toContain("another router than the one that worked before");
    expect(heard.filter((line) => line.startsWith("http POST"))).toEqual([]);
  });
});

describe("forged announcements", () => {
  it("cost a question now and then, and change nothing", async () => {
    await network.start();
    const nat = probe({ protocols: ["pcp"] });
    await nat.until((one) => one.external !== null);
    const before = network.mappings();
    const sentBefore = datagramsSent();
    const flood = ["hping3", "-q", "--udp", "-a", PLACES.router, "-s", "5351", "-k", "-p", "5350", "-d", "24"];
    network.run("rogue", "sh", "-c", `${flood.join(" ")} -i u1000 -c 2000 ${PLACES.gateway} 2>&1; true`);
    const view = await nat.now();
    expect(view.faults).toEqual([]);
    expect(network.mappings()).toBe(before);
    // 2,000 forgeries in about 2 s are worth one renewal.
    expect(datagramsSent() - sentBefore).toBeLessThan(10);
  });
});
