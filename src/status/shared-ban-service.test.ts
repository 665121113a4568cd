import { describe, expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { parseNetwork } from "../base/ip.ts";
import { silentLog } from "../base/log.ts";
import type { IncomingMessage } from "./port.ts";
import { type OwnBan, type SharedBanGuard, type SharedBanOptions, SharedBanService } from "./shared-ban-service.ts";

const NOW = Date.UTC(2026, 6, 17, 12);

/** A broker that keeps nothing, shared by several gateways. */
class Air {
  readonly #emitter = new TypedEmitter<{ message: [message: IncomingMessage] }>();
  readonly sent: { topic: string; payload: string; retain: boolean }[] = [];
  link() {
    return {
      subscribe: () => undefined,
      onMessage: (listener: (message: IncomingMessage) => void) => this.#emitter.on("message", listener),
      publish: (topic: string, payload: string, { retain }: { readonly retain: boolean }) => {
        this.sent.push({ topic, payload, retain });
        this.say(topic, payload);
        return true;
      },
    };
  }
  say(topic: string, payload: string | Uint8Array, retained = false): void {
    this.#emitter.emit("message", { topic, payload: Buffer.from(payload), retained });
  }
}

/** A guard that bans whom it is told to and says so, as the real one does: with reason `fleet`. */
class FakeGuard implements SharedBanGuard {
  readonly #emitter = new TypedEmitter<{ banned: [ban: OwnBan] }>();
  readonly all = new Map<string, OwnBan>();
  refuses = "";
  protects = () => [parseNetwork("198.51.100.0/24") ?? expect.fail()];
  bans = async () => [...this.all.values()];
  onBanned = (listener: (ban: OwnBan) => void) => this.#emitter.on("banned", listener);
  async ban(source: string, minutes: number): Promise<void> {
    if (source === this.refuses) throw new Error("trusted");
    this.found(source, "fleet", minutes);
  }
  found(source: string, reason: string, minutes: number): void {
    const ban = { source, reason, untilMs: NOW + minutes * 60_000 };
    this.all.set(source, ban);
    this.#emitter.emit("banned", ban);
  }
}

const air = () => new Air();
async function gateway(on: Air, site: string, more: Partial<SharedBanOptions> = {}) {
  const guard = new FakeGuard();
  const accept = ["north", "south"];
  const options = { base: "paxgate", site, key: "a key of sixteen", share: true, accept, unixMs: () => NOW, ...more };
  const service = new SharedBanService(options, on.link(), guard, silentLog);
  await service.start(new AbortController().signal);
  return { guard, service };
}

describe("gateways that share bans", () => {
  it("ban whom one of them has banned, and it goes in no circles", async () => {
    const on = air();
    const [north, south] = [await gateway(on, "north"), await gateway(on, "south")];
    const banned = new Promise<OwnBan>((resolve) => south.guard.onBanned(resolve));
    north.guard.found("192.0.2.9", "logins", 60);
    // Its own service has heard of it by then too, and could have told it on.
    await banned;
    expect([...south.guard.all.values()]).toEqual([{ source: "192.0.2.9", reason: "fleet", untilMs: NOW + 3_600_000 }]);
    expect(on.sent.map(({ topic, retain }) => [topic, retain])).toEqual([["paxgate/north/guard/bans", false]]);
    await south.service.stop();
    expect(south.service.counts).toMatchObject({ banned: 1, sent: 0 });
  });

  it("tell what they see themselves of a source that the fleet had banned", async () => {
    const on = air();
    const [north, south] = [await gateway(on, "north"), await gateway(on, "south")];
    north.guard.found("192.0.2.9", "logins", 60);
    await south.service.stop();
    await south.service.start(new AbortController().signal);
    south.guard.found("192.0.2.9", "logins", 120);
    expect(on.sent.at(-1)?.topic).toBe("paxgate/south/guard/bans");
    // An operator's word too, whoever has spoken before.
    south.guard.found("192.0.2.9", "operator", 180);
    expect(on.sent.filter(({ topic }) => topic.startsWith("paxgate/south/")).length).toBe(2);
  });

  it("never shorten a ban of their own", async () => {
    const on = air();
    const [north, south] = [await gateway(on, "north"), await gateway(on, "south", { share: false })];
    south.guard.found("192.0.2.9", "operator", 600);
    north.guard.found("192.0.2.9", "logins", 60);
    await south.service.stop();
    expect(south.guard.all.get("192.0.2.9")?.untilMs).toBe(NOW + 36_000_000);
    expect(south.service.counts).toMatchObject({ known: 1, banned: 0 });
  });

  it("leave alone whom they protect, and go on when their guard refuses", async () => {
    const on = air();
    const [north, south] = [await gateway(on, "north"), await gateway(on, "south")];
    south.guard.refuses = "192.0.2.8";
    for (const source of ["198.51.100.4", "192.0.2.8", "192.0.2.9"]) north.guard.found(source, "logins", 60);
    await south.service.stop();
    expect([...south.guard.all.keys()]).toEqual(["192.0.2.9"]);
    expect(south.service.counts).toMatchObject({ protected: 1, failed: 1, banned: 1 });
  });

  it.each([
    ["have another key", { key: "another key of 17" }, { mac: 1, banned: 0 }],
    ["accept nobody", { accept: [] }, { banned: 0, "not-accepted": 0 }],
    ["accept others", { accept: ["west"] }, { "not-accepted": 1, banned: 0 }],
  ])("do nothing when they %s", async (_, more, counts) => {
    const on = air();
    const [north, south] = [await gateway(on, "north"), await gateway(on, "south", more)];
    north.guard.found("192.0.2.9", "logins", 60);
    await south.service.stop();
    expect(south.guard.all.size).toBe(0);
    expect(south.service.counts).toMatchObject(counts);
  });

  it("tell nothing unless they share", async () => {
    const on = air();
    const north = await gateway(on, "north", { share: false });
    north.guard.found("192.0.2.9", "logins", 60);
    expect(on.sent).toEqual([]);
  });

  it("pass over whatever else there is on their topics", async () => {
    const on = air();
    const south = await gateway(on, "south");
    for (const payload of ["", "{", Buffer.alloc(60_000, 0xff), '{"v":1}']) on.say("paxgate/north/guard/bans", payload);
    on.say("paxgate/north/guard", "{}");
    on.say("other/north/guard/bans", "{}");
    await south.service.stop();
    expect(south.service.counts).toMatchObject({ form: 4, banned: 0 });
  });

  it("refuse what was sent twice or was kept", async () => {
    const on = air();
    const [north, south] = [await gateway(on, "north"), await gateway(on, "south")];
    north.guard.found("192.0.2.9", "logins", 60);
    const [first] = on.sent;
    on.say("paxgate/north/guard/bans", first?.payload ?? "");
    on.say("paxgate/north/guard/bans", first?.payload ?? "", true);
    on.say("paxgate/west/guard/bans", first?.payload ?? "");
    await south.service.stop();
    expect(south.service.counts).toMatchObject({ banned: 1, replayed: 1, retained: 1, "not-accepted": 1 });
  });

  it("have no key in what they send", async () => {
    const on = air();
    const north = await gateway(on, "north");
    north.guard.found("192.0.2.9", "logins", 60);
    expect(JSON.stringify(on.sent)).not.toContain("a key of sixteen");
  });
});
