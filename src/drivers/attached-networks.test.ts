import type { NetworkInterfaceInfo } from "node:os";
import { expect, it } from "vitest";
import { attachedNetworks } from "./attached-networks.ts";

const address = (cidr: string | null, family: "IPv4" | "IPv6" = "IPv4") =>
  ({ address: cidr?.split("/")[0] ?? "", netmask: "", mac: "", internal: false, cidr, family }) as NetworkInterfaceInfo;

it("the networks of our addresses, each once, in one order", () => {
  const interfaces = {
    wlan0: [address("192.168.7.30/24"), address("fe80::1/64", "IPv6")],
    eth0: [address("10.77.0.2/24"), address("10.77.0.3/24")],
    tun0: [address(null)],
    down: undefined,
  };
  const networks = ["10.77.0.0/24", "127.0.0.0/8", "192.168.7.0/24"];
  expect(attachedNetworks(interfaces)).toEqual(networks);
  expect(attachedNetworks({ eth0: interfaces.eth0, wlan0: interfaces.wlan0 })).toEqual(networks);
});

it("loopback is ours on a machine without any", () => {
  expect(attachedNetworks({})).toEqual(["127.0.0.0/8"]);
});
