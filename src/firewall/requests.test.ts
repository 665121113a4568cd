import { describe, expect, it } from "vitest";
import type { Explanation, GuardControl, GuardView, RefreshOutcome } from "./control.ts";
import { GUARD_METHODS, guardRequest, isGuardMethod } from "./requests.ts";
import type { Ban } from "./types.ts";

/** What one line of the socket can hold. */
const LONGEST_LINE = 64 * 1024;

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const wide = (at: number) => `2001:db8:aaaa:bbbb:cccc:dddd:eeee:${at.toString(16)}`;
const ban = (at: number): Ban => ({
  source: `2001:db8:aaaa:${at.toString(16)}::/64`,
  reason: "operator",
  count: 999_999,
  sinceMs: 1_800_000_000_000,
  untilMs: 1_800_000_000_000,
});
const counts = { added: 1e6, known: 1e6, skipped: 1e6, refused: 1e6 };
const long = "€".repeat(5_000);

/** As much of everything as there could ever be. */
const hugeView: GuardView = {
  atMs: 0,
  protect: "host",
  mode: "open",
  inForce: true,
  rulesSinceMs: 0,
  repairs: 0,
  faults: many(500, () => long),
  trial: { state: "on-trial", endsInS: 1, changes: many(30, (at) => `limits.something${at}`) },
  sources: { trusted: 1, registered: 1, allowed: 1, management: 1, blocked: 1 },
  lists: many(17, (at) => ({ name: `l${at}`, entries: 1, updatedMs: 1, nextMs: 1, fault: long, counts })),
  names: many(1_500, (at) => ({
    name: `${"n".repeat(200)}${at}.example`,
    addresses: many(100, wide),
    resolvedMs: 1,
    fault: at === 1_400 ? long : null,
  })),
  bans: { total: 60_000, latest: many(60_000, ban) },
  limited: { total: 60_000, some: many(60_000, (at) => ({ source: wide(at), expiresS: 600 })) },
  events: { refused: 0, unattributed: 0 },
  counters: many(300, (at) => ({ name: `counter-${at}`, packets: 1e15, bytes: 1e15 })),
  scanner: many(300, (at) => ({ token: "t".repeat(64), packets: at })),
};

/** Notes what it was asked, and answers with too much. */
class Asked implements GuardControl {
  readonly calls: unknown[] = [];
  view = async () => hugeView;
  confirm = async () => ({ changes: ["mode"] });
  bans = async () => many(600, ban);
  ban = async (...given: unknown[]) => {
    this.calls.push(given);
    return ban(1);
  };
  release = async (...given: unknown[]) => {
    this.calls.push(given);
    return 3;
  };
  refresh = async (list: string | null): Promise<RefreshOutcome[]> => {
    this.calls.push([list]);
    return many(17, (at) => ({ list: `l${at}`, ok: false, fault: long, counts }));
  };
  explain = async (address: string): Promise<Explanation> => {
    this.calls.push([address]);
    return {
      address,
      verdict: "dropped",
      class: "blocked",
      reasons: many(2_000, (at) => ({ kind: "blocked", list: `l${at}`, entry: wide(at) })),
    };
  };
}

const life = new AbortController().signal;

describe("an answer", () => {
  it.each(GUARD_METHODS)("of %s always fits into a line", async (name) => {
    const answer = await guardRequest(new Asked(), `firewall.${name}`, { address: "192.0.2.1" }, life);
    expect(Buffer.byteLength(JSON.stringify({ id: 1, result: answer }))).toBeLessThan(LONGEST_LINE);
  });

  it("shows first what has a fault", async () => {
    const view = (await guardRequest(new Asked(), "firewall.status", null, life)) as GuardView;
    expect(view.names[0]?.name).toContain("1400.example");
    expect(view.scanner[0]?.packets).toBe(299);
    expect(view.bans.total).toBe(60_000);
  });

  it("gives all bans, page by page", async () => {
    const seen: string[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const page = await guardRequest(new Asked(), "firewall.bans", { from }, life);
      const { bans, next, total } = page as { bans: Ban[]; next: number | null; total: number };
      expect(total).toBe(600);
      seen.push(...bans.map(({ source }) => source));
      from = next;
    }
    expect(seen).toEqual(many(600, (at) => ban(at).source));
  });
});

describe("a request", () => {
  it.each([
    ["firewall.ban", { address: "::ffff:192.0.2.1", minutes: 5 }, ["192.0.2.1", 5]],
    ["firewall.ban", { address: "2001:DB8::/64" }, ["2001:db8::/64", null]],
    ["firewall.release", { address: "2001:db8:0:0::1" }, ["2001:db8::1"]],
    ["firewall.release", { address: null }, [null]],
    ["firewall.refresh", null, [null]],
    ["firewall.refresh", { list: "apiban" }, ["apiban"]],
    ["firewall.explain", { address: "192.0.2.1" }, ["192.0.2.1"]],
  ] as const)("%s %j is made with what it means", async (method, params, expected) => {
    const control = new Asked();
    await guardRequest(control, method, params, life);
    expect(control.calls).toEqual([expected]);
  });

  it.each([
    ["firewall.ban", null, "bad-address"],
    ["firewall.ban", { address: "192.0.2.0/24" }, "bad-address"],
    ["firewall.ban", { address: "2001:db8::/48" }, "bad-address"],
    ["firewall.ban", { address: "sip.example" }, "bad-address"],
    ["firewall.ban", { address: "0.0.0.0" }, "bad-address"],
    ["firewall.ban", { address: "224.0.0.1" }, "bad-address"],
    ["firewall.ban", { address: "255.255.255.255" }, "bad-address"],
    ["firewall.ban", { address: "192.0.2.1", minutes: 0 }, "bad-request"],
    ["firewall.ban", { address: "192.0.2.1", minutes: 1e9 }, "bad-request"],
    ["firewall.ban", { address: "192.0.2.1", minutes: "5" }, "bad-request"],
    // Left out by mistake it must not release everybody.
    ["firewall.release", {}, "bad-address"],
    ["firewall.release", null, "bad-address"],
    ["firewall.refresh", { list: "../x" }, "bad-request"],
    ["firewall.bans", { from: -1 }, "bad-request"],
    ["firewall.explain", { address: ["192.0.2.1"] }, "bad-address"],
  ] as const)("%s %j is refused, and nothing is done", async (method, params, code) => {
    const control = new Asked();
    await expect(guardRequest(control, method, params, life)).rejects.toMatchObject({ code });
    expect(control.calls).toEqual([]);
  });

  it("is told from others by its name", () => {
    expect(["firewall.status", "firewall.ban", "firewall.", "firewall.nat", "status"].map(isGuardMethod)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
