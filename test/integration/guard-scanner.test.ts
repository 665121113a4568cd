import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import { ScannerRulesKernel } from "../../src/drivers/scanner-rules.ts";
import type { ScannerRules } from "../../src/firewall/port.ts";
import { patternsOf } from "../../src/firewall/scanner.ts";
import { FIRST_TIER } from "../../src/firewall/scanner-tokens.ts";

const GATEWAY = `pgs${process.pid}g`;
const OUTSIDE = `pgs${process.pid}o`;
const MARK = 0x5058_0000;
const kernel = new ScannerRulesKernel(["ip", "netns", "exec", GATEWAY]);

const RULES: ScannerRules = {
  mark: MARK,
  sipPort: 5060,
  tcp: true,
  tokens: FIRST_TIER.map(({ token }) => token),
  patterns: Object.fromEntries(FIRST_TIER.map((token) => [token.token, patternsOf(token)])),
};

/** Receives on UDP and TCP 5060 and tells the first line and the User-Agent of everything. */
const RECEIVER = `
  const tell = (how) => (data) => {
    const agent = /user-agent: *([^\\r\\n]*)/i.exec(String(data));
    console.log(how + " " + (agent ? agent[1] : "none"));
  };
  const udp = require("dgram").createSocket({ type: "udp6" });
  udp.on("message", tell("udp"));
  const tcp = require("net").createServer((socket) => socket.on("data", tell("tcp")).on("error", () => {}));
  udp.bind(5060, "::", () => tcp.listen(5060, "::", () => console.log("ready")));
`;

const SENDER = `
  const [protocol, address, port, text] = process.argv.slice(1);
  if (protocol === "udp") {
    const socket = require("dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.send(text, Number(port), address, () => socket.close());
  } else {
    const socket = require("net").connect(Number(port), address, () => socket.write(text, () => process.exit(0)));
  }
`;

let receiver: ChildProcess;
const received: string[] = [];
let arrived: (() => void) | undefined;

function inside(namespace: string, ...command: string[]): string {
  return execFileSync("ip", ["netns", "exec", namespace, ...command], { encoding: "utf8", stdio: "pipe" });
}

function send(agent: string, { protocol = "udp", address = "10.99.7.1", port = 5060 } = {}): void {
  const lines = ["OPTIONS sip:100@10.99.7.1 SIP/2.0", "Call-ID: 1@2", `User-Agent: ${agent}`, "Content-Length: 0"];
  inside(OUTSIDE, process.execPath, "-e", SENDER, protocol, address, String(port), `${lines.join("\r\n")}\r\n\r\n`);
}

/** What has arrived by the time that something harmless, sent after it, has. */
async function arrivals(address = "10.99.7.1"): Promise<string[]> {
  const marker = `marker-${process.hrtime.bigint()}`;
  send(marker, { address });
  const waiting = async () => {
    while (!received.includes(`udp ${marker}`)) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
  };
  await within(5_000, waiting(), "the last packet did not arrive");
  return received.splice(0).filter((line) => !line.includes("marker-"));
}

function iptables(family = "iptables-nft"): string {
  // Without the lines that carry the time, and without counters.
  return inside(GATEWAY, `${family}-save`, "-t", "mangle")
    .replace(/^#.*\n/gm, "")
    .replace(/\[\d+:\d+\]/g, "");
}

beforeAll(async () => {
  for (const namespace of [GATEWAY, OUTSIDE]) execFileSync("ip", ["netns", "add", namespace]);
  execFileSync("ip", ["link", "add", "eth0", "netns", GATEWAY, "type", "veth", "peer", "eth0", "netns", OUTSIDE]);
  for (const [namespace, host] of [
    [GATEWAY, 1],
    [OUTSIDE, 2],
  ] as const) {
    inside(namespace, "ip", "link", "set", "lo", "up");
    inside(namespace, "ip", "address", "add", `10.99.7.${host}/24`, "dev", "eth0");
    inside(namespace, "ip", "address", "add", `fd99:7::${host}/64`, "dev", "eth0", "nodad");
    inside(namespace, "ip", "link", "set", "eth0", "up");
  }
  // Stands for what our own table does with strangers: everybody but one trusted source is marked, before mangle.
  const table = `table inet marking {
    chain c {
      type filter hook prerouting priority raw;
      ip saddr != 10.99.7.9 meta l4proto { udp, tcp } th dport { 5060, 5061 } meta mark set ${MARK}
      ip6 saddr fd99:7::/64 meta l4proto { udp, tcp } th dport 5060 meta mark set ${MARK}
    }
  }
`;
  execFileSync("ip", ["netns", "exec", GATEWAY, "nft", "-f", "-"], { input: table });
  inside(GATEWAY, "iptables-nft", "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", "99", "-j", "ACCEPT");
  inside(GATEWAY, "iptables-nft", "-t", "mangle", "-N", "SOMEBODY");
  receiver = spawn("ip", ["netns", "exec", GATEWAY, process.execPath, "-e", RECEIVER], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (receiver.stdout === null) throw new Error("no output of the receiver");
  const lines = createInterface({ input: receiver.stdout });
  await within(10_000, once(lines, "line"), "the receiver did not start");
  lines.on("line", (line) => {
    received.push(line);
    arrived?.();
  });
});

afterAll(() => {
  receiver?.kill("SIGKILL");
  for (const namespace of [GATEWAY, OUTSIDE]) spawnSync("ip", ["netns", "del", namespace]);
});

beforeEach(async () => {
  await kernel.apply(null);
  received.length = 0;
});

describe("the scanner filter in the kernel", () => {
  it("stops svmap, which is answered by nobody and counted, and lets others through", async () => {
    const scan = () =>
      spawnSync("ip", ["netns", "exec", OUTSIDE, "svmap", "10.99.7.1"], { encoding: "utf8", timeout: 20_000 });
    scan();
    expect(await arrivals()).toContain("udp friendly-scanner");
    await kernel.apply(RULES);
    scan();
    send("MicroSIP/3.21.3");
    expect(await arrivals()).toEqual(["udp MicroSIP/3.21.3"]);
    expect((await kernel.counters()).get("friendly-scanner")).toBeGreaterThan(0);
  });

  it.each(FIRST_TIER.map(({ token }) => token))("drops %s in any case of letters", async (token) => {
    await kernel.apply(RULES);
    send(`${token.toUpperCase()}/1.0`);
    expect(await arrivals()).toEqual([]);
    expect((await kernel.counters()).get(token)).toBe(1);
  });

  it("works over TCP and IPv6", async () => {
    await kernel.apply(RULES);
    send("sipcli/v1.8", { address: "fd99:7::1" });
    send("sipvicious", { protocol: "tcp", address: "fd99:7::1" });
    send("sipsak 0.9", { protocol: "tcp" });
    send("Linphone", { protocol: "tcp" });
    const all = [...(await arrivals("fd99:7::1")), ...(await arrivals())];
    expect(all).toEqual(["tcp Linphone"]);
    const counters = await kernel.counters();
    for (const token of ["sipcli", "sipvicious", "sipsak"]) expect(counters.get(token)).toBeGreaterThan(0);
  });

  it("looks at no packet without the mark", async () => {
    await kernel.apply(RULES);
    inside(OUTSIDE, "ip", "address", "add", "10.99.7.9/24", "dev", "eth0");
    inside(OUTSIDE, "ip", "route", "replace", "10.99.7.1/32", "dev", "eth0", "src", "10.99.7.9");
    try {
      send("friendly-scanner");
      expect(await arrivals()).toEqual(["udp friendly-scanner"]);
    } finally {
      inside(OUTSIDE, "ip", "route", "del", "10.99.7.1/32");
      inside(OUTSIDE, "ip", "address", "del", "10.99.7.9/24", "dev", "eth0");
    }
  });

  it("is put in place once however often it is asked for, and its counters go on", async () => {
    await kernel.apply(RULES);
    const once = iptables();
    send("smap 0.6.0");
    await arrivals();
    await kernel.apply(RULES);
    await new ScannerRulesKernel(["ip", "netns", "exec", GATEWAY]).apply(RULES);
    expect(iptables()).toBe(once);
    expect((await kernel.counters()).get("smap")).toBe(1);
  });

  it("mends what somebody took away or doubled", async () => {
    await kernel.apply(RULES);
    const whole = iptables();
    inside(GATEWAY, "iptables-nft", "-t", "mangle", "-D", "PAXGATE-AGENTS", "1");
    await kernel.apply(RULES);
    expect(iptables()).toBe(whole);
    inside(GATEWAY, "iptables-nft", "-t", "mangle", "-A", "PREROUTING", "-j", "PAXGATE-SCANNER");
    await kernel.apply(RULES);
    expect(iptables()).toBe(whole);
    inside(GATEWAY, "iptables-nft", "-t", "mangle", "-F", "PREROUTING");
    await kernel.apply(RULES);
    expect(iptables()).toContain("-j PAXGATE-SCANNER");
  });

  it("goes away and leaves everybody else's rules as they were", async () => {
    inside(GATEWAY, "iptables-nft", "-t", "mangle", "-F", "PREROUTING");
    inside(GATEWAY, "iptables-nft", "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", "99", "-j", "ACCEPT");
    const before = [iptables(), inside(GATEWAY, "nft", "-s", "list", "ruleset")];
    await kernel.apply(RULES);
    await kernel.apply({ ...RULES, sipPort: 5061, tokens: ["friendly-scanner"] });
    expect(iptables()).toContain("--dport 5061");
    expect(iptables()).not.toContain("smap");
    await kernel.apply(null);
    expect([iptables(), inside(GATEWAY, "nft", "-s", "list", "ruleset")]).toEqual(before);
  });

  it("refuses a text that could leave its place, and changes nothing then", async () => {
    await kernel.apply(RULES);
    const before = iptables();
    const hostile = { ...RULES, tokens: ['x" -j ACCEPT\nCOMMIT\n*filter'], patterns: {} };
    await expect(kernel.apply(hostile)).rejects.toMatchObject({ code: "scanner-token" });
    expect(iptables()).toBe(before);
  });

  it.each([
    [
      "a rule",
      "chain PREROUTING { type filter hook prerouting priority mangle\n meta mark set ip saddr map { 10.0.0.1 : 1 }\n }",
    ],
    ["a chain", "chain PREROUTING { type filter hook prerouting priority -140\n }"],
  ])("stays away when %s in its table is none of iptables'", async (_, chain) => {
    inside(GATEWAY, "nft", "add", "table", "ip", "mangle");
    inside(GATEWAY, "nft", "delete", "table", "ip", "mangle");
    execFileSync("ip", ["netns", "exec", GATEWAY, "nft", "-f", "-"], { input: `table ip mangle {\n ${chain}\n}\n` });
    try {
      const before = inside(GATEWAY, "nft", "-s", "list", "table", "ip", "mangle");
      await expect(kernel.apply(RULES)).rejects.toMatchObject({ code: "scanner-refused" });
      expect(inside(GATEWAY, "nft", "-s", "list", "table", "ip", "mangle")).toBe(before);
    } finally {
      inside(GATEWAY, "nft", "delete", "table", "ip", "mangle");
    }
  });

  it("says that the tool is missing", async () => {
    const without = new ScannerRulesKernel(["/no/such/program"]);
    await expect(without.apply(RULES)).rejects.toMatchObject({ code: "scanner-missing" });
  });
});
