import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
  return (await deviceAt(place, how, other)).heard;
}

/** The same, and how it is told to announce something. */
async function deviceAt(
  place: "router" | "rogue",
  how: string,
  other: string,
): Promise<{ readonly heard: string[]; readonly announce: (line: string) => void }> {
  const own = PLACES[place];
  const child = spawn("ip", network.inside(place, process.execPath, rogue, own, how, other), {
    stdio: ["pipe", "pipe", "inherit"],
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
  return { heard: lines, announce: (line) => child.stdin.write(`${line}\n`) };
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

describe("what the router announces", () => {
  it.each(["alive 2", "bye"])("makes us ask it at once, though its mappings are still there: %s", async (line) => {
    const { heard, announce } = await deviceAt("router", "permanent", PLACES.rogue);
    const nat = probe({ wanted: [SIP, RTP] });
    const view = await nat.until((one) => one.mappings.every((mapping) => mapping.externalPort !== null));
    const before = heard.filter((one) => one.startsWith("kept")).length;
    announce(line);
    // The next look without it: half a minute after the mapping.
    await expect.poll(() => heard.filter((one) => one.startsWith("kept")).length, { timeout: 10_000 }).toBe(2 * before);
    expect(await nat.now()).toMatchObject({ external: view.external, faults: [] });
  });
});

describe("forged announcements", () => {
  it("that the router goes cost a few questions in five seconds, and change nothing", async () => {
    const { heard } = await deviceAt("router", "permanent", PLACES.rogue);
    const nat = probe({});
    const { external } = await nat.until((one) => one.external !== null);
    const asked = () => heard.filter((line) => line.startsWith("http")).length;
    const before = asked();
    const device = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
    const bye = `NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: ${device}\r\nNTS: ssdp:byebye\r\nUSN: uuid:rogue::${device}\r\n\r\n`;
    const file = join(network.directory, "bye");
    writeFileSync(file, bye);
    const forged = [
      "--udp",
      "-a",
      PLACES.router,
      "-s",
      "1900",
      "-k",
      "-p",
      "1900",
      "-d",
      String(bye.length),
      "-E",
      file,
    ];
    const began = performance.now();
    network.run("rogue", "sh", "-c", `hping3 -q ${forged.join(" ")} -i u1000 -c 2000 ${PLACES.gateway} 2>&1; true`);
    await expect.poll(asked, { timeout: 10_000 }).toBeGreaterThan(before);
    const view = await nat.now();
    // One renewal of SIP's port with a look: five questions, every 5 s at the most.
    const rounds = 1 + Math.ceil((performance.now() - began) / 5_000);
    expect(asked() - before).toBeLessThanOrEqual(5 * rounds);
    expect(view).toMatchObject({ external, faults: [] });
  });

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
