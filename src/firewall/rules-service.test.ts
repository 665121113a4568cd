import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { configSchema } from "../config/schema.ts";
import { ourObjects } from "./layout.ts";
import { literals, noLists, nothingBlocked, policyOf, type RulesState } from "./model.ts";
import type { NftPort } from "./port.ts";
import { RulesService } from "./rules-service.ts";

/** A kernel that takes every script, or none; what it says of the table is what was loaded last. */
class FakeNft implements NftPort {
  readonly scripts: string[] = [];
  fault: GatewayError | null = null;
  loaded: string | null = null;
  /** What somebody else did. */
  foreign = "";
  /** Awaited before each transaction. */
  gate: Promise<void> = Promise.resolve();

  async check(): Promise<void> {
    if (this.fault !== null) throw this.fault;
  }
  async apply(script: string): Promise<void> {
    await this.gate;
    if (this.fault !== null) throw this.fault;
    this.scripts.push(script);
    if (script.includes("flush chain")) {
      this.loaded = script.slice(script.indexOf("flush chain"));
      this.foreign = "";
    }
  }
  async table(): Promise<unknown> {
    if (this.loaded === null) return null;
    const objects = [...ourObjects].map((each) => {
      const [kind = "", name = ""] = each.split(" ");
      return { [kind]: { name, handle: this.scripts.length } };
    });
    return [...objects, { rule: { chain: "guard", handle: 7, expr: this.loaded + this.foreign } }];
  }
  /** What stands in every set. */
  content: unknown[] = [];
  async set(): Promise<unknown> {
    return this.content;
  }
}

function stateOf(mode: "allowlist" | "open"): RulesState {
  const policy = policyOf(configSchema.parse({ lines: [{ name: "one" }], firewall: { mode } }));
  if (policy === null) throw new Error("no policy");
  return {
    policy,
    lists: noLists,
    blocked: nothingBlocked,
    registered: [],
    gateways: [],
    localUids: [],
    serving: true,
  };
}

async function started() {
  const [nft, clock] = [new FakeNft(), new VirtualClock()];
  const service = new RulesService(stateOf("allowlist"), { nft, clock }, silentLog);
  await service.start(new AbortController().signal);
  return { nft, clock, service };
}

const later = async (clock: VirtualClock, service: RulesService) => {
  clock.advance(30_000);
  await service.check();
};

describe("RulesService", () => {
  it("makes one transaction of changes that come while another one is made", async () => {
    const { nft, service } = await started();
    let open = () => {};
    nft.gate = new Promise((resolve) => {
      open = () => resolve();
    });
    const before = nft.scripts.length;
    const changes = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((address) =>
      service.update({ registered: literals([address]) }),
    );
    open();
    await Promise.all(changes);
    expect(nft.scripts.length - before).toBe(1);
    expect(nft.scripts.at(-1)).toContain("registered4 { 192.0.2.3 timeout 600s }");
  });

  it("sends nothing when nothing changed", async () => {
    const { nft, service } = await started();
    const before = nft.scripts.length;
    await service.update({ lists: { ...noLists } });
    expect(nft.scripts.length).toBe(before);
  });

  it("tells a fault, tries again every 30 s, and tells that it is over", async () => {
    const { nft, clock, service } = await started();
    const faults: (string | null)[] = [];
    service.on("fault", (fault) => faults.push(fault));
    nft.fault = new GatewayError("nft-denied", "no right to");
    await expect(service.update({ policy: stateOf("open").policy })).rejects.toMatchObject({ code: "nft-denied" });
    expect(service.fault).toBe("no right to");
    nft.fault = null;
    await later(clock, service);
    expect(faults).toEqual(["no right to", null]);
    expect(nft.loaded).not.toContain("!= @allowed4");
  });

  it("does not start when the kernel takes no rules", async () => {
    const nft = new FakeNft();
    nft.fault = new GatewayError("nft-refused", "no");
    const service = new RulesService(stateOf("open"), { nft, clock: new VirtualClock() }, silentLog);
    await expect(service.start(new AbortController().signal)).rejects.toMatchObject({ code: "nft-refused" });
    await service.stop();
  });

  it("finds by itself what somebody else changed, and puts it right with the bans that are left", async () => {
    const { nft, clock, service } = await started();
    await service.ban("192.0.2.1", 20);
    await service.ban("192.0.2.2", 60);
    const drift = new Promise((resolve) => service.on("drift", (...found) => resolve(found)));
    nft.foreign = "accept";
    nft.loaded = null;
    clock.advance(30_000);
    expect(await drift).toEqual(["the table is gone", true]);
    expect(nft.scripts.at(-1)).toContain("banned4 { 192.0.2.2 timeout 30s }");
    expect(nft.scripts.at(-1)).not.toContain("192.0.2.1 ");
  });

  it("has the bans again when the table was deleted and a change of the rules has made it anew since", async () => {
    const { nft, clock, service } = await started();
    await service.ban("192.0.2.2", 600);
    nft.loaded = null;
    await service.update({ policy: stateOf("open").policy });
    expect(nft.scripts.at(-1)).not.toContain("192.0.2.2");
    // The rules are as they should be; what was deleted with the table is missing.
    nft.content = [{ set: { elem: ["192.0.2.99"] } }];
    const drift = new Promise((resolve) => service.on("drift", (...found) => resolve(found)));
    clock.advance(30_000);
    expect(await drift).toEqual([expect.stringMatching(/^set .* was changed/), true]);
    expect(nft.scripts.at(-1)).toContain("192.0.2.2 timeout 570s");
  });

  it("renews registered phones before the kernel forgets them", async () => {
    const { nft, clock, service } = await started();
    await service.update({ registered: literals(["192.0.2.7"]) });
    const before = nft.scripts.length;
    for (let turn = 0; turn < 11; turn++) await later(clock, service);
    expect(nft.scripts.slice(before).filter((script) => script.includes("192.0.2.7 timeout 600s"))).toHaveLength(1);
  });

  it("keeps a ban that comes while all bans are replaced", async () => {
    const { nft, service } = await started();
    const replaced = service.update({ bans: [{ source: "192.0.2.1", seconds: 60 }] });
    let open = () => {};
    nft.gate = new Promise((resolve) => {
      open = () => resolve();
    });
    await Promise.resolve();
    const banned = service.ban("192.0.2.9", 60);
    open();
    await Promise.all([replaced, banned]);
    expect(nft.scripts.at(-1)).toContain("192.0.2.9");
  });

  it("leaves the rules to a successor, or closes them behind itself; both without a timer left", async () => {
    for (const how of ["leave", "stop"] as const) {
      const { nft, clock, service } = await started();
      const before = nft.scripts.length;
      await service[how]();
      await service[how]();
      expect(nft.scripts.length - before).toBe(how === "leave" ? 0 : 1);
      expect(clock.pending).toBe(0);
    }
  });
});
