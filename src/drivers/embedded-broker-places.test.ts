import { describe, expect, it } from "vitest";
import type { BrokerRole } from "./embedded-broker-access.ts";
import { Places } from "./embedded-broker-places.ts";

class Guest {
  readonly address: string;
  role: BrokerRole | null = null;
  gone = false;
  constructor(address: string) {
    this.address = address;
  }
  destroy(): void {
    this.gone = true;
  }
}

/** A room, and how guests come: null when one is turned away. */
function room() {
  const places = new Places<Guest>();
  let at = 0;
  const come = (address: string, role: BrokerRole | null = null): Guest | null => {
    if (!places.makeRoom(address)) return null;
    const guest = new Guest(address);
    guest.role = role;
    places.take(`slot-${at++}`, guest);
    return guest;
  };
  return { places, come };
}

describe("places at the broker", () => {
  it("of one address that has not logged in are four: the fifth has the oldest one's", () => {
    const { places, come } = room();
    const silent = Array.from({ length: 5 }, () => come("127.0.0.1"));
    expect(silent.map((guest) => guest?.gone)).toEqual([true, false, false, false, false]);
    expect(places.size).toBe(4);
  });

  it("are there for a newcomer however many silent ones came before, from however few addresses", () => {
    const { places, come } = room();
    for (let host = 0; host < 10; host++) for (let at = 0; at < 8; at++) come(`192.0.2.${host}`);
    expect(places.size).toBe(20);
    const owner = come("198.51.100.7");
    for (let host = 0; host < 6; host++) for (let at = 0; at < 8; at++) come(`192.0.2.${host}`);
    expect(owner?.gone).toBe(false);
    expect(places.size).toBe(20);
  });

  it("are taken from an IPv6 host with many addresses as from one", () => {
    const { come } = room();
    const owner = come("192.0.2.7");
    for (let at = 0; at < 100; at++) come(`2001:db8::${at}`);
    expect(owner?.gone).toBe(false);
  });

  it("of those who have logged in are nobody else's", () => {
    const { places, come } = room();
    const known = Array.from({ length: 49 }, (_, at) => come(`10.0.0.${at}`, "viewer"));
    const silent = come("192.0.2.1");
    expect(come("192.0.2.2")).not.toBeNull();
    expect(silent?.gone).toBe(true);
    expect(places.size).toBe(50);
    expect(known.every((guest) => guest?.gone === false)).toBe(true);
    const { come: comeToo } = room();
    for (let at = 0; at < 50; at++) comeToo(`10.0.0.${at}`, "viewer");
    expect(comeToo("192.0.2.3")).toBeNull();
  });

  it("of one address are twenty", () => {
    const { come } = room();
    for (let at = 0; at < 20; at++) expect(come("10.0.0.1", "viewer")).not.toBeNull();
    expect(come("10.0.0.1")).toBeNull();
    expect(come("10.0.0.2")).not.toBeNull();
  });
});
