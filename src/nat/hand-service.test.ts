import { expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { type HandPorts, HandService } from "./hand-service.ts";

function made(externalAddress: string | null, over: Partial<HandPorts> = {}) {
  const clock = new VirtualClock();
  const ports: HandPorts = {
    stun: { ask: async () => "8.8.8.8" },
    arrivals: { fromOutside: async () => 7 },
    route: { read: async () => ({ interface: "eth0", gateway: "192.168.1.1", address: "192.168.1.9" }) },
    names: { lookUp: async () => ({ addresses: ["2001:db8::1", "8.8.8.8"] }) },
    ...over,
  };
  const config = {
    externalAddress,
    sipPort: 5060,
    tcp: false,
    rtp: { from: 10_000, to: 10_199 },
    localNetworks: [],
    trunkAddresses: [],
  };
  const options = { config, stunServers: ["stun.example.org"], clock, log: silentLog };
  return { clock, service: new HandService(options, ports) };
}

it("says how the world sees us, and what has to be set at the router", async () => {
  const { service } = made("home.example");
  await service.check();
  expect(service.view()).toEqual({
    mode: "none",
    protocol: null,
    router: null,
    external: { address: "8.8.8.8", sipPort: 5060 },
    stunAddress: "8.8.8.8",
    doubleNat: false,
    mappings: [],
    advice: expect.stringMatching(/^static forwarding of UDP port 5060 and UDP ports 10000 to 10199 to 192\.168\.1\.9/),
    faults: [],
  });
  await service.stop();
});

it("says so too when nobody tells how the world sees us, but not with a public address of our own", async () => {
  const behind = made(null, { stun: { ask: async () => null } }).service;
  await behind.check();
  expect(behind.view().advice).toContain("to 192.168.1.9");
  await behind.stop();
  const route = { read: async () => ({ interface: "eth0", gateway: "8.8.8.1", address: "8.8.8.8" }) };
  const before = made(null, { route }).service;
  await before.check();
  expect(before.view()).not.toHaveProperty("advice");
  await before.stop();
});

it("looks again, and counts what has arrived since it began", async () => {
  let count = 100;
  const { clock, service } = made("8.8.8.8", { arrivals: { fromOutside: async () => count } });
  await service.start(new AbortController().signal);
  await service.check();
  clock.advance(600_000);
  await service.check();
  expect(service.view().faults).toEqual([]);
  clock.advance(600_000);
  await service.check();
  expect(service.view().faults.join()).toMatch(/nothing from outside .* in 20 minutes/);
  count++;
  clock.advance(600_000);
  await service.check();
  expect(service.view().faults).toEqual([]);
  await service.stop();
  expect(clock.pending).toBe(0);
});

it("a name that cannot be looked up any more keeps what it meant", async () => {
  let works = true;
  const lookUp = async () => {
    if (works) return { addresses: ["8.8.8.8"] };
    throw new Error("no answer");
  };
  const { service } = made("home.example", { names: { lookUp } });
  await service.check();
  works = false;
  await service.check();
  expect(service.view().external?.address).toBe("8.8.8.8");
  await service.stop();
});

it("a stop does not wait for servers that do not answer, and what they answer is checked", async () => {
  const ask = (_server: string, _from: string, signal: AbortSignal) =>
    new Promise<string>((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
  const silent = made("8.8.8.8", { stun: { ask } });
  await silent.service.start(new AbortController().signal);
  await silent.service.stop();
  expect(silent.clock.pending).toBe(0);

  const lying = made("8.8.8.8", { stun: { ask: async () => "8.8.8.8\nfault" } });
  await lying.service.check();
  expect(lying.service.view().faults).toEqual(["STUN server stun.example.org: it does not tell our address"]);
  await lying.service.stop();
});
