import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRoutes } from "./default-route.ts";

const HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const line = (name: string, destination: string, gateway: string, flags: string, metric: number, mask = "00000000") =>
  `${name}\t${destination}\t${gateway}\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;

describe("the kernel's routes", () => {
  it("give the default route with its interface", () => {
    const text = `${HEAD}${line("eth0", "00000000", "0100A8C0", "0003", 100)}${line("eth0", "0000A8C0", "00000000", "0001", 100, "00FFFFFF")}`;
    expect(parseRoutes(text)).toEqual({ interface: "eth0", gateway: "192.168.0.1" });
  });

  it("give the one with the lowest metric of several", () => {
    const text = `${HEAD}${line("wlan0", "00000000", "0101A8C0", "0003", 600)}${line("eth0", "00000000", "0100A8C0", "0003", 100)}`;
    expect(parseRoutes(text)?.interface).toBe("eth0");
  });

  it("give none that is down, has no gateway, or leads to a half of the world", () => {
    expect(parseRoutes(HEAD + line("eth0", "00000000", "0100A8C0", "0002", 0))).toBeNull();
    expect(parseRoutes(HEAD + line("tun0", "00000000", "00000000", "0001", 0))).toBeNull();
    expect(parseRoutes(HEAD + line("tun0", "00000000", "0100A8C0", "0003", 0, "00000080"))).toBeNull();
    expect(parseRoutes(HEAD)).toBeNull();
  });

  it("survive any text", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRoutes(`${HEAD}${text}`)));
  });
});
