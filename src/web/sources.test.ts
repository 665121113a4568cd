import { describe, expect, it } from "vitest";
import { addressOf, isOurHost, neighbourhoodOf, provenanceOf } from "./sources.ts";

describe("addresses", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["fe80::1%eth0", "fe80::1"],
    ["2001:DB8:0::1", "2001:db8::1"],
    ["", null],
    [undefined, null],
    ["nobody", null],
  ])("%s is %s", (remote, address) => expect(addressOf(remote)).toBe(address));

  it("of IPv6 are counted by their network", () => {
    expect(neighbourhoodOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(neighbourhoodOf("192.0.2.1")).toBe("192.0.2.1");
  });
});

describe("the Host header", () => {
  const own = ["gateway", "pax.event.example"];
  it.each([
    "192.168.1.5",
    "192.168.1.5:8080",
    "[fe80::1]:8080",
    "[::1]",
    "localhost:8080",
    "gateway",
    "GATEWAY:8080",
    "gateway.local.",
    "gateway.lan",
    "gateway.home.arpa",
    "pax.event.example",
  ])("%s is ours", (host) => expect(isOurHost(host, own)).toBe(true));

  it.each([
    "evil.example",
    "other.local",
    "anything.local:8080",
    "gateway.other.local",
    "192.168.1.5.evil.example",
    "gateway.evil.example",
    "gateway.example",
    "local",
    "evillocal",
    "local.evil.example",
    "localhost.evil.example",
    "1.2.3",
    "0x7f000001",
    "2130706433",
    "[evil]",
    "[::1",
    "gateway:",
    "gateway:123456",
    "gateway@evil",
    "a b",
    "",
    undefined,
    `${"a".repeat(300)}.local`,
  ])("%s is not", (host) => expect(isOurHost(host, own)).toBe(false));
});

describe("where a request comes from", () => {
  const host = "192.168.1.5:8080";
  const of = (origin: string | undefined, fetchSite?: string, secure = false) =>
    provenanceOf({ host, origin, fetchSite, secure });

  it("is told by Origin, to the letter", () => {
    expect(of("http://192.168.1.5:8080")).toBe("own");
    expect(of("https://192.168.1.5:8080", undefined, true)).toBe("own");
    for (const origin of [
      "null",
      "",
      "http://192.168.1.5",
      "http://192.168.1.5:8081",
      "https://192.168.1.5:8080",
      "http://evil.example",
      "http://192.168.1.5:8080.evil.example",
      "http://evil.example#192.168.1.5:8080",
    ]) {
      expect(of(origin), origin).toBe("foreign");
    }
    expect(provenanceOf({ host: undefined, origin: "http://", fetchSite: undefined, secure: false })).toBe("foreign");
  });

  it("is told by Sec-Fetch-Site as well, and unknown without both", () => {
    expect(of("http://192.168.1.5:8080", "same-origin")).toBe("own");
    for (const site of ["cross-site", "same-site", "none", "nonsense"]) {
      expect(of("http://192.168.1.5:8080", site)).toBe("foreign");
    }
    expect(of(undefined)).toBe("unknown");
    expect(of(undefined, "same-origin")).toBe("unknown");
    expect(of(undefined, "cross-site")).toBe("foreign");
  });
});
