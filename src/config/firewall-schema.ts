import { z } from "zod";
import { name, plainText, secret, text } from "./fields.ts";

/** The `firewall` section of `paxgate.yaml`. */

const count = (min: number, max: number, byDefault: number, description: string) =>
  z.number().int().min(min).max(max).default(byDefault).meta({ description, apply: "restart" });

const source = text(
  /^[A-Za-z0-9:](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9:])?(?:\/[0-9]{1,3})?$/,
  "an IP address, a network such as 192.168.1.0/24, or a DNS name",
);

const sources = (byDefault: readonly string[], description: string, example?: readonly string[]) =>
  z
    .array(source)
    .max(256)
    .default([...byDefault])
    .meta({ description, apply: "restart", ...(example === undefined ? {} : { example }) });

/** Every network that is not the Internet's: RFC 1918, RFC 4193 and link-local (RFC 4291 section 2.5.6). */
export const PRIVATE_NETWORKS = ["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "fd00::/8", "fe80::/10"] as const;

const listsSchema = z
  .strictObject({
    trunks: sources(
      [],
      "Further addresses of the trunks' servers. Those in `trunks` belong to it by themselves. Never banned.",
      ["198.51.100.10"],
    ),
    operators: sources([], "The operators' own addresses: management and SIP, never banned.", ["192.168.1.20"]),
    eventNetwork: sources([], "Where phones of the event may send SIP from; limited and banned when they misbehave.", [
      "10.42.0.0/16",
    ]),
    management: sources(PRIVATE_NETWORKS, "Where the management ports can be reached from."),
  })
  .meta({ description: "Named lists of addresses, networks and DNS names." });

const limitsSchema = z
  .strictObject({
    requestBurst: count(
      2,
      100,
      3,
      "SIP requests that a source may send at once before it has registered, REGISTER and INVITE together. A login takes two of them, a guess one or two.",
    ),
    requestsPerHour: count(
      1,
      3600,
      12,
      "How many requests a source that has used its burst is given again in an hour.",
    ),
    limitedMinutes: count(1, 60, 10, "How long the kernel drops everything from a source over its limit, minutes."),
    failures: count(1, 100, 3, "Failed logins, as Asterisk saw them, that make a ban."),
    failureHours: count(1, 168, 24, "How long a failed login counts, hours."),
    banMinutes: z.array(z.number().int().min(1).max(525_600)).min(1).max(8).default([10, 60, 1440, 10_080]).meta({
      description: "Length of the first, second, ... ban of a source; the last one is kept.",
      apply: "restart",
    }),
    trustedInvitesPerSecond: count(
      1,
      1000,
      5,
      "New calls that a trunk, an operator or a registered phone may send; more are dropped, nobody is banned.",
    ),
    trustedInviteBurst: count(1, 1000, 20, "How many of them may come at once."),
  })
  .meta({ description: "Adaptive limits." });

const scannerSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: "Drop SIP requests with the User-Agent of a known scanner. Reduces noise; no defence.",
      apply: "restart",
    }),
    strict: z.boolean().default(false).meta({
      description: "Also the second tier: names that ordinary software may contain.",
      apply: "restart",
    }),
    tokens: z
      .array(text(/^[A-Za-z0-9 ._/-]{3,64}$/, "3 to 64 letters, digits, spaces and . _ / -"))
      .max(32)
      .default([])
      .meta({ description: "Further tokens.", apply: "restart", example: ["evil-scan"] }),
  })
  .meta({ description: "Scanner filter." });

const url = text(/^https?:\/\/[^\s]{1,500}$/, "an http or https URL");

const apibanSchema = z
  .strictObject({
    key: secret("API key for APIBAN, or {file: PATH}. Without one APIBAN is not asked.", "apiban.key").optional(),
    url: url.default("https://apiban.org").meta({ description: "Where APIBAN is.", apply: "restart" }),
    refreshMinutes: count(5, 1440, 30, "How often new entries are asked for, minutes."),
  })
  .meta({ description: "APIBAN: addresses that attack SIP servers elsewhere." });

const blockListSchema = z.strictObject({
  name: name("Name of the list.", "local"),
  file: plainText(1024).optional().meta({
    description: "File with an address or a network on each line; # begins a comment. Relative to this file.",
    apply: "restart",
    example: "blocked.txt",
  }),
  url: url.optional().meta({
    description: "Or where to fetch it from.",
    apply: "restart",
    example: "https://example.org/blocked.txt",
  }),
  refreshMinutes: count(5, 10_080, 1440, "How often it is read again, minutes."),
});

const allowSchema = z.strictObject({
  port: z.number().int().min(1).max(65_535).meta({ description: "Port.", apply: "restart", example: 123 }),
  protocol: z.enum(["udp", "tcp"]).default("tcp").meta({ description: "udp or tcp.", apply: "restart" }),
  from: z
    .array(source)
    .min(1)
    .max(64)
    .meta({
      description: "Addresses, networks or DNS names.",
      apply: "restart",
      example: ["192.168.1.0/24"],
    }),
});

export const firewallSchema = z
  .strictObject({
    protect: z.enum(["host", "gateway", "none"]).default("host").meta({
      description:
        "host: nothing reaches this machine but what is allowed here. gateway: only the gateway's own ports are guarded, for a machine that does other things too. none: no firewall.",
      apply: "restart",
    }),
    mode: z.enum(["allowlist", "open"]).default("allowlist").meta({
      description:
        "allowlist: SIP only from the trunks, the lists and the accounts' networks. open: from anywhere, defended by limits and bans.",
      apply: "restart",
    }),
    lists: listsSchema.prefault({}),
    managementPorts: z.array(z.number().int().min(1).max(65_535)).max(16).default([22]).meta({
      description: "TCP ports for management.",
      apply: "restart",
    }),
    allow: z
      .array(allowSchema)
      .max(32)
      .default([])
      .meta({
        description: "Further services of this machine that may be reached.",
        apply: "restart",
        example: [{ port: 9100, from: ["192.168.1.0/24"] }],
      }),
    limits: limitsSchema.prefault({}),
    scanner: scannerSchema.prefault({}),
    apiban: apibanSchema.prefault({}),
    blockLists: z
      .array(blockListSchema)
      .max(16)
      .default([])
      .meta({
        description: "Further block lists.",
        apply: "restart",
        example: [{ name: "local", file: "blocked.txt" }],
      }),
    confirmSeconds: count(
      0,
      3600,
      120,
      "A change of the firewall made while an operator is connected is taken back after this, unless it is confirmed (paxgate firewall confirm). 0: never.",
    ),
  })
  .meta({ description: "Who may reach the gateway." });
