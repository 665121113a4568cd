import { mkdir, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import { Lab } from "./support/lab.ts";

/** Names that strangers write into packets, and the one that the configuration has, where no name server answers. */

const PORT = 5060;
let lab: Lab;
let rig: GatewayRig;
let files: string;

beforeAll(async () => {
  lab = await Lab.create();
  // `ip netns exec` puts these into the place of the machine's own.
  files = `/etc/netns/${lab.gateway.namespace}`;
  await mkdir(files, { recursive: true });
  await writeFile(`${files}/resolv.conf`, "nameserver 198.51.100.250\n");
  await writeFile(`${files}/hosts`, `${lab.trunk.address4} trunk.example\n`);
  rig = await GatewayRig.start({
    namespace: lab.gateway.namespace,
    withoutEvent: true,
    config: {
      firewall: { lists: { eventNetwork: ["10.42.0.0/16"] } },
      trunks: [{ name: "t1", server: "trunk.example", username: "4100", password: "x", register: false }],
      sip: { port: PORT, bindAddress: "0.0.0.0" },
    } as object,
  });
}, 60_000);
afterAll(async () => {
  await rig?.stop();
  await lab?.remove();
  if (files !== undefined) await rm(files, { recursive: true, force: true });
});

const request = (method: string, via: string, from: string, serial: number) =>
  [
    `${method} sip:${lab.gateway.address4} SIP/2.0`,
    `Via: SIP/2.0/UDP ${via};branch=z9hG4bK-${method}-${serial}`,
    "Max-Forwards: 70",
    `From: <sip:1000@${from}>;tag=t${serial}`,
    `To: <sip:1000@${lab.gateway.address4}>`,
    `Call-ID: ${method}-${serial}@${from}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:1000@${from}>`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");

describe("a guarded Asterisk", () => {
  it("knows the trunk by the name that the gateway looked up", async () => {
    await expect.poll(() => rig.asterisk("sip show peer trunk-t1")).toMatch(/Addr->IP +: 198\.51\.100\.10:5060/);
  });

  it.each([
    ["nobody.example:5060", "10.42.0.1"],
    ["10.42.0.2:5060;maddr=nobody.example", "10.42.0.2"],
  ])("asks no name server about a packet's Via %s: the next packet does not wait", async (via, source) => {
    const payloads = [via, via, `${source}:5060`].map((text, at) => request("REGISTER", `${text};rport`, source, at));
    // One second of silence is the end of the wait; name servers that don't answer are waited for longer than that.
    const sending = { source, sourcePort: 5060, to: lab.gateway.address4, port: PORT, payloads, waitMs: 1_000 };
    expect((await lab.event.agent.udp(sending)).answers).toBe(3);
  });
});
