import { describe, expect, it } from "vitest";
import { noGuard } from "./no-guard.ts";

const guard = noGuard(() => 1_800_000_000_000);

describe("where there is no firewall", () => {
  it("the view says so, and that nothing is wrong", async () => {
    expect(await guard.view()).toMatchObject({
      atMs: 1_800_000_000_000,
      protect: "none",
      inForce: false,
      rulesSinceMs: null,
      faults: [],
      trial: { state: "confirmed" },
    });
  });

  it("every address is unguarded, and what is none is refused", async () => {
    expect(await guard.explain("203.0.113.7")).toEqual({
      address: "203.0.113.7",
      verdict: "accepted",
      class: "unguarded",
      reasons: [],
    });
    await expect(guard.explain("sip.example")).rejects.toMatchObject({ code: "bad-address" });
  });

  it("everything else is refused, and says why", async () => {
    const { signal } = new AbortController();
    const refused = [
      guard.confirm(),
      guard.bans(),
      guard.ban("203.0.113.7", null),
      guard.release(null),
      guard.refresh(null, signal),
    ];
    for (const each of refused) await expect(each).rejects.toMatchObject({ code: "no-firewall" });
  });
});
