import { describe, expect, it } from "vitest";
import { guardView, listViews } from "./guard-view.ts";
import { literals } from "./model.ts";
import { testPolicy } from "./trial-test-policy.ts";
import type { Ban } from "./types.ts";

const ban = (source: string, sinceMs: number): Ban => ({ source, reason: "logins", count: 1, sinceMs, untilMs: 9_000 });

describe("the guard's view", () => {
  it("counts both families and every kind, youngest ban first", () => {
    const policy = testPolicy({ mode: "open" });
    const view = guardView({
      atMs: 5_000,
      inForce: true,
      rulesSinceMs: 4_000,
      repairs: 2,
      faults: ["one"],
      trial: { state: "confirmed" },
      names: [],
      state: {
        policy,
        lists: {
          trunks: literals(["198.51.100.10", "2001:db8::10"]),
          operators: literals(["192.168.1.20"]),
          allowed: literals(["10.42.0.0/16"]),
          management: literals(["192.168.0.0/16", "fe80::/10"]),
          allow: [],
        },
        blocked: { addresses4: Uint32Array.of(1, 2, 3), addresses6: ["2001:db8::1"], networks: ["203.0.113.0/24"] },
        registered: literals(["10.42.0.9"]),
        gateways: [],
        localUids: [],
        serving: true,
      },
      lists: [],
      bans: [ban("203.0.113.1", 1_000), ban("203.0.113.2", 3_000), ban("203.0.113.3", 2_000)],
      limited: [{ source: "203.0.113.4", expiresS: 600 }],
      events: { refused: 0, unattributed: 0 },
      counters: new Map([["banned", { packets: 7, bytes: 700 }]]),
      dropped: new Map([["sipvicious", 3]]),
    });
    expect(view).toMatchObject({
      protect: "host",
      mode: "open",
      sources: { trusted: 3, registered: 1, allowed: 1, management: 2, blocked: 5 },
      limited: { total: 1, some: [{ source: "203.0.113.4", expiresS: 600 }] },
      counters: [{ name: "banned", packets: 7, bytes: 700 }],
      scanner: [{ token: "sipvicious", packets: 3 }],
    });
    expect(view.bans.total).toBe(3);
    expect(view.bans.latest.map(({ source }) => source)).toEqual(["203.0.113.2", "203.0.113.3", "203.0.113.1"]);
    // It goes over a socket: nothing of it is lost on the way.
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });

  it("gives a list's age as a time, and none to a list that was never read", () => {
    const list = { name: "ours", entries: 4, added: 1, alreadyThere: 2, skipped: 3, refused: 5, lastError: null };
    expect(
      listViews(
        [
          { ...list, ageS: 4 },
          { ...list, ageS: null, lastError: "gone" },
        ],
        5_000,
      ),
    ).toEqual([
      {
        name: "ours",
        entries: 4,
        updatedMs: 1_000,
        fault: null,
        counts: { added: 1, known: 2, skipped: 3, refused: 5 },
      },
      expect.objectContaining({ updatedMs: null, fault: "gone" }),
    ]);
  });
});
