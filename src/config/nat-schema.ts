import { z } from "zod";
import { name, text } from "./fields.ts";

/** The `nat` section of `paxgate.yaml`. */

const interfaceName = (description: string, example: string) =>
  text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/, "the name of a network interface").meta({
    description,
    apply: "restart",
    example,
  });

const anyPort = (description: string, example: number) =>
  z.number().int().min(1).max(65_535).meta({ description, apply: "restart", example });

const upstreamSchema = z
  .strictObject({
    protocols: z
      .array(z.enum(["pcp", "nat-pmp", "upnp"]))
      .min(1)
      .max(3)
      .default(["pcp", "nat-pmp", "upnp"])
      .meta({ description: "Ways to ask the router, tried in this order.", apply: "restart" }),
    externalPort: anyPort("SIP port to ask for at the router; without it, sip.port.", 5060).optional(),
    otherPort: z.boolean().default(true).meta({
      description: "When that port is taken at the router, ask for another one.",
      apply: "restart",
    }),
    leaseSeconds: z.number().int().min(120).max(86_400).default(3600).meta({
      description: "How long a mapping is asked for; it is renewed at half of it.",
      apply: "restart",
    }),
  })
  .meta({ description: "upstream: the mapping at the router." });

const forwardSchema = z.strictObject({
  name: name("Name of the forward.", "web"),
  protocol: z.enum(["udp", "tcp"]).default("tcp").meta({ description: "udp or tcp.", apply: "restart" }),
  port: anyPort("Port at the uplink.", 8443),
  to: z
    .ipv4()
    .meta({ description: "Address on the LAN.", apply: "restart", allowed: "an IPv4 address", example: "10.64.0.20" }),
  toPort: anyPort("Port there; without it, the same.", 443).optional(),
});

const routerSchema = z
  .strictObject({
    uplink: interfaceName("Interface to the event network.", "eth0"),
    lan: interfaceName("Interface to our own phones.", "eth1"),
    address: z.cidrv4().default("10.64.0.1/24").meta({
      description: "Our address on the LAN, with the length of the network.",
      apply: "restart",
      allowed: "an address with a prefix length, such as 10.64.0.1/24",
    }),
    dhcp: z
      .boolean()
      .default(true)
      .meta({ description: "Give out addresses and answer DNS on the LAN.", apply: "restart" }),
    leaseHours: z.number().int().min(1).max(168).default(12).meta({
      description: "How long an address is given out for, hours.",
      apply: "restart",
    }),
    forwards: z
      .array(forwardSchema)
      .max(32)
      .default([])
      .meta({
        description: "Ports at the uplink that lead to the LAN. All others are closed.",
        apply: "restart",
        example: [{ name: "web", port: 8443, to: "10.64.0.20", toPort: 443 }],
      }),
  })
  .meta({ description: "router: the two interfaces." });

export const natSchema = z
  .strictObject({
    mode: z.enum(["none", "upstream", "router"]).default("none").meta({
      description:
        "none: nothing, or ports forwarded by hand. upstream: ask the router before us for SIP's port and the audio ports that the lines can use, the first 100 of sip.rtpPorts (more with more than 23 lines). router: this machine is the router.",
      apply: "restart",
    }),
    upstream: upstreamSchema.prefault({}),
    router: routerSchema.optional(),
    stunServers: z
      .array(text(/^[A-Za-z0-9][A-Za-z0-9.-]{0,251}(?::[0-9]{1,5})?$/, "HOST or HOST:PORT"))
      .max(4)
      .default([])
      .meta({
        description: "STUN servers that tell our public address, to find a second router in the way.",
        apply: "restart",
        example: ["stun.example.org:3478"],
      }),
  })
  .meta({ description: "Port forwarding, or being the router." });
