import { describe, expect, it } from "vitest";
import { LoginLimiter } from "./login-limiter.ts";

/** Guesses as fast as it is let, for `ms`; the answer is how often. */
function guess(limiter: LoginLimiter, address: string, fromMs: number, ms: number): number {
  let guesses = 0;
  for (let now = fromMs; now < fromMs + ms; ) {
    const wait = limiter.waitMs(address, now);
    if (wait === 0) {
      limiter.failed(address, now);
      guesses++;
    } else now += wait;
  }
  return guesses;
}

describe("login limiter", () => {
  it("lets five mistakes pass and then makes the address wait 1, 2, 4 ... 60 s", () => {
    const limiter = new LoginLimiter();
    const waits: number[] = [];
    let now = 1_000;
    for (let failure = 0; failure < 13; failure++) {
      expect(limiter.waitMs("192.0.2.1", now)).toBe(0);
      limiter.failed("192.0.2.1", now);
      const wait = limiter.waitMs("192.0.2.1", now);
      waits.push(wait / 1_000);
      now += wait;
    }
    expect(waits).toEqual([0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it("leaves others alone while one address guesses", () => {
    const limiter = new LoginLimiter();
    guess(limiter, "192.0.2.1", 0, 600_000);
    expect(limiter.waitMs("192.0.2.1", 600_000)).toBeGreaterThan(0);
    expect(limiter.waitMs("192.0.2.2", 600_000)).toBe(0);
  });

  it("lets one address guess hardly more than once a minute in the long run", () => {
    const day = 24 * 3_600_000;
    expect(guess(new LoginLimiter(), "192.0.2.1", 0, day)).toBeLessThan(1_460);
  });

  it("makes no fresh address wait, however many others guess, in its own IPv6 network too", () => {
    const limiter = new LoginLimiter();
    for (let at = 0; at < 10_000; at++) {
      limiter.failed(`10.0.${at >> 8}.${at & 255}`, at);
      limiter.failed(`2001:db8::${at.toString(16)}`, at);
      expect(limiter.waitMs("192.0.2.8", at)).toBe(0);
      expect(limiter.waitMs("2001:db8:0:0:1::8", at)).toBe(0);
    }
  });

  it("begins anew with a new password: who tried the old one does not wait", () => {
    const limiter = new LoginLimiter();
    for (let failure = 0; failure < 12; failure++) limiter.failed("192.0.2.1", 0);
    expect(limiter.waitMs("192.0.2.1", 0)).toBe(60_000);
    limiter.forget();
    expect(limiter.waitMs("192.0.2.1", 0)).toBe(0);
  });

  it("forgets an address that has been quiet for a quarter of an hour, or has got it right", () => {
    const limiter = new LoginLimiter();
    for (let failure = 0; failure < 5; failure++) limiter.failed("192.0.2.1", 0);
    limiter.failed("192.0.2.1", 15 * 60_000 + 1);
    expect(limiter.waitMs("192.0.2.1", 15 * 60_000 + 1)).toBe(0);
    for (let failure = 0; failure < 5; failure++) limiter.failed("192.0.2.2", 0);
    limiter.succeeded("192.0.2.2");
    expect(limiter.waitMs("192.0.2.2", 1)).toBe(0);
  });

  it("needs the same memory for a hundred thousand addresses, and a guesser can't push his own count out", () => {
    const limiter = new LoginLimiter();
    for (let failure = 0; failure < 12; failure++) limiter.failed("192.0.2.1", 0);
    for (let at = 0; at < 100_000; at++) {
      const address = `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`;
      limiter.failed(address, 0);
      if (at % 100 === 0) limiter.succeeded(address);
    }
    expect(limiter.size).toBeLessThanOrEqual(256);
    expect(limiter.waitMs("192.0.2.1", 0)).toBe(60_000);
  });
});
