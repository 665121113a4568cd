import { describe, expect, it } from "vitest";
import { type Seat, seat } from "./seats.ts";
import { neighbourhoodOf } from "./sources.ts";

const known = "192.0.2.1";
const of = (address: string, sinceMs = 0, heard = true): Seat => ({
  address,
  neighbourhood: neighbourhoodOf(address),
  sinceMs,
  heard,
});

/** The seats of a server whose time stands still unless it is told. */
class Hall {
  seats: Seat[] = [];
  nowMs = 0;

  come(address: string, heard = false): boolean {
    const seating = seat(this.seats, of(address), (one) => one === known, this.nowMs);
    if (!seating.stays) return false;
    this.seats = [...this.seats.filter((one) => one !== seating.insteadOf), of(address, this.nowMs, heard)];
    return true;
  }

  of(address: string): number {
    return this.seats.filter((one) => one.address === address).length;
  }
}

const hosts = (count: number) => Array.from({ length: count }, (_, at) => `10.0.${at >> 8}.${at & 255}`);

describe("seats", () => {
  it("of a stranger who has asked nothing are four, and twenty once he has", () => {
    const hall = new Hall();
    expect(Array.from({ length: 6 }, () => hall.come("10.0.0.1"))).toEqual([true, true, true, true, false, false]);
    hall.come("10.0.0.2", true);
    for (let at = 0; at < 30; at++) hall.come("10.0.0.2");
    expect(hall.of("10.0.0.2")).toBe(20);
  });

  it.each([false, true])("are there for a newcomer while 41 strangers have all they can get (asking: %s)", (heard) => {
    const hall = new Hall();
    for (let at = 0; at < 20; at++) for (const host of hosts(41)) hall.come(host, heard);
    expect(hall.seats.length).toBe(160);
    expect([hall.come("198.51.100.7", true), hall.come("198.51.100.7")]).toEqual([true, true]);
    for (let at = 0; at < 20; at++) for (const host of hosts(41)) hall.come(host, heard);
    expect(hall.of("198.51.100.7")).toBe(2);
    expect(hall.seats.length).toBe(160);
  });

  it("of whoever asks nothing go to a newcomer after a second, however many addresses there are", () => {
    const hall = new Hall();
    for (const host of hosts(300)) hall.come(host);
    hall.nowMs = 999;
    expect(hall.come("198.51.100.7")).toBe(false);
    hall.nowMs = 1_000;
    expect(hall.come("198.51.100.7")).toBe(true);
    expect(hall.seats.length).toBe(160);
  });

  it("are not exchanged among strangers who have as many each", () => {
    const hall = new Hall();
    for (const host of hosts(160)) hall.come(host, true);
    const before = hall.seats;
    hall.nowMs = 10_000;
    for (const host of hosts(160)) expect(hall.come(host)).toBe(false);
    expect(hall.seats).toBe(before);
  });

  it("of an IPv6 network are counted together", () => {
    const hall = new Hall();
    hall.come("198.51.100.7", true);
    for (let at = 0; at < 300; at++) hall.come(`2001:db8::${at}`, true);
    expect(hall.come("198.51.100.8")).toBe(true);
    expect(hall.of("198.51.100.7")).toBe(1);
  });

  it("are left for a known address, and one of a stranger's when all are taken", () => {
    const hall = new Hall();
    for (let at = 0; at < 20; at++) for (const host of hosts(20)) hall.come(host, true);
    for (let at = 0; at < 21; at++) expect(hall.come(known)).toBe(at < 20);
    expect(hall.seats.length).toBe(180);
    const full = Array.from({ length: 199 }, (_, at) => of(`k${at}`));
    const stranger = of("10.0.0.1");
    const isKnown = (address: string) => address !== stranger.address;
    expect(seat([...full, stranger], of("k0"), isKnown, 0)).toEqual({ stays: true, insteadOf: stranger });
    expect(seat([...full, of("k9")], of("k0"), isKnown, 0)).toEqual({ stays: false });
  });
});
