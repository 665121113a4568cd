import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { GuardedGateway, MANAGEMENT_PORT, PROGRAM, paxgate, type Section } from "./support/guarded-gateway.ts";
import { Lab, type LabHost } from "./support/lab.ts";

/** The guard's commands: rules for other times, the demonstration, and what is said where nothing runs. */

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
let lab: Lab;
beforeAll(async () => {
  place = await temporaryDirectory();
  lab = await Lab.create();
}, 20_000);
afterAll(async () => {
  await lab?.remove();
  await place?.remove();
});

const configuration = `lines: [{ name: one }]
trunks: [{ name: t1, server: 198.51.100.10, username: "4100", password: x }]
firewall:
  lists: { eventNetwork: [198.51.100.42, sip.example.org] }
  managementPorts: [${MANAGEMENT_PORT}]
paths: { state: state, runtime: run }
`;

async function configFile(): Promise<string> {
  const file = join(place.path, "paxgate.yaml");
  await writeFile(file, configuration);
  return file;
}

describe("the rules that a command prints", () => {
  /** Whether TCP from this host gets through; a listener is there. */
  const connects = async (from: LabHost, to: string, port: number) =>
    (await from.agent.tcp({ source: from.address4, to, port, payloads: [] })).connected;
  /** Whether a SIP request from this host is heard. */
  const heard = async (from: LabHost, to: string) => {
    await lab.gateway.agent.take();
    await from.agent.udp({ source: from.address4, to, port: 5060, payloads: ["REGISTER sip:x SIP/2.0\r\n\r\n"] });
    return lab.gateway.agent.waitFor("REGISTER sip:x", 1_000);
  };

  beforeAll(async () => {
    for (const port of [MANAGEMENT_PORT, 80]) await lab.gateway.agent.listen("tcp", port);
    await lab.gateway.agent.listen("udp", 5060);
  });
  afterEach(async () => {
    await lab.gateway.run(["nft", "delete", "table", "inet", "paxgate"]);
  });

  it("for the time without a gateway let management in from private networks, and nothing else", async () => {
    const { status, stdout } = await paxgate(["firewall", "static", "-c", await configFile()]);
    expect(status).toBe(0);
    const { phone, outside, event, trunk, gateway } = lab;
    expect(await connects(outside, gateway.address4, MANAGEMENT_PORT)).toBe(true);
    // Loaded twice, as at a boot after another: the second takes the place of the first.
    for (const _ of [1, 2]) await gateway.run(["nft", "-f", "-"], { input: stdout });
    expect(await connects(phone, "10.64.0.1", MANAGEMENT_PORT)).toBe(true);
    expect(await connects(outside, gateway.address4, MANAGEMENT_PORT)).toBe(false);
    expect(await connects(phone, "10.64.0.1", 80)).toBe(false);
    for (const host of [phone, outside, event, trunk]) {
      expect(await heard(host, host === phone ? "10.64.0.1" : gateway.address4)).toBe(false);
    }
    // The machine itself goes on.
    expect(await connects(gateway, "127.0.0.1", 80)).toBe(true);
  }, 20_000);

  it("for a configuration are those that a gateway has: trunks and the event get through, others do not", async () => {
    const { status, stdout } = await paxgate(["firewall", "render", "-c", await configFile()]);
    expect(status).toBe(0);
    expect(stdout).toContain("# Not looked up here: sip.example.org");
    await lab.gateway.run(["nft", "-f", "-"], { input: stdout });
    const { phone, outside, event, trunk, gateway } = lab;
    expect(await heard(trunk, gateway.address4)).toBe(true);
    expect(await heard(event, gateway.address4)).toBe(true);
    expect(await heard(outside, gateway.address4)).toBe(false);
    expect(await connects(phone, "10.64.0.1", MANAGEMENT_PORT)).toBe(true);
    expect(await connects(outside, gateway.address4, MANAGEMENT_PORT)).toBe(false);
  }, 20_000);
});

describe("where no gateway runs", () => {
  it.each([["status"], ["confirm"], ["bans"], ["refresh"], ["explain", "203.0.113.1"], ["ban", "203.0.113.1"]])(
    "firewall %s says so",
    async (...words) => {
      const { status, stdout, stderr } = await paxgate(["firewall", ...words, "-c", await configFile()]);
      expect(stderr).toContain(`no gateway runs with ${join(place.path, "run")}`);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    },
  );

  it("nat says so", async () => {
    const { status, stderr } = await paxgate(["nat", "-c", await configFile()]);
    expect(stderr).toContain("no gateway runs");
    expect(status).toBe(1);
  });
});

describe("whoever reads what a command prints", () => {
  it("may stop reading, as head does: that is no failure", async () => {
    const command = spawn(process.execPath, [PROGRAM, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    command.stdout.destroy();
    let said = "";
    command.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [status] = await within(10_000, once(command, "close"), "the command does not end");
    expect({ status, said }).toEqual({ status: 0, said: "" });
  });
});

describe("a gateway that runs", () => {
  let gateway: GuardedGateway;
  let dns: ChildProcess;
  beforeAll(async () => {
    const resolver = join(place.path, "resolv.conf");
    await writeFile(resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    const bind = `mount --bind ${resolver} /etc/resolv.conf && exec "$@"`;
    gateway = await GuardedGateway.create(
      { lists: { eventNetwork: ["phones.lab.example"], management: ["10.64.0.0/24"] } },
      { stopped: true, through: ["unshare", "--mount", "sh", "-c", bind, "sh"] },
    );
    dns = gateway.lab.gateway.spawn([
      ...[
        "dnsmasq",
        "--no-daemon",
        "--log-facility=-",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--port=53",
        "--user=root",
      ],
      ...["--listen-address=127.0.0.1", "--bind-interfaces", "--host-record=phones.lab.example,198.51.100.42,60"],
    ]);
    const started = new Promise<void>((resolve) => {
      dns.stderr?.on("data", (chunk) => {
        if (String(chunk).includes("started")) resolve();
      });
    });
    await within(5_000, started, "dnsmasq did not start");
    await gateway.rig.startGateway();
  }, 40_000);
  afterAll(() => gateway?.remove());

  it("answers every command in JSON, and in words", async () => {
    for (const words of [
      ["firewall", "status"],
      ["firewall", "bans"],
      ["firewall", "refresh"],
      ["firewall", "explain", "203.0.113.1"],
      ["firewall", "ban", "203.0.113.1"],
      ["firewall", "release", "203.0.113.1"],
      ["nat"],
      ["lines"],
    ]) {
      const { status, stdout, stderr } = await gateway.command(...words, "--json");
      expect(() => JSON.parse(stdout), `${words.join(" ")}: ${stdout}${stderr}`).not.toThrow();
      expect(status, `${words.join(" ")}: ${stdout}${stderr}`).toBe(0);
    }
    expect((await gateway.command("firewall")).stdout).toMatch(
      /^protects the host, mode allowlist, rules of \d+ s ago\n/,
    );
    expect((await gateway.command("nat")).stdout).toMatch(/^nothing is asked of a router \(nat\.mode: none\)\n/);
    const { stdout } = await gateway.command("firewall", "explain", "203.0.113.1");
    expect(stdout).toBe("203.0.113.1: SIP is dropped: on no list\n");
  }, 30_000);

  it("keeps a name's last addresses over a restart, though nobody knows the name any more, and tells it", async () => {
    const let42in = async () =>
      (await gateway.command("firewall", "explain", "198.51.100.42")).stdout.includes(
        "allowed by firewall.lists.eventNetwork or an account's networks: phones.lab",
      );
    expect(await let42in()).toBe(true);
    await gateway.rig.stopGateway();
    const gone = once(dns, "exit");
    dns.kill();
    await gone;
    await gateway.rig.startGateway();
    expect(await let42in()).toBe(true);
    const view = await gateway.untilGuard(({ faults }) =>
      faults.some((fault) => fault.startsWith("phones.lab.example")),
    );
    expect(view.names).toEqual([
      { name: "phones.lab.example", addresses: ["198.51.100.42"], fault: expect.any(String) },
    ]);
    expect((await gateway.rig.status()).alerts).toEqual([expect.stringMatching(/^phones\.lab\.example: /)]);
    expect((await gateway.rig.status()).ready).toBe(true);
  }, 40_000);

  it("goes on with its calls when port forwarding does not come up, and tells it", async () => {
    await gateway.edit((config) => {
      config["nat"] = {
        mode: "router",
        router: { uplink: "eth7", lan: "eth8", address: "10.99.0.1/24" },
      } satisfies Section;
    });
    await gateway.reload();
    expect((await gateway.rig.status()).ready).toBe(true);
    const { status, stdout } = await gateway.command("nat");
    expect(stdout).toMatch(/^this machine is the router\n/);
    expect(stdout).toMatch(/FAULT: .*eth[78]/);
    expect(status).toBe(1);
    expect((await gateway.rig.status()).alerts).toContainEqual(expect.stringMatching(/eth[78]/));
  }, 30_000);
});

describe("the demonstration, as root", () => {
  it("guards its own ports, calls go through, and nothing of its rules is left at the end", async () => {
    const state = join(place.path, "demonstration");
    const env = { PAXGATE_STATE_DIR: state };
    const start = lab.gateway.spawn([process.execPath, PROGRAM, "start"], env);
    let screen = "";
    const ready = new Promise<void>((resolve, reject) => {
      for (const stream of [start.stdout, start.stderr]) {
        stream?.on("data", (chunk) => {
          screen += String(chunk);
          if (screen.includes("Ctrl-C stops everything.")) resolve();
        });
      }
      start.once("exit", () => reject(new Error(`start has ended:\n${screen}`)));
    });
    await within(45_000, ready, `start was not ready: ${screen}`);
    expect(screen).toContain("Firewall   guards the gateway's own ports: see paxgate firewall");
    const file = join(state, "paxgate.yaml");
    const status = await paxgate(["firewall", "-c", file]);
    expect(status.stdout).toMatch(/^protects the gateway, mode allowlist, rules of/);
    expect(status.status).toBe(0);
    const call = await paxgate(["dial", "-c", file, "--from", "21", "94123"], lab.gateway, env);
    expect(call.status, call.stdout + call.stderr).toBe(0);
    // A stranger of the same network: no answer.
    const { outside, gateway } = lab;
    const request = "OPTIONS sip:100@198.51.100.2 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.66;rport\r\n\r\n";
    const asked = { source: outside.address4, to: gateway.address4, port: 5070, payloads: [request], waitMs: 500 };
    expect((await outside.agent.udp(asked)).answers).toBe(0);
    const gone = once(start, "exit");
    start.kill("SIGINT");
    expect(await within(20_000, gone, "start did not end")).toEqual([0, null]);
    expect(await lab.gateway.run(["nft", "list", "ruleset"])).not.toContain("paxgate");
  }, 90_000);
});
