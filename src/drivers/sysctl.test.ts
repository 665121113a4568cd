import { expect, it } from "vitest";
import { parseSysctls, Sysctls } from "./sysctl.ts";

it("settings are read by their paths, also of interfaces with dots in their names", () => {
  const keys = ["net/ipv4/ip_forward", "net/ipv4/conf/eth0.5/rp_filter", "net/ipv6/conf/all/forwarding"];
  const text = "net.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0/5.rp_filter = 2\nsomething else\n";
  expect([...parseSysctls(text, keys)]).toEqual([
    ["net/ipv4/ip_forward", "1"],
    ["net/ipv4/conf/eth0.5/rp_filter", "2"],
  ]);
});

it("this machine's own settings can be read; one that does not exist is left out", async () => {
  const found = await new Sysctls().read(["net/ipv4/ip_forward", "net/ipv4/conf/lo/rp_filter", "net/ipv4/no_such"]);
  expect(found.get("net/ipv4/ip_forward")).toMatch(/^[01]$/);
  expect(found.get("net/ipv4/conf/lo/rp_filter")).toMatch(/^[012]$/);
  expect(found.has("net/ipv4/no_such")).toBe(false);
});

it.each(["kernel/core_pattern", "net/../kernel/core_pattern", "net/ipv4/ip_forward=1 x", "/net/ipv4/ip_forward"])(
  "%s is not touched",
  async (key) => {
    await expect(new Sysctls().write(key, "1")).rejects.toMatchObject({ code: "sysctl-failed" });
    await expect(new Sysctls().read([key])).rejects.toMatchObject({ code: "sysctl-failed" });
  },
);
