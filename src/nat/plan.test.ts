import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CHECK_MS,
  initialState,
  MAX_REST_MS,
  nextStep,
  note,
  STRANGER_HOLD_MS,
  type UpstreamInput,
  type UpstreamState,
  workingProtocol,
} from "./plan.ts";
import type { MapperProtocol, Refusal } from "./port.ts";
import { isMapped } from "./slots.ts";

const SIP = {
  name: "sip",
  protocol: "udp",
  internalPort: 5060,
  count: 1,
  externalPort: 5060,
  otherPort: true,
} as const;
const RTP = { ...SIP, name: "rtp", internalPort: 10_000, count: 2, externalPort: 10_000, otherPort: false } as const;
const ALL: MapperProtocol[] = ["pcp", "nat-pmp", "upnp"];
const LEASE_S = 600;

const begin = (protocols = ALL) => initialState(protocols, [SIP, RTP], LEASE_S);
const opened: UpstreamInput = { kind: "opened", address: "81.2.69.2" };
const mapped = (slot: number, externalPort: number, leaseS = LEASE_S): UpstreamInput => ({
  kind: "mapped",
  slot,
  externalPort,
  leaseS,
  address: null,
});
const refused = (slot: number, why: Refusal): UpstreamInput => ({ kind: "map-refused", slot, why });

function after(state: UpstreamState, nowMs: number, ...inputs: UpstreamInput[]): UpstreamState {
  return inputs.reduce((before, input) => note(before, input, nowMs), state);
}

const whole = (nowMs = 0) => after(begin(), nowMs, opened, mapped(0, 5060), mapped(1, 10_000), mapped(2, 10_001));

describe("the plan", () => {
  it("opens the first protocol, maps SIP, then audio, then waits for a check", () => {
    const fresh = begin();
    expect(nextStep(fresh, 0)).toEqual({ kind: "open", protocol: "pcp", believeStranger: false });
    const open = after(fresh, 0, opened);
    expect(nextStep(open, 0)).toMatchObject({ kind: "map", slot: 0, request: { externalPort: 5060, leaseS: LEASE_S } });
    expect(nextStep(after(open, 0, mapped(0, 5060)), 0)).toMatchObject({ kind: "map", slot: 1 });
    expect(nextStep(whole(), 0)).toEqual({ kind: "wait", untilMs: CHECK_MS });
    expect(workingProtocol(whole())).toBe("pcp");
  });

  it("renews at half the lease that was given, not the one that was asked for", () => {
    const short = after(begin(), 0, opened, mapped(0, 5060, 20), mapped(1, 10_000), mapped(2, 10_001));
    expect(nextStep(short, 9_999)).toEqual({ kind: "wait", untilMs: 10_000 });
    expect(nextStep(short, 10_000)).toMatchObject({ kind: "map", slot: 0 });
  });

  it("checks SIP and one audio port after the other", () => {
    const first = nextStep(whole(), CHECK_MS);
    expect(first).toMatchObject({ kind: "check", slots: [0, 1] });
    const checked = after(whole(), CHECK_MS, { kind: "checked", address: null, gone: [] });
    expect(nextStep(checked, 2 * CHECK_MS)).toMatchObject({ kind: "check", slots: [0, 2] });
  });

  it("maps everything again when one is gone, at the same ports", () => {
    const other = after(begin(), 0, opened, refused(0, "conflict"), mapped(0, 10_063));
    const gone = after(other, CHECK_MS, { kind: "checked", address: null, gone: [0] });
    expect(nextStep(gone, CHECK_MS)).toMatchObject({ kind: "map", slot: 0, request: { externalPort: 10_063 } });
  });

  it("maps everything again when the router has lost its mappings", () => {
    const lost = after(whole(), 1_000, { kind: "lost" });
    expect(lost.slots.some((slot) => isMapped(slot, 1_000))).toBe(false);
    expect(nextStep(lost, 1_000)).toMatchObject({ kind: "map", slot: 0 });
  });

  it("asks without an end where the router knows no leases, and then does not renew", () => {
    const permanent = after(begin(["upnp"]), 0, opened, refused(0, "permanent-only"));
    expect(nextStep(permanent, 0)).toMatchObject({ kind: "map", slot: 0, request: { leaseS: 0 } });
    const done = after(permanent, 0, mapped(0, 5060, 0), mapped(1, 10_000, 0), mapped(2, 10_001, 0));
    expect(nextStep(done, 0)).toEqual({ kind: "wait", untilMs: CHECK_MS });
    expect(done.slots.every((slot) => isMapped(slot, 1e12))).toBe(true);
  });

  it.each(["denied", "unsupported", "no-address", "full", "failed", "no-answer"] as const)(
    "tries the next protocol when SIP is refused: %s",
    (why) => {
      const next = after(begin(), 0, opened, refused(0, why));
      expect(nextStep(next, 0)).toMatchObject({ kind: "open", protocol: "nat-pmp" });
      expect(next.refusals).toEqual({ pcp: why });
    },
  );

  it("leaves an audio port that is refused for a minute, and goes on with the others", () => {
    const state = after(begin(), 0, opened, mapped(0, 5060), refused(1, "full"));
    expect(nextStep(state, 0)).toMatchObject({ kind: "map", slot: 2 });
    expect(state.slots[1]).toMatchObject({ fault: "full", dueMs: 60_000 });
  });

  it("rests longer after each round in which no protocol worked", () => {
    let state = begin(["pcp", "upnp"]);
    let now = 0;
    const rests: number[] = [];
    for (let round = 0; round < 8; round++) {
      state = after(state, now, { kind: "open-refused", why: "no-answer" }, { kind: "open-refused", why: "no-answer" });
      const step = nextStep(state, now);
      if (step.kind !== "wait") throw new Error("no rest");
      rests.push(step.untilMs - now);
      now = step.untilMs;
    }
    expect(rests).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, MAX_REST_MS, MAX_REST_MS, MAX_REST_MS]);
  });

  it("keeps a mapping whose router does not answer until its lease ends", () => {
    const gone = after(whole(), CHECK_MS, { kind: "check-refused", why: "no-answer" });
    expect(nextStep(gone, CHECK_MS)).toMatchObject({ kind: "open", protocol: "pcp" });
    expect(gone.slots.every((slot) => isMapped(slot, LEASE_S * 1000 - 1))).toBe(true);
    expect(gone.slots.some((slot) => isMapped(slot, LEASE_S * 1000))).toBe(false);
    // When it is back everything is asked for again.
    expect(nextStep(after(gone, CHECK_MS, opened), CHECK_MS)).toMatchObject({ kind: "map", slot: 0 });
  });

  it("renews on a hint, but not more often than every five seconds", () => {
    const checked = after(whole(), 10_000, { kind: "checked", address: null, gone: [] });
    const hinted = after(checked, 11_000, { kind: "hint" }, { kind: "hint" });
    expect(nextStep(hinted, 11_000)).toEqual({ kind: "wait", untilMs: 15_000 });
    expect(nextStep(hinted, 15_000)).toMatchObject({ kind: "map", slot: 0 });
  });

  it("takes another router for ours only after ten minutes without ours", () => {
    const stranger: UpstreamInput = { kind: "open-refused", why: "other-router" };
    const first = after(begin(["upnp"]), 0, stranger);
    const later = after(first, 300_000, stranger);
    expect(nextStep(later, STRANGER_HOLD_MS - 1)).toMatchObject({ believeStranger: false });
    expect(nextStep(later, STRANGER_HOLD_MS)).toMatchObject({ believeStranger: true });
  });

  it("asks first for the ports that may still be ours, except for audio", () => {
    const ports = { "udp 5060": 6000, "udp 10000": 6002 };
    const state = after(begin(), 0, { kind: "remembered", ports }, opened);
    expect(nextStep(state, 0)).toMatchObject({ kind: "map", slot: 0, request: { externalPort: 6000 } });
    expect(state.slots[1]?.askPort).toBe(10_000);
  });

  it("begins anew on another network", () => {
    const moved = after(whole(), 5_000, { kind: "moved" });
    expect(nextStep(moved, 5_000)).toMatchObject({ kind: "open", protocol: "pcp" });
    expect(moved.address).toBeNull();
    expect(moved.slots.some((slot) => isMapped(slot, 5_000))).toBe(false);
  });

  it("always has something to do or a time to wait for, whatever the router says", () => {
    const why = fc.constantFrom<Refusal>("conflict", "permanent-only", "denied", "no-address", "full", "no-answer");
    const event = fc.constantFrom<UpstreamInput>({ kind: "hint" }, { kind: "lost" }, { kind: "moved" });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), why, fc.option(event)), { maxLength: 200 }), (turns) => {
        let state = begin();
        let now = 0;
        let busy = 0;
        for (const [well, refusal, happens] of turns) {
          if (happens !== null) state = note(state, happens, now);
          const step = nextStep(state, now);
          if (step.kind === "wait") {
            expect(step.untilMs).toBeGreaterThan(now);
            expect(step.untilMs - now).toBeLessThanOrEqual(MAX_REST_MS);
            now = step.untilMs;
            busy = 0;
            continue;
          }
          busy = happens === null ? busy + 1 : 0;
          // Three protocols, eight ports for SIP, three slots, and leases refused: then there must be a rest.
          expect(busy).toBeLessThan(60);
          state = note(state, outcome(step, well, refusal), now);
        }
      }),
    );
  });
});

function outcome(step: ReturnType<typeof nextStep>, well: boolean, why: Refusal): UpstreamInput {
  switch (step.kind) {
    case "open":
      return well ? opened : { kind: "open-refused", why };
    case "map":
      return well ? mapped(step.slot, step.request.externalPort) : refused(step.slot, why);
    case "check":
      return well ? { kind: "checked", address: null, gone: [] } : { kind: "check-refused", why };
    case "wait":
      throw new Error("nothing to answer");
  }
}
