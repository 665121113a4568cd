import { z } from "zod";
import { digits, host, name, network, pattern, plainText, port, secret, text } from "./fields.ts";
import { firewallSchema } from "./firewall-schema.ts";
import { natSchema } from "./nat-schema.ts";
import { paxOverridesSchema, paxProfileNames } from "./pax-profile.ts";
import { buttonSchema, credentialsSchema, inputsSchema, statusSchema, webSchema } from "./status-schema.ts";

/**
 * The one schema of `paxgate.yaml`. Types, the JSON Schema, the commented example and the settings page are generated
 * from it (see `generate.ts`). Every field says what it means and when a change to it takes effect (`apply`).
 */
const siteSchema = z
  .strictObject({
    name: plainText(64).default("PAX gateway").meta({
      description: "What people call this gateway.",
      apply: "restart",
    }),
    id: name("Identifier of the gateway in MQTT topics; no two on a broker may have the same.", "north-field")
      .optional()
      .meta({ defaultText: "made from the name" }),
  })
  .meta({ description: "Whose gateway this is." });

const paxSchema = z
  .strictObject({
    profile: z.enum(paxProfileNames).default("pax50").meta({
      description: "The kind of exchange: pax50 (50-line register PAX), two-motion, or custom.",
      apply: "restart",
    }),
    overrides: paxOverridesSchema.prefault({}),
  })
  .meta({ description: "The exchange." });

const gpioLine = text(/^[A-Za-z0-9_.:-]{1,64}$/, "a GPIO line's name, or CHIP-LABEL:OFFSET");
const ledName = text(/^[A-Za-z0-9_.:-]{1,64}$/, "a name under /sys/class/leds");

/** GPIO names of one line's interface. Outputs are LED-class devices, whose `pattern` trigger times the impulses. */
const gpioInterfaceSchema = z.strictObject({
  inputs: z
    .strictObject({
      loop: gpioLine
        .optional()
        .meta({ description: "tie-line: the PAX has looped our feed.", example: "line-1-loop", apply: "restart" }),
      ring: gpioLine
        .optional()
        .meta({ description: "subscriber: ringing current present.", example: "line-1-ring", apply: "restart" }),
      current: gpioLine
        .optional()
        .meta({ description: "Loop current while we hold the loop.", example: "line-1-current", apply: "restart" }),
      reversal: gpioLine
        .optional()
        .meta({ description: "Polarity reversed by the PAX (answer).", example: "line-1-reversal", apply: "restart" }),
    })
    .meta({ description: "GPIO lines of the inputs. What is missing is inferred.", apply: "restart" }),
  activeLow: z
    .array(z.enum(["loop", "ring", "current", "reversal"]))
    .max(4)
    .default([])
    .meta({
      description: "Inputs that are low when active, as behind most opto-couplers.",
      apply: "restart",
    }),
  outputs: z
    .strictObject({
      loop: ledName.meta({ description: "Closes the loop towards the PAX.", example: "line-1-loop", apply: "restart" }),
      reversal: ledName
        .optional()
        .meta({ description: "Answer supervision towards the PAX.", example: "line-1-reversal", apply: "restart" }),
      busy: ledName.optional().meta({ description: "Back-busies the line.", example: "line-1-busy", apply: "restart" }),
    })
    .meta({ description: "LED-class devices of the outputs.", apply: "restart" }),
  audio: text(/^[A-Za-z0-9_.,:=-]{1,64}$/, "an ALSA device such as plughw:1,0").meta({
    description: "ALSA device of the line's codec.",
    example: "plughw:1,0",
    apply: "restart",
  }),
});

const gain = (description: string) => z.number().min(-24).max(24).default(0).meta({ description, apply: "restart" });

const serviceNames = ["echo", "clock", "milliwatt"] as const;

/** Where a call from the PAX goes: exactly one of `trunk`, `account`, `service`. */
const destinationShape = {
  trunk: name(
    "Call the event network through this trunk, or through a free one of this trunk group.",
    "event",
  ).optional(),
  account: name("Call the phone of this local account.", "desk").optional(),
  service: z.enum(serviceNames).optional().meta({
    description: "A service of the gateway: echo (echo test), clock (speaking clock stand-in), milliwatt (test tone).",
    apply: "restart",
    example: "echo",
  }),
  number: digits(
    3,
    8,
    "trunk: the number to call, for speed codes. Without it, the digits that were dialled.",
    "4123",
  ).optional(),
  strip: z.number().int().min(0).max(8).default(0).meta({
    description: "trunk: how many dialled digits to leave out at the front.",
    apply: "restart",
  }),
  prefix: digits(1, 8, "trunk: digits to put in front of what was dialled.", "88").optional(),
};

const lineSchema = z.strictObject({
  name: name("Name of the line, in logs and commands.", "tie-1"),
  type: z.enum(["tie-line", "subscriber"]).default("tie-line").meta({
    description: "tie-line (both-way, loop calling and loop impulsing) or subscriber (we look like a telephone).",
    apply: "restart",
  }),
  group: name("Lines of a group stand for one another: calls to the PAX hunt over the free ones.").default("pax"),
  interface: z
    .union([z.literal("sim"), gpioInterfaceSchema])
    .default("sim")
    .meta({ description: "sim (the simulated PAX) or the GPIO names of the line's interface.", apply: "restart" }),
  gainToPaxDb: gain("Gain of the audio towards the PAX, dB."),
  gainFromPaxDb: gain("Gain of the audio from the PAX, dB."),
  hotline: z
    .strictObject(destinationShape)
    .optional()
    .meta({ description: "subscriber: where a call goes when the PAX rings this line.", apply: "restart" }),
});

const EMERGENCY =
  "The limits on calls in an hour and on a call's length don't count for this number. It still needs a free line, and a trunk below its callLimit.";

const fromPaxRuleSchema = z.strictObject({
  dial: pattern("Digits dialled after the tie-line digit: 0-9, X (0-9), Z (1-9), N (2-9), sets such as [2-5].", "4XXX"),
  ...destinationShape,
  emergency: z.boolean().default(false).meta({
    description: EMERGENCY,
    apply: "restart",
  }),
});

const toPaxRuleSchema = z.strictObject({
  number: pattern("Event number that is called, exact or as a pattern.", "41XX"),
  extension: text(/^[0-9X]{1,4}$/, "1 to 4 digits, or X for digits of the number's wildcards; in quotes")
    .optional()
    .meta({
      description: "PAX extension to dial. An X takes the digit of the number's wildcard, counted from the right.",
      apply: "restart",
      example: "XX",
    }),
  secondStage: z.boolean().default(false).meta({
    description: "Instead of an extension: the caller hears the PAX's dial tone and dials on with his keys.",
    apply: "restart",
  }),
  secondStageDigits: z.array(pattern("Digits that may be keyed.", "[2-5]X")).min(1).max(16).default(["[1-578]X"]).meta({
    description:
      "secondStage: what the caller may dial. Anything else is not sent, and ends the call. Leave out the digits by which the PAX reaches its tie lines (usually 9, 6, 0), or the event could call out through them.",
    apply: "restart",
  }),
  group: name("Line group to use.", "pax").default("pax"),
  emergency: z.boolean().default(false).meta({ description: EMERGENCY, apply: "restart" }),
});

const numberPlanSchema = z
  .strictObject({
    fromPax: z
      .array(fromPaxRuleSchema)
      .max(500)
      .default([])
      .meta({
        description: "What a PAX caller may dial after the tie-line digit. Prefix-free: no number may begin another.",
        apply: "restart",
        example: [
          { dial: "[1-4]XXX", trunk: "event" },
          { dial: "50", service: "echo" },
          { dial: "51", account: "desk" },
          { dial: "999", trunk: "event", emergency: true },
        ],
      }),
    toPax: z
      .array(toPaxRuleSchema)
      .max(500)
      .default([])
      .meta({
        description: "Which event numbers reach the PAX, and how. Everything else is refused.",
        apply: "restart",
        example: [
          { number: "41XX", extension: "XX" },
          { number: "4200", secondStage: true },
        ],
      }),
  })
  .meta({ description: "What may be called. Everything that is not listed is refused." });

const trunkSchema = z.strictObject({
  name: name("Name of the trunk.", "emf"),
  group: name("Trunks of a group stand for one another: calls hunt over the free ones.").default("event"),
  server: host.meta({ description: "SIP server of the event.", apply: "restart", example: "clients.sip.poc.emf.camp" }),
  port: z.number().int().min(1).max(65_535).default(5060).meta({
    description: "UDP or TCP port of the event's SIP server.",
    apply: "restart",
  }),
  transport: z.enum(["udp", "tcp"]).default("udp").meta({ description: "udp or tcp.", apply: "restart" }),
  username: text(/^[A-Za-z0-9._-]{1,64}$/, "1 to 64 letters, digits, . _ and -; in quotes").meta({
    description: "SIP username as the event issued it (at EMF: the number).",
    apply: "restart",
    example: "4100",
  }),
  password: secret("SIP password as the event issued it, or {file: PATH}.", "trunk.password"),
  number: digits(1, 8, "Our number on the event network; without it, the username.", "4100").optional(),
  register: z.boolean().default(true).meta({ description: "Register, so that calls come to us.", apply: "restart" }),
  callLimit: z.number().int().min(1).max(32).default(1).meta({
    description:
      "Calls at the same time through this trunk. A call to a number that is no trunk's own counts for any one of the trunks at its server: raise it on all of them.",
    apply: "restart",
  }),
});

const accountSchema = z.strictObject({
  name: name("Name of the account. Its SIP username and secret are generated: see `paxgate accounts`.", "desk"),
  networks: z.array(network).max(32).default([]).meta({
    description: "Where the phone may register from. Empty: from sip.localNetworks only.",
    apply: "restart",
  }),
  callLimit: z.number().int().min(1).max(8).default(1).meta({
    description: "Calls at the same time.",
    apply: "restart",
  }),
});

/** Codecs that can be allowed, by their names in Asterisk. */
export const codecNames = ["ulaw", "alaw", "g722", "gsm"] as const;

/** What `sip.localNetworks` is when nobody says otherwise: every private network may be ours. */
export const usualLocalNetworks: readonly string[] = ["127.0.0.0/8", "192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12"];

const sipSchema = z
  .strictObject({
    port: port(5060, "Port that Asterisk listens on for SIP. Any port will do; phones must be told."),
    bindAddress: z.union([z.ipv4(), z.ipv6()]).default("0.0.0.0").meta({
      allowed: "an IP address",
      description: "Address that Asterisk listens on.",
      apply: "restart",
    }),
    tcp: z.boolean().default(false).meta({ description: "Listen on TCP too.", apply: "restart" }),
    codecs: z.array(z.enum(codecNames)).min(1).default(["ulaw", "alaw", "g722", "gsm"]).meta({
      description: "Allowed codecs, best first.",
      apply: "restart",
    }),
    externalAddress: host.optional().meta({
      description: "Public address, when the gateway is behind a router.",
      apply: "restart",
      example: "198.51.100.7",
    }),
    localNetworks: z
      .array(network)
      .max(32)
      .default([...usualLocalNetworks])
      .meta({
        description:
          "Networks on our side of the router; local accounts register from here. Left as it is with nat.mode upstream, only the networks of our own interfaces are taken for our side: the event's may be private too.",
        apply: "restart",
      }),
    rtpPorts: z
      .strictObject({ from: port(10_000, "First RTP port."), to: port(10_999, "Last RTP port.") })
      .prefault({})
      .meta({
        description: "UDP ports for audio. With nat.mode upstream only the first 100 are used, or what the lines need.",
      }),
  })
  .meta({ description: "SIP." });

const limitsSchema = z
  .strictObject({
    callMinutes: z.number().min(0.1).max(1440).default(60).meta({
      description: "Longest call, minutes.",
      apply: "restart",
    }),
    callsPerHourPerLine: z.number().int().min(1).max(10_000).default(60).meta({
      description: "Calls in an hour that one PAX line may make.",
      apply: "restart",
    }),
    callsPerHourPerAccount: z.number().int().min(1).max(10_000).default(60).meta({
      description: "Calls in an hour that one account, or one number of the event, may bring to the PAX.",
      apply: "restart",
    }),
    callsPerHourPerTrunk: z.number().int().min(1).max(10_000).default(600).meta({
      description:
        "Calls in an hour that all callers of one trunk together may bring to the PAX: a caller's number can be made up.",
      apply: "restart",
    }),
  })
  .meta({ description: "Limits against abuse and against a stuck dial." });

const asteriskSchema = z
  .strictObject({
    ariPort: port(8188, "TCP port on 127.0.0.1 by which the gateway directs its Asterisk's calls (ARI)."),
    managerPort: port(8138, "TCP port on 127.0.0.1 by which the gateway checks its Asterisk (AMI)."),
  })
  .meta({ description: "The gateway's own Asterisk." });

const pathsSchema = z
  .strictObject({
    state: plainText(1024).default("/var/lib/paxgate").meta({
      description: "Directory of what must outlive a restart (generated secrets).",
      apply: "restart",
    }),
    runtime: plainText(1024).default("/run/paxgate").meta({
      description: "Directory of sockets and of the files rendered for Asterisk.",
      apply: "restart",
    }),
  })
  .meta({ description: "Directories. Relative ones are relative to this file." });

/** `paxgate.yaml` as a whole. */
export const configSchema = z
  .strictObject({
    site: siteSchema.prefault({}),
    pax: paxSchema.prefault({}),
    lines: z
      .array(lineSchema)
      .min(1)
      .max(32)
      .meta({ description: "Lines to the PAX.", example: [{ name: "tie-1" }, { name: "tie-2" }] }),
    numberPlan: numberPlanSchema.prefault({}),
    trunks: z
      .array(trunkSchema)
      .max(32)
      .default([])
      .meta({
        description: "Accounts on the event's SIP server.",
        example: [{ name: "emf", server: "clients.sip.poc.emf.camp", username: "4100", password: "as issued" }],
      }),
    accounts: z
      .array(accountSchema)
      .max(64)
      .default([])
      .meta({
        description: "Phones and ATAs behind the gateway.",
        example: [{ name: "desk" }],
      }),
    sip: sipSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    firewall: firewallSchema.prefault({}),
    nat: natSchema.prefault({}),
    status: statusSchema.prefault({}),
    web: webSchema.prefault({}),
    inputs: inputsSchema,
    button: buttonSchema.prefault({}),
    credentials: credentialsSchema.prefault({}),
    asterisk: asteriskSchema.prefault({}),
    paths: pathsSchema.prefault({}),
  })
  .meta({ title: "paxgate.yaml", description: "Configuration of a paxgate gateway." });

export type Config = z.infer<typeof configSchema>;
export type LineConfig = Config["lines"][number];
export type FromPaxRule = Config["numberPlan"]["fromPax"][number];
export type ToPaxRule = Config["numberPlan"]["toPax"][number];
export type Hotline = NonNullable<LineConfig["hotline"]>;
export type TrunkConfig = Config["trunks"][number];
export type AccountConfig = Config["accounts"][number];
export type Limits = Config["limits"];
export type FirewallConfig = Config["firewall"];
export type NatConfig = Config["nat"];
export type RouterConfig = NonNullable<NatConfig["router"]>;
export type StatusConfig = Config["status"];
export type WebConfig = Config["web"];
export type InputConfig = Config["inputs"][number];
export type ButtonConfig = Config["button"];
export type Codec = (typeof codecNames)[number];
export type SecretReference = TrunkConfig["password"];
