import { expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { InterfaceState } from "./router-port.ts";
import { type RouterPorts, RouterService } from "./router-service.ts";

/** A machine with two interfaces whose dnsmasq starts, or says why not. */
function machine() {
  const state = {
    clock: new VirtualClock(),
    interfaces: new Map<string, InterfaceState>([
      ["eth0", { up: true, carrier: true, addresses: ["198.51.100.2/24"] }],
      ["eth1", { up: true, carrier: true, addresses: [] }],
    ]),
    sysctls: new Map([["net/ipv4/ip_forward", "0"]]),
    dhcpRefuses: null as string | null,
    dhcpRuns: null as string | null,
    dhcpStarts: [] as number[],
    kill: (_how: string) => undefined as unknown,
    forgotten: [] as string[],
    note: null as unknown,
  };
  const ports: RouterPorts = {
    interfaces: {
      look: async () => new Map(state.interfaces),
      setUp: async () => undefined,
      addAddress: async (name, address) => {
        const found = state.interfaces.get(name);
        if (found) state.interfaces.set(name, { ...found, addresses: [...found.addresses, address] });
      },
      removeAddress: async (name) => {
        const found = state.interfaces.get(name);
        if (found) state.interfaces.set(name, { ...found, addresses: [] });
      },
    },
    sysctls: {
      read: async () => new Map(state.sysctls),
      write: async (key, value) => {
        state.sysctls.set(key, value);
      },
    },
    dhcp: {
      get running() {
        return state.dhcpRuns;
      },
      start: async (configuration) => {
        state.dhcpStarts.push(state.clock.now());
        if (state.dhcpRefuses !== null) throw new GatewayError("dnsmasq-failed", state.dhcpRefuses);
        state.dhcpRuns = configuration;
      },
      stop: async () => {
        state.dhcpRuns = null;
      },
      onExit: (listener) => {
        state.kill = (how) => {
          state.dhcpRuns = null;
          listener(how);
        };
        return () => undefined;
      },
    },
    conntrack: {
      forget: async ({ protocol, address, port }) => {
        state.forgotten.push(`${protocol} ${address} ${port}`);
        return 1;
      },
    },
    note: {
      read: async () => state.note,
      write: async (note) => {
        state.note = structuredClone(note);
      },
    },
  };
  const config = {
    uplink: "eth0",
    lan: "eth1",
    address: "10.64.0.1/24",
    dhcp: true,
    leaseHours: 12,
    forwards: [{ name: "web", protocol: "tcp" as const, port: 80, to: "10.64.0.20" }],
  };
  const options = { config, sipPort: 5060, leaseFile: "/x", resolvFile: "/y", clock: state.clock, log: silentLog };
  return { state, config, make: () => new RouterService(options, ports) };
}

/** Time goes by in steps, and after each the service has done what was due. */
async function pass(clock: VirtualClock, service: RouterService, ms: number): Promise<void> {
  const until = clock.now() + ms;
  while (clock.now() < until) {
    clock.advance(500);
    await service.check();
  }
}

it("a dnsmasq that keeps failing is tried again at growing intervals, and its words are the fault", async () => {
  const { state, make } = machine();
  state.dhcpRefuses = "port 53 is in use";
  const service = make();
  await service.start(new AbortController().signal);
  await pass(state.clock, service, 20_000);
  expect(state.dhcpStarts).toEqual([0, 1_000, 3_000, 7_000, 15_000]);
  expect(service.view().faults).toEqual(["DHCP and DNS on the LAN: port 53 is in use"]);
  state.dhcpRefuses = null;
  await pass(state.clock, service, 15_000);
  expect(service.view().faults).toEqual([]);
  await service.stop();
  expect(state.clock.pending).toBe(0);
});

it("one that dies after a long time is started again after a short one", async () => {
  const { state, make } = machine();
  const service = make();
  await service.start(new AbortController().signal);
  await pass(state.clock, service, 90_000);
  state.kill("SIGSEGV");
  expect(service.view().faults).toEqual(["DHCP and DNS on the LAN: dnsmasq ended: SIGSEGV"]);
  await pass(state.clock, service, 2_000);
  expect(state.dhcpStarts).toEqual([0, 91_000]);
  await service.stop();
});

it("a stop puts back what was found, also what the one before had found", async () => {
  const { state, make } = machine();
  const killed = make();
  await killed.start(new AbortController().signal);
  expect(state.sysctls.get("net/ipv4/ip_forward")).toBe("1");
  const successor = make();
  await successor.start(new AbortController().signal);
  await successor.stop();
  await successor.stop();
  expect(state.sysctls.get("net/ipv4/ip_forward")).toBe("0");
  expect(state.interfaces.get("eth1")?.addresses).toEqual([]);
  expect(state.dhcpRuns).toBeNull();
});

it("old flows are forgotten for forwards that changed since the last time, over a restart too", async () => {
  const { state, config, make } = machine();
  const service = make();
  await service.start(new AbortController().signal);
  await service.forwardsInForce(config.forwards);
  await service.forwardsInForce(config.forwards);
  expect(state.forgotten).toEqual(["tcp 198.51.100.2 80"]);
  await service.stop();
  const successor = make();
  await successor.start(new AbortController().signal);
  await successor.forwardsInForce(config.forwards);
  expect(state.forgotten).toHaveLength(1);
  await successor.forwardsInForce([]);
  expect(state.forgotten).toHaveLength(2);
  await successor.stop();
});

it("a missing LAN interface is a fault, not a failure, and its coming is noticed", async () => {
  const { state, make } = machine();
  const eth1 = state.interfaces.get("eth1");
  state.interfaces.delete("eth1");
  const service = make();
  await service.start(new AbortController().signal);
  expect(service.view().faults).toEqual(["there is no LAN interface eth1"]);
  expect(state.dhcpStarts).toEqual([]);
  if (eth1) state.interfaces.set("eth1", eth1);
  await pass(state.clock, service, 500);
  expect(service.view().faults).toEqual([]);
  expect(state.dhcpRuns).not.toBeNull();
  await service.stop();
});
