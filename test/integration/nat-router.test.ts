import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { STOP_LIMIT_MS } from "../../src/base/lifecycle.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import { configSchema } from "../../src/config/schema.ts";
import { userIn } from "../../src/drivers/asterisk-files.ts";
import { Conntrack } from "../../src/drivers/conntrack.ts";
import { Dnsmasq } from "../../src/drivers/dnsmasq.ts";
import { IpInterfaces } from "../../src/drivers/interface-address.ts";
import { Sysctls } from "../../src/drivers/sysctl.ts";
import { noLists, nothingBlocked, policyOf } from "../../src/firewall/model.ts";
import { render, renderClosed } from "../../src/firewall/render.ts";
import { RouterService } from "../../src/nat/router-service.ts";
import { Lab, type LabHost } from "./support/lab.ts";

const CLIENT = join(dirname(fileURLToPath(import.meta.url)), "support/lan-client.py");

let lab: Lab;
let directory: string;
let router: RouterService;
let dnsmasq: Dnsmasq;
let note: unknown = null;
const upstreamSaid: string[] = [];

const config = {
  uplink: "eth0",
  lan: "eth1",
  address: "10.64.0.1/24",
  dhcp: true,
  leaseHours: 12,
  forwards: [{ name: "web", protocol: "udp" as const, port: 7000, to: "10.64.0.20", toPort: 7001 }],
};

function makeRouter(log: Log = silentLog): RouterService {
  const words = lab.gateway.inside;
  const leaseFile = join(directory, "dnsmasq/leases");
  dnsmasq = new Dnsmasq({ program: "dnsmasq", user: users, leaseFile, words });
  const options = {
    config,
    sipPort: 5060,
    leaseFile,
    resolvFile: join(directory, "resolv.conf"),
    clock: systemClock,
    log,
  };
  return new RouterService(options, {
    interfaces: new IpInterfaces(words),
    sysctls: new Sysctls(words),
    dhcp: dnsmasq,
    conntrack: new Conntrack(words),
    note: {
      read: async () => note,
      write: async (data) => {
        note = JSON.parse(JSON.stringify(data));
      },
    },
  });
}

let users: { uid: number; gid: number } | null;

beforeAll(async () => {
  users = userIn(await readFile("/etc/passwd", "utf8"), "dnsmasq");
  expect(users).not.toBeNull();
  directory = await mkdtemp("/tmp/paxgate-router-");
  await chmod(directory, 0o755);
  await writeFile(join(directory, "resolv.conf"), "nameserver 198.51.100.1\n");
  lab = await Lab.create();
  // What the service is to bring about is not there yet.
  await lab.gateway.ip("addr del 10.64.0.1/24 dev eth1", "link set eth1 down");
  await lab.phone.ip("addr flush dev eth0", "link set eth0 up");
  const upstream = lab.router.spawn([
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--pid-file=",
    "--no-resolv",
    "--no-hosts",
    "--log-queries",
    "--log-facility=-",
    "--address=/example.org/9.9.9.9",
    "--address=/rebind.example.org/10.64.0.20",
  ]);
  upstream.stderr?.setEncoding("utf8").on("data", (text: string) => upstreamSaid.push(text));
  await new Promise<void>((resolve) => {
    upstream.stderr?.on("data", () => {
      if (upstreamSaid.join("").includes("started")) resolve();
    });
  });
  router = makeRouter({ ...silentLog, warn: console.warn });
  await router.start(new AbortController().signal);
});

afterAll(async () => {
  await router?.stop();
  await lab?.remove();
  await rm(directory, { recursive: true, force: true });
});

async function client<T>(host: typeof lab.phone, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await host.run(["python3", CLIENT, ...args]));
}

const sysctl = async (key: string) => (await new Sysctls(lab.gateway.inside).read([key])).get(key);
const look = (host: typeof lab.phone, name: string, kind = "1") =>
  client<{ code: number; addresses: string[] }>(host, "dns", "10.64.0.1", name, kind);

describe("being the router", () => {
  it("puts the LAN interface in order, forwards IPv4 and nothing else, and has nothing to complain of", async () => {
    expect(router.view()).toEqual({
      mode: "router",
      protocol: null,
      router: null,
      external: { address: "198.51.100.2", sipPort: 5060 },
      stunAddress: null,
      doubleNat: false,
      mappings: [{ name: "web", externalPort: 7000, expiresS: null, fault: null }],
      faults: [],
    });
    expect(await sysctl("net/ipv4/ip_forward")).toBe("1");
    expect(await sysctl("net/ipv6/conf/all/forwarding")).toBe("0");
    expect(await router.check()).toEqual([]);
  });

  it("gives a LAN host an address, us as its router and name server", async () => {
    const lease = await client<{ address: string }>(lab.phone, "dhcp", "eth0", "kitchen");
    expect(lease).toMatchObject({ mask: "255.255.255.0", router: "10.64.0.1", dns: "10.64.0.1", lease: 43_200 });
    expect(lease.address).toMatch(/^10\.64\.0\.1\d\d$/);
    await lab.phone.ip(`addr replace ${lease.address}/24 dev eth0`, "route replace default via 10.64.0.1");
    expect(await look(lab.phone, "kitchen.pax.internal")).toEqual({ code: 0, addresses: [lease.address] });
    expect(await look(lab.phone, "paxgate.pax.internal")).toEqual({ code: 0, addresses: ["10.64.0.1"] });
    expect(await readFile(join(directory, "dnsmasq/leases"), "utf8")).toContain(lease.address);
  });

  it("asks upstream for the world's names, for none of the LAN's, and believes no name that means the LAN", async () => {
    expect(await look(lab.phone, "example.org")).toEqual({ code: 0, addresses: ["9.9.9.9"] });
    expect((await look(lab.phone, "rebind.example.org")).addresses).toEqual([]);
    expect((await look(lab.phone, "nobody.pax.internal")).code).toBe(3);
    expect((await look(lab.phone, "77.0.64.10.in-addr.arpa", "12")).code).toBe(3);
    expect((await look(lab.phone, "77.1.168.192.in-addr.arpa", "12")).code).toBe(3);
    await look(lab.phone, "kitchen");
    const asked = upstreamSaid.join("");
    expect(asked).toMatch(/query\[A\] example\.org/);
    expect(asked).not.toMatch(/pax\.internal|in-addr\.arpa|\] kitchen /);
  });

  it("serves the LAN interface alone, and not as root", async () => {
    const sockets = await lab.gateway.run(["ss", "-Hlnup"]);
    const rows = sockets.split("\n").filter((row) => row.includes("dnsmasq"));
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      const [, , , local = ""] = row.trim().split(/\s+/);
      expect(local).toMatch(/^(?:0\.0\.0\.0%eth1:67|10\.64\.0\.1(?:%eth1)?:53|\[f[^\]]*\](?:%eth1)?:53)$/);
    }
    const status = await readFile(`/proc/${dnsmasq.pid}/status`, "utf8");
    expect(/^Uid:\s+(\d+)\s+(\d+)/m.exec(status)?.slice(1, 3)).toEqual([String(users?.uid), String(users?.uid)]);
    await expect(client(lab.outside, "dns", "198.51.100.2", "paxgate.pax.internal")).rejects.toThrow();
  });
});

/** What the firewall has for this configuration, in the gateway's namespace. */
async function applyRules(forwards: typeof config.forwards, how: typeof render | typeof renderClosed = render) {
  const policy = policyOf(
    configSchema.parse({ lines: [{ name: "one" }], nat: { mode: "router", router: { ...config, forwards } } }),
  );
  if (policy === null) throw new Error("there is no policy");
  const state = {
    policy,
    lists: noLists,
    blocked: nothingBlocked,
    registered: [],
    gateways: [],
    localUids: [],
    serving: true,
  };
  const { rules } = how === renderClosed ? renderClosed(policy, []) : render(state);
  await lab.gateway.run(["nft", "-f", "-"], { input: rules });
}

describe("between the LAN and the world", () => {
  let second: LabHost;

  beforeAll(async () => {
    // The outside knows no way to the LAN: it may try the gateway for one.
    await lab.outside.ip("route replace 10.64.0.0/24 via 198.51.100.2");
    await lab.phone.ip("addr flush dev eth0", "addr add 10.64.0.20/24 dev eth0", "route replace default via 10.64.0.1");
    second = await lab.addHost("second", { segment: "lan", number: 21 });
    await applyRules(config.forwards);
    await router.forwardsInForce(config.forwards);
    await lab.outside.agent.listen("udp", 9000, ["0.0.0.0"], "from outside");
    for (const host of [lab.phone, second]) {
      await host.agent.listen("udp", 7001, ["0.0.0.0"], "from the LAN");
      await host.agent.listen("udp", 7002, ["0.0.0.0"], "not forwarded");
    }
  });

  it("a LAN host reaches the outside with our address", async () => {
    const out = { source: "10.64.0.20", to: "198.51.100.66", port: 9000, payloads: ["hello out"], waitMs: 500 };
    expect(await lab.phone.agent.udp(out)).toMatchObject({ sent: 1, answers: 1 });
    expect(await lab.outside.agent.take()).toMatchObject([{ from: "198.51.100.2", text: "hello out" }]);
  });

  it("the outside reaches a LAN host by the forward, and by nothing else", async () => {
    const send = (to: string, port: number) =>
      lab.outside.agent.udp({ source: "198.51.100.66", to, port, payloads: [`to ${to} ${port}`], waitMs: 300 });
    expect((await send("198.51.100.2", 7000)).answers).toBe(1);
    for (const [to, port] of [
      ["198.51.100.2", 7001],
      ["198.51.100.2", 7002],
      ["10.64.0.20", 7000],
      ["10.64.0.20", 7001],
      ["10.64.0.20", 7002],
    ] as const) {
      expect((await send(to, port)).answers).toBe(0);
    }
    expect((await lab.phone.agent.take()).map(({ text }) => text)).toEqual(["to 198.51.100.2 7000"]);
  });

  it("the firewall lets the LAN's hosts get addresses and names from us, and the outside neither", async () => {
    const guest = await lab.addHost("guest", { segment: "lan", number: 22 });
    await guest.ip("addr flush dev eth0");
    const lease = await client<{ address: string }>(guest, "dhcp", "eth0");
    await guest.ip(`addr add ${lease.address}/24 dev eth0`);
    expect(await look(guest, "example.org")).toEqual({ code: 0, addresses: ["9.9.9.9"] });
    for (const server of ["198.51.100.2", "10.64.0.1"]) {
      await expect(client(lab.outside, "dns", server, "example.org")).rejects.toThrow(/timed out/);
    }
  });

  it("a peer that goes on sending gets to a forward's new target, once its old flow is forgotten", async () => {
    const moved = config.forwards.map((forward) => ({ ...forward, to: "10.64.0.21" }));
    let serial = 0;
    const send = async () => {
      const text = `packet ${++serial}`;
      const from = { source: "198.51.100.66", sourcePort: 40_000, to: "198.51.100.2", port: 7000 };
      await lab.outside.agent.udp({ ...from, payloads: [text], waitMs: 200 });
      const heard = async (host: LabHost) => (await host.agent.take()).some((one) => one.text === text);
      return { first: await heard(lab.phone), second: await heard(second) };
    };
    expect(await send()).toEqual({ first: true, second: false });
    await applyRules(moved);
    // The kernel remembers the flow: the new rule is not even looked at.
    expect(await send()).toEqual({ first: true, second: false });
    await router.forwardsInForce(moved);
    expect(await send()).toEqual({ first: false, second: true });
    // Taken away: closed for the same peer too.
    await applyRules([]);
    expect(await send()).toEqual({ first: false, second: true });
    await router.forwardsInForce([]);
    expect(await send()).toEqual({ first: false, second: false });
    await applyRules(config.forwards);
    await router.forwardsInForce(config.forwards);
    expect(await send()).toEqual({ first: true, second: false });
  });
});

describe("what is taken away", () => {
  it("is put back: the address, the settings, dnsmasq", async () => {
    await lab.gateway.ip("addr del 10.64.0.1/24 dev eth1", "link set eth1 down");
    await lab.gateway.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]);
    const steps = await router.check();
    expect(steps.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["link", "add-address", "sysctl"]));
    expect(await sysctl("net/ipv4/ip_forward")).toBe("1");
    expect(await sysctl("net/ipv4/conf/eth0/accept_redirects")).toBe("0");
    await expect.poll(async () => (await look(lab.phone, "paxgate.pax.internal")).addresses).toEqual(["10.64.0.1"]);
    expect(await router.check()).toEqual([]);

    const first = dnsmasq.pid ?? 0;
    process.kill(first, "SIGKILL");
    await expect.poll(() => router.view().faults.join()).toMatch(/dnsmasq ended: SIGKILL/);
    await expect.poll(() => dnsmasq.running, { timeout: 15_000 }).not.toBeNull();
    expect(dnsmasq.pid).not.toBe(first);
    expect((await look(lab.phone, "paxgate.pax.internal")).addresses).toEqual(["10.64.0.1"]);
    await expect.poll(() => router.view().faults).toEqual([]);
  });

  it("and what cannot be put back is said", async () => {
    await lab.gateway.ip("link set eth0 down");
    await router.check();
    expect(router.view().faults).toEqual(["nothing is connected to the uplink interface eth0"]);
    await lab.gateway.ip("link set eth0 up", "route replace default via 198.51.100.1");
    await router.check();
    await expect.poll(async () => [await router.check(), router.view().faults]).toEqual([[], []]);
  });
});

describe("dnsmasq", () => {
  it("ends with us, even when we are killed", async () => {
    const options = JSON.stringify({
      program: "dnsmasq",
      user: users,
      leaseFile: join(directory, "other/leases"),
      words: lab.phone.inside,
    });
    const text = [
      `import { Dnsmasq } from "./src/drivers/dnsmasq.ts";`,
      `const dnsmasq = new Dnsmasq(${options});`,
      `await dnsmasq.start("interface=lo\\nbind-interfaces\\nport=5399\\nno-resolv\\nlog-facility=-\\n");`,
      "console.log(dnsmasq.pid);",
      "setInterval(() => {}, 1000);",
    ].join("\n");
    const outfile = join(directory, "supervisor.mjs");
    const stdin = { contents: text, resolveDir: process.cwd(), loader: "ts" } as const;
    await build({ stdin, outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" });
    const supervisor = spawn(process.execPath, [outfile], { stdio: ["ignore", "pipe", "inherit"] });
    const [data] = await once(supervisor.stdout, "data");
    // Empty once the process has ended, whoever has heard of it yet.
    const program = () => readFile(`/proc/${Number(String(data))}/cmdline`, "utf8").catch(() => "");
    expect(await program()).toContain("dnsmasq");
    supervisor.kill("SIGKILL");
    await expect.poll(program).toBe("");
  });

  it("that does not start says why", async () => {
    const leaseFile = join(directory, "third/leases");
    const other = new Dnsmasq({ program: "dnsmasq", user: users, leaseFile, words: lab.phone.inside });
    await expect(other.start("no-such-option\n")).rejects.toMatchObject({
      code: "dnsmasq-failed",
      message: expect.stringMatching(/^bad option at line 1/),
    });
    const missing = new Dnsmasq({ program: "no-such-dnsmasq", user: users, leaseFile });
    await expect(missing.start("")).rejects.toMatchObject({ code: "dnsmasq-failed" });
    expect([other.running, missing.running]).toEqual([null, null]);
  });
});

describe("a successor after a crash", () => {
  it("puts back at its end what the first one found, and nothing passes afterwards", async () => {
    // The first one is gone without a word; the kernel has ended its dnsmasq, as it does when the process dies.
    await dnsmasq.stop();
    router = makeRouter();
    await router.start(new AbortController().signal);
    expect(await sysctl("net/ipv4/ip_forward")).toBe("1");
    const began = performance.now();
    await router.stop();
    console.info(`stopped after ${Math.round(performance.now() - began)} ms`);
    expect(performance.now() - began).toBeLessThan(STOP_LIMIT_MS);
    expect(await sysctl("net/ipv4/ip_forward")).toBe("0");
    expect(await sysctl("net/ipv4/conf/eth0/accept_redirects")).toBe("1");
    const interfaces = await new IpInterfaces(lab.gateway.inside).look();
    expect(interfaces.get("eth1")).toEqual({ up: false, carrier: false, addresses: [] });
    expect(dnsmasq.running).toBeNull();

    // Even with the interface as it was, and the rules still there that hold without a supervisor.
    await applyRules(config.forwards, renderClosed);
    await lab.gateway.ip("link set eth1 up", "addr replace 10.64.0.1/24 dev eth1");
    const out = { source: "10.64.0.20", to: "198.51.100.66", port: 9000, payloads: ["after the end"], waitMs: 300 };
    expect((await lab.phone.agent.udp(out)).answers).toBe(0);
    const inward = { source: "198.51.100.66", to: "198.51.100.2", port: 7000, payloads: ["after"], waitMs: 300 };
    expect((await lab.outside.agent.udp(inward)).answers).toBe(0);
    // Nor when somebody else has the kernel forward.
    await lab.gateway.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    expect((await lab.phone.agent.udp(out)).answers).toBe(0);
    expect((await lab.outside.agent.udp(inward)).answers).toBe(0);
    // It is those rules alone that keep them.
    await applyRules(config.forwards);
    expect((await lab.phone.agent.udp(out)).answers).toBe(1);
    expect((await lab.outside.agent.udp(inward)).answers).toBe(1);
  });
});
