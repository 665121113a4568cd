import { describe, expect, it } from "vitest";
import { configSchema } from "../config/schema.ts";
import { policyOf } from "./model.ts";

const trunk = { name: "emf", server: "sip.example.org", username: "4100", password: "not-a-secret-of-anybody" };
const policyFor = (input: object) => policyOf(configSchema.parse({ lines: [{ name: "one" }], ...input }));

describe("the policy of a configuration", () => {
  it("is none where there shall be no firewall", () => {
    expect(policyFor({ firewall: { protect: "none" } })).toBeNull();
  });
  it("trusts the trunks' servers and allows the phones' networks, each once", () => {
    const policy = policyFor({
      trunks: [trunk, { ...trunk, name: "second", username: "4101" }],
      accounts: [{ name: "desk", networks: ["10.1.0.0/16"] }, { name: "hall" }],
      sip: { localNetworks: ["192.168.7.0/24"] },
      firewall: {
        lists: { trunks: ["198.51.100.10", "sip.example.org"], eventNetwork: ["10.42.0.0/16", "10.1.0.0/16"] },
      },
    });
    expect(policy?.lists.trunks).toEqual(["sip.example.org", "198.51.100.10"]);
    expect(policy?.lists.allowed).toEqual(["10.1.0.0/16", "192.168.7.0/24", "10.42.0.0/16"]);
  });
  it("allows the local networks only when an account registers from there", () => {
    const sip = { localNetworks: ["192.168.7.0/24"] };
    expect(policyFor({ sip })?.lists.allowed).toEqual([]);
    expect(policyFor({ sip, accounts: [{ name: "hall" }] })?.lists.allowed).toEqual(["192.168.7.0/24"]);
  });
  it("guards the local ports, and is a router or asks one as nat says", () => {
    const router = { uplink: "eth0", lan: "eth1" };
    expect(policyFor({ asterisk: { ariPort: 8001, managerPort: 8002 } })?.localPorts).toEqual([8001, 8002]);
    expect(policyFor({ nat: { mode: "router", router } })).toMatchObject({ router, asksRouter: false });
    expect(policyFor({ nat: { mode: "upstream", router } })).toMatchObject({ router: null, asksRouter: true });
    expect(policyFor({ nat: { mode: "none" } })).toMatchObject({ router: null, asksRouter: false });
  });
});
