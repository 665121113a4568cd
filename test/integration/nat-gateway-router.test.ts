import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ConfigInput } from "./support/asterisk.ts";
import { GatewayRig } from "./support/gateway-rig.ts";
import { Lab, type LabHost } from "./support/lab.ts";
import { callScenario, registerScenario } from "./support/lab-phone.ts";
import { quick } from "./support/scenes.ts";

/** The whole gateway as the router of a LAN with a telephone. */

const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");
const CLIENT = join(import.meta.dirname, "support/lan-client.py");
const OUTER = "198.51.100.2";
const INNER = "10.64.0.1";

let lab: Lab;
let server: LabHost;
let rig: GatewayRig;

beforeAll(async () => {
  lab = await Lab.create();
  // What the gateway is to bring about is not there yet; and the outside tries it as its way to the LAN.
  await lab.gateway.ip(`addr del ${INNER}/24 dev eth1`, "link set eth1 down");
  await lab.outside.ip(`route replace 10.64.0.0/24 via ${OUTER}`);
  server = await lab.addHost("server", { segment: "lan", number: 21 });
  const forwards = [{ name: "game", protocol: "udp", port: 7000, to: server.address4, toPort: 7001 }];
  const config = {
    lines: [{ name: "tie1" }],
    trunks: [{ name: "t1", server: lab.trunk.address4, username: "4100", password: "given", register: false }],
    accounts: [{ name: "desk" }],
    numberPlan: { fromPax: [{ dial: "4XXX", trunk: "t1" }], toPax: [{ number: "4100", extension: "34" }] },
    pax: { overrides: quick },
    firewall: {},
    sip: { port: 5060, bindAddress: "0.0.0.0" },
    nat: { mode: "router", router: { uplink: "eth0", lan: "eth1", forwards } },
  };
  rig = await GatewayRig.start({
    namespace: lab.gateway.namespace,
    withoutEvent: true,
    config: config as ConfigInput,
    topology: (standard) => ({
      ...standard,
      lines: standard.lines?.map((line) => ({ ...line, reversal: true })) ?? [],
    }),
  });
  await rig.pax.setPhone("34", { autoAnswerMs: 300 });
}, 60_000);

afterAll(async () => {
  await rig?.stop();
  await lab?.remove();
});

async function paxgate(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...words, "-c", rig.configFile]);
  return stdout;
}

async function sipp(name: string, scenario: string, address: string): Promise<void> {
  const file = join(rig.directory, `${name}.xml`);
  await writeFile(file, scenario);
  const places = ["-i", address, "-p", "5070", "-mi", address, "-mp", "20000"];
  const limits = ["-m", "1", "-nostdin", "-timeout", "20s", "-timeout_error"];
  await lab.phone.run(["sipp", `${INNER}:5060`, "-sf", file, ...places, ...limits], { timeoutMs: 25_000 });
}

const fromOutside = (to: string, port: number, text: string) =>
  lab.outside.agent.udp({ source: lab.outside.address4, to, port, payloads: [text], waitMs: 300 });
const fromServer = () =>
  server.agent.udp({ source: server.address4, to: lab.outside.address4, port: 9000, payloads: ["out"], waitMs: 300 });

it("a telephone on the LAN gets its address from us, registers and calls the PAX", async () => {
  await lab.phone.ip("addr flush dev eth0");
  const lease = JSON.parse(await lab.phone.run(["python3", CLIENT, "dhcp", "eth0", "kitchen"]));
  expect(lease).toMatchObject({ mask: "255.255.255.0", router: INNER, dns: INNER });
  await lab.phone.ip(`addr replace ${lease.address}/24 dev eth0`, `route replace default via ${INNER}`);
  const [account] = JSON.parse(await paxgate("accounts", "--json")).accounts;
  await sipp("register", registerScenario(account), lease.address);
  await sipp("call", callScenario("4100", account), lease.address);
  await rig.pax.hangup("34");
  await rig.quiet();
});

it("the LAN gets out, the outside gets in by the forward and by nothing else", async () => {
  await lab.outside.agent.listen("udp", 9000, ["0.0.0.0"], "from outside");
  for (const port of [7000, 7001, 7002]) await server.agent.listen("udp", port, ["0.0.0.0"], "from the LAN");
  expect(await fromServer()).toMatchObject({ answers: 1 });
  expect(await lab.outside.agent.take()).toMatchObject([{ from: OUTER, text: "out" }]);
  expect((await fromOutside(OUTER, 7000, "by the forward")).answers).toBe(1);
  for (const [to, port] of [
    [OUTER, 53],
    [OUTER, 5060],
    [OUTER, 7001],
    [server.address4, 7000],
    [server.address4, 7001],
    [INNER, 53],
    [INNER, 5060],
  ] as const) {
    const text = port === 5060 ? "OPTIONS sip:1@x SIP/2.0\r\n\r\n" : `to ${to} ${port}`;
    expect((await fromOutside(to, port, text)).answers, `${to} ${port}`).toBe(0);
  }
  expect((await server.agent.take()).map(({ text }) => text)).toEqual(["by the forward"]);
  for (const port of [22, 53, 5060, rig.config.asterisk.ariPort, rig.config.asterisk.managerPort]) {
    const to = { source: lab.outside.address4, to: OUTER, port, payloads: [], connectMs: 300 };
    expect((await lab.outside.agent.tcp(to)).connected, `TCP ${port}`).toBe(false);
  }
  const text = await paxgate("nat");
  expect(text).toContain("this machine is the router");
  expect(text).toContain("game: port 7000");
});

it("after a clean stop nothing passes", async () => {
  await rig.stopGateway();
  expect((await lab.gateway.run(["sysctl", "-n", "net.ipv4.ip_forward"])).trim()).toBe("0");
  // Even with the LAN's interface as it was: the stop has put it back to how it was found.
  await lab.gateway.ip("link set eth1 up", `addr replace ${INNER}/24 dev eth1`);
  expect((await fromServer()).answers).toBe(0);
  expect((await fromOutside(OUTER, 7000, "after the stop")).answers).toBe(0);
  expect((await fromOutside(server.address4, 7001, "after the stop")).answers).toBe(0);
  expect((await fromOutside(OUTER, 5060, "OPTIONS sip:1@x SIP/2.0\r\n\r\n")).answers).toBe(0);
});
