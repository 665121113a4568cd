import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { DefaultRoute, MapperMemory, MapperPort, MapRequest, Opened, Refused } from "./port.ts";
import { NatService } from "./service.ts";
import type { ExternalPlace, WantedMapping } from "./types.ts";

const SIP = {
  name: "sip",
  protocol: "udp",
  internalPort: 5060,
  count: 1,
  externalPort: 5060,
  otherPort: true,
} as const;
const RTP = { ...SIP, name: "rtp", internalPort: 10_000, count: 2, externalPort: 10_000, otherPort: false } as const;
const ROUTE: DefaultRoute = { interface: "eth0", gateway: "192.168.1.1", address: "192.168.1.9" };

/** A router that keeps what it is asked to keep. */
class Router implements MapperPort {
  readonly protocol = "upnp";
  readonly mapped = new Map<string, MapRequest>();
  readonly asked: string[] = [];
  address = "81.2.69.2";
  identity = "uuid:ours";
  /** Knows no leases. */
  permanentOnly = false;
  /** Answers nothing, and says so only when it is given up. */
  dead = false;
  hint = () => {};

  async open(memory: MapperMemory): Promise<Opened | Refused> {
    this.asked.push(`open ${memory.identity}`);
    if (this.dead) return { ok: false, why: "no-answer" };
    if (memory.identity !== null && memory.identity !== this.identity) return { ok: false, why: "other-router" };
    return { ok: true, identity: this.identity, address: this.address };
  }
  async map(request: MapRequest, signal: AbortSignal) {
    this.asked.push(`map ${request.externalPort} ${request.leaseS}`);
    if (this.dead) return this.#never(signal, { ok: false, why: "no-answer" } as const);
    if (this.permanentOnly && request.leaseS > 0) return { ok: false, why: "permanent-only" } as const;
    this.mapped.set(`${request.protocol} ${request.externalPort}`, request);
    return { ok: true, externalPort: request.externalPort, leaseS: request.leaseS, address: null } as const;
  }
  async unmap(request: MapRequest, signal: AbortSignal) {
    if (this.dead) return this.#never(signal, false);
    return this.mapped.delete(`${request.protocol} ${request.externalPort}`);
  }
  async check(requests: readonly MapRequest[]) {
    this.asked.push("check");
    if (this.dead) return { ok: false, why: "no-answer" } as const;
    const gone = requests.filter((request) => !this.mapped.has(`${request.protocol} ${request.externalPort}`));
    return { ok: true, address: this.address, gone } as const;
  }
  onLost() {
    return () => undefined;
  }
  onHint(listener: () => void) {
    this.hint = listener;
    return () => undefined;
  }
  close() {}

  #never<T>(signal: AbortSignal, answer: T): Promise<T> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve(answer);
      signal.addEventListener("abort", () => resolve(answer));
    });
  }
}

function rig(wanted: readonly WantedMapping[] = [SIP, RTP]) {
  const clock = new VirtualClock();
  const router = new Router();
  const world = { route: ROUTE as DefaultRoute | null, stun: null as string | null, kept: null as unknown };
  const places: (ExternalPlace | null)[] = [];
  const service = new NatService(
    { protocols: ["upnp"], wanted, leaseSeconds: 600, stunServers: ["stun.example.org"], trunkServers: [] },
    {
      route: { read: async () => world.route },
      mappers: { pcp: router, "nat-pmp": router, upnp: router },
      stun: { ask: async () => world.stun },
      state: {
        read: async () => world.kept,
        write: async (state) => {
          world.kept = JSON.parse(JSON.stringify(state));
        },
      },
    },
    clock,
    silentLog,
  );
  service.on("external", (place) => places.push(place));
  return {
    clock,
    router,
    world,
    places,
    service,
    async start() {
      await service.start(new AbortController().signal);
      await settle();
    },
    /** Lets time pass in steps in which everything that is due comes to its end. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(Math.min(1_000, ms - passed));
        await settle();
      }
    },
  };
}

/** Everything that waits for nothing but promises. */
async function settle() {
  for (let n = 0; n < 30; n++) await turn();
}

describe("the port mapping", () => {
  it("tells the place outside once it is mapped, and takes everything away at the end", async () => {
    const { start, service, router, places } = rig();
    await start();
    expect([...router.mapped.keys()]).toEqual(["udp 5060", "udp 10000", "udp 10001"]);
    expect(places).toEqual([{ address: "81.2.69.2", sipPort: 5060 }]);
    expect(service.external).toEqual({ address: "81.2.69.2", sipPort: 5060 });
    await service.stop();
    await service.stop();
    expect(router.mapped.size).toBe(0);
  });

  it("follows a change of the outside address within half a minute", async () => {
    const { start, pass, router, places, service } = rig();
    await start();
    router.address = "81.2.69.77";
    await pass(31_000);
    expect(places.at(-1)).toEqual({ address: "81.2.69.77", sipPort: 5060 });
    await service.stop();
  });

  it("maps for ever where the router knows no leases, and removes that at the end", async () => {
    const { start, pass, router, service } = rig();
    router.permanentOnly = true;
    await start();
    expect([...router.mapped.values()].map((request) => request.leaseS)).toEqual([0, 0, 0]);
    await pass(1_200_000);
    expect(service.external).not.toBeNull();
    await service.stop();
    expect(router.mapped.size).toBe(0);
  });

  it("maps again what somebody removed, and after a hint at once", async () => {
    const { start, pass, router, service } = rig();
    await start();
    router.mapped.clear();
    await pass(31_000);
    expect(router.mapped.size).toBe(3);
    router.mapped.clear();
    router.hint();
    await pass(6_000);
    expect(router.mapped.size).toBe(3);
    await service.stop();
  });

  it("starts without a router, and stops in time when one dies", async () => {
    const { start, pass, clock, router, service } = rig();
    router.dead = true;
    await start();
    expect(service.view().faults[0]).toContain("does not answer");
    router.dead = false;
    await pass(3_000);
    expect(router.mapped.size).toBe(3);
    router.dead = true;
    const stopped = service.stop();
    await settle();
    clock.advance(2_500);
    await stopped;
    expect(clock.pending).toBe(0);
  });

  it("asks a dead router less and less often", async () => {
    const { start, pass, router, service } = rig();
    router.dead = true;
    await start();
    await pass(600_000);
    expect(router.asked.length).toBeGreaterThan(10);
    expect(router.asked.length).toBeLessThan(20);
    await service.stop();
  });

  it("begins anew when the default route leads elsewhere, and says when there is none", async () => {
    const { start, pass, router, world, places, service } = rig();
    await start();
    router.mapped.clear();
    world.route = { ...ROUTE, address: "192.168.1.10" };
    await pass(6_000);
    expect(router.mapped.size).toBe(3);
    world.route = null;
    await pass(6_000);
    expect(service.view().faults).toEqual(["there is no default route: nothing leads to a router"]);
    expect(places.at(-1)).toBeNull();
    await service.stop();
  });

  it("knows its router again, and another in its place only after ten minutes", async () => {
    const first = rig([SIP]);
    await first.start();
    await first.service.stop();
    expect(first.world.kept).toMatchObject({ router: { gateway: "192.168.1.1", identity: "uuid:ours" } });
    const second = rig([SIP]);
    second.world.kept = first.world.kept;
    second.router.identity = "uuid:other";
    await second.start();
    expect(second.service.view().faults[0]).toContain("another router");
    await second.pass(590_000);
    expect(second.router.mapped.size).toBe(0);
    await second.pass(100_000);
    expect(second.router.mapped.size).toBe(1);
    await second.service.stop();
  });

  it("finds a second router by STUN, and takes its word for our address", async () => {
    const { start, pass, world, places, service } = rig();
    await start();
    world.stun = "81.2.70.1";
    await pass(6_000);
    expect(service.view()).toMatchObject({ doubleNat: true, stunAddress: "81.2.70.1" });
    expect(places.at(-1)).toEqual({ address: "81.2.70.1", sipPort: 5060 });
    await service.stop();
  });
});
