import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatNetwork } from "../base/ip.ts";
import { silentLog } from "../base/log.ts";
import { NamesService } from "./names-service.ts";
import type { NameAnswer, NamesPort, StatePort } from "./port.ts";
import type { FirewallPolicy, ResolvedLists } from "./types.ts";

class MemoryState implements StatePort {
  stored: string | null = null;
  async read(): Promise<unknown> {
    return this.stored === null ? null : JSON.parse(this.stored);
  }
  async write(state: unknown): Promise<void> {
    this.stored = JSON.stringify(state);
  }
}

/** DNS with one answer for each name; a name without one never answers, null is a failure. */
class Zone implements NamesPort {
  readonly asked: string[] = [];
  records: Record<string, readonly string[] | null> = {};
  async lookUp(name: string): Promise<NameAnswer> {
    this.asked.push(name);
    const addresses = this.records[name];
    if (addresses === undefined) return new Promise(() => undefined);
    if (addresses === null) throw new Error("no answer");
    return { addresses, ttlS: 300 };
  }
}

const policyOf = (lists: Partial<FirewallPolicy["lists"]>, from: readonly string[] = []): FirewallPolicy => ({
  protect: "host",
  mode: "allowlist",
  sip: { port: 5060, tcp: false },
  rtp: { from: 10_000, to: 10_999 },
  localPorts: [],
  lists: { trunks: [], operators: [], allowed: [], management: [], ...lists },
  managementPorts: [22],
  allow: from.length === 0 ? [] : [{ port: 123, protocol: "udp", from: [...from] }],
  limits: {
    requestBurst: 4,
    requestsPerHour: 12,
    limitedMinutes: 10,
    failures: 3,
    failureHours: 24,
    banMinutes: [10],
    trustedInvitesPerSecond: 5,
    trustedInviteBurst: 20,
  },
  scanner: { enabled: false, strict: false, tokens: [] },
  router: null,
  asksRouter: false,
});

const texts = ({ trunks, operators, allowed, management, allow }: ResolvedLists): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries({ trunks, operators, allowed, management, allow: allow.flat() }).map(([name, list]) => [
      name,
      list.map((network) => formatNetwork(network)),
    ]),
  );

let zone: Zone;
let state: MemoryState;
let services: NamesService[];

beforeEach(() => {
  vi.useFakeTimers();
  zone = new Zone();
  state = new MemoryState();
  services = [];
});

afterEach(async () => {
  for (const service of services) await service.stop();
  vi.useRealTimers();
});

function made(policy: FirewallPolicy): NamesService {
  const service = new NamesService(policy, { names: zone, state }, silentLog);
  services.push(service);
  return service;
}

const started = (service: NamesService) => service.start(new AbortController().signal);

describe("the names of a policy", () => {
  it("are resolved in every list beside addresses and networks, whatever their letters' case", async () => {
    zone.records = { "pbx.example": ["45.0.0.1", "2a01:4f8::1"], "ntp.example": ["45.0.0.9"] };
    const service = made(
      policyOf({ trunks: ["PBX.example", "198.51.100.10"], management: ["192.168.1.0/24", "pbx.example"] }, [
        "ntp.example",
      ]),
    );
    await started(service);
    expect(texts(service.resolve())).toEqual({
      trunks: ["45.0.0.1", "2a01:4f8::1", "198.51.100.10"],
      operators: [],
      allowed: [],
      management: ["192.168.1.0/24", "45.0.0.1", "2a01:4f8::1"],
      allow: ["45.0.0.9"],
    });
    expect(zone.asked).toEqual(["pbx.example", "ntp.example"]);
  });

  it("hold up the start for two seconds at most", async () => {
    const service = made(policyOf({ trunks: ["silent.example"] }));
    let done = false;
    const start = started(service).then(() => {
      done = true;
    });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await start;
    expect(texts(service.resolve())["trunks"]).toEqual([]);
  });

  it("do not hold it up at all when their addresses were stored", async () => {
    zone.records = { "pbx.example": ["45.0.0.1"] };
    const first = made(policyOf({ trunks: ["pbx.example"] }));
    await started(first);
    await first.stop();
    zone.records = {};
    const second = made(policyOf({ trunks: ["pbx.example"] }));
    await started(second);
    expect(texts(second.resolve())["trunks"]).toEqual(["45.0.0.1"]);
  });

  it("tell of a change when their time to live is over, and keep what they have over failures", async () => {
    zone.records = { "pbx.example": ["45.0.0.1"] };
    const service = made(policyOf({ trunks: ["pbx.example"] }));
    await started(service);
    let changes = 0;
    service.on("changed", () => {
      changes++;
    });
    zone.records = { "pbx.example": null };
    await vi.advanceTimersByTimeAsync(300_000);
    expect(zone.asked).toHaveLength(2);
    expect([changes, service.view()]).toEqual([
      0,
      [{ name: "pbx.example", addresses: ["45.0.0.1"], fault: "no answer" }],
    ]);
    zone.records = { "pbx.example": ["45.0.0.2"] };
    await vi.advanceTimersByTimeAsync(15_000);
    expect([changes, texts(service.resolve())["trunks"]]).toEqual([1, ["45.0.0.2", "45.0.0.1"]]);
    await service.stop();
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(zone.asked).toHaveLength(3);
  });

  it("of another policy are looked up when it comes", async () => {
    zone.records = { "pbx.example": ["45.0.0.1"] };
    const service = made(policyOf({}));
    await started(service);
    const policy = policyOf({ operators: ["pbx.example"] });
    const changed = new Promise<void>((resolve) => service.on("changed", resolve));
    service.setPolicy(policy);
    await changed;
    expect(texts(service.resolve(policy))["operators"]).toEqual(["45.0.0.1"]);
    expect(vi.getTimerCount()).toBe(1);
  });
});
