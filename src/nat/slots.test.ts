import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidate, isMapped, otherPort, slotsFor } from "./slots.ts";

const SIP = {
  name: "sip",
  protocol: "udp",
  internalPort: 5060,
  count: 1,
  externalPort: 5060,
  otherPort: true,
} as const;
const RTP = { ...SIP, name: "rtp", internalPort: 10_000, count: 3, externalPort: 10_000 } as const;

describe("slots", () => {
  it("put SIP before audio, whose ports keep their numbers whatever was said", () => {
    const slots = slotsFor([RTP, SIP]);
    expect(slots.map((slot) => slot.internalPort)).toEqual([5060, 10_000, 10_001, 10_002]);
    expect(slots.map((slot) => slot.otherPort)).toEqual([true, false, false, false]);
  });

  it("try seven other ports, then rest with a fault and begin again at the wanted one", () => {
    let slot = slotsFor([SIP])[0];
    const asked = new Set<number>();
    for (let n = 0; n < 7; n++) {
      slot = slot && otherPort(slot, 1_000);
      asked.add(slot?.askPort ?? 0);
      expect(slot).toMatchObject({ fault: null, dueMs: 1_000 });
    }
    expect(asked.size).toBe(7);
    expect(slot && otherPort(slot, 1_000)).toMatchObject({ askPort: 5060, fault: "conflict", dueMs: 61_000 });
  });

  it("do not try other ports for audio", () => {
    const slot = slotsFor([RTP])[0];
    expect(slot && otherPort(slot, 0)).toMatchObject({ askPort: 10_000, fault: "conflict" });
  });

  it("count as mapped until their lease ends", () => {
    const [slot] = slotsFor([SIP]);
    if (slot === undefined) throw new Error("no slot");
    expect(isMapped(slot, 0)).toBe(false);
    expect(isMapped({ ...slot, externalPort: 5060, expiresAtMs: 100 }, 99)).toBe(true);
    expect(isMapped({ ...slot, externalPort: 5060, expiresAtMs: 100 }, 100)).toBe(false);
    expect(isMapped({ ...slot, externalPort: 5060 }, 1e12)).toBe(true);
  });
});

describe("candidate", () => {
  it("is another port than the wanted one, without a privilege, and not one that routers give out", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 7 }), (wanted, attempt) => {
        const port = candidate(wanted, attempt);
        expect(port).toBeGreaterThanOrEqual(1_024);
        expect(port).toBeLessThan(49_152);
        expect(port).not.toBe(wanted);
      }),
    );
  });
});
