import { z } from "zod";
import { name, plainText, secret, text } from "./fields.ts";

/** The sections `status`, `web`, `inputs`, `button` and `credentials` of `paxgate.yaml`. */

const MOST_INPUTS = 16;

const path = (description: string, example: string) =>
  plainText(1024).meta({ description: `${description} Relative to this file.`, apply: "restart", example });

const listen = (byDefault: "lan" | "loopback", description: string) =>
  z.enum(["lan", "loopback"]).default(byDefault).meta({ description, apply: "restart" });

const mqttSchema = z
  .strictObject({
    url: text(
      /^(?:mqtts?|wss?):\/\/[A-Za-z0-9.:[\]-]{1,253}(?:\/[A-Za-z0-9._/-]{0,128})?$/,
      "mqtt://, mqtts://, ws:// or wss:// with host and port",
    ).meta({
      description: "Where the broker is: mqtt://HOST[:1883], mqtts://HOST[:8883], ws:// or wss://.",
      apply: "restart",
      example: "mqtts://broker.example:8883",
    }),
    username: plainText(128)
      .optional()
      .meta({ description: "Username at the broker.", apply: "restart", example: "pax" }),
    password: secret("Password at the broker, or {file: PATH}.", "mqtt.password").optional(),
    ca: path(
      "File with the certificates that the broker's must be signed by; without it, the system's.",
      "ca.pem",
    ).optional(),
    cert: path("File with our own certificate, for a broker that asks for one.", "client.pem").optional(),
    key: path("File with its key; mode 0600.", "client.key").optional(),
    protocol: z
      .union([z.literal(4), z.literal(5)])
      .default(4)
      .meta({
        description: "MQTT's protocol level: 4 is MQTT 3.1.1, which every broker speaks, 5 is MQTT 5.",
        apply: "restart",
      }),
  })
  .meta({ description: "A broker to publish to. Without it the gateway's own serves the page." });

const brokerSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: "Run a broker where status.mqtt is not configured.",
      apply: "restart",
    }),
    port: z.number().int().min(1024).max(65_535).default(1883).meta({
      description: "Its TCP port.",
      apply: "restart",
    }),
    listen: listen("loopback", "Who may connect to it: lan (firewall.lists.management) or loopback."),
  })
  .meta({ description: "The gateway's own MQTT broker." });

const fleetSchema = z
  .strictObject({
    key: secret(
      "Key that the gateways of a fleet share, at least 16 characters, or {file: PATH}. Whoever has it can sign for any of them.",
      "fleet.key",
    ).optional(),
    shareBans: z.boolean().default(false).meta({
      description: "Tell the other gateways of every ban. Needs key.",
      apply: "restart",
    }),
    acceptBans: z
      .array(name("Identifier of a site."))
      .max(32)
      .default([])
      .meta({
        description:
          "Sites whose bans count here too. Needs key. Whoever is trusted or allowed here is never banned by them.",
        apply: "restart",
        example: ["north-field"],
      }),
  })
  .meta({ description: "Several gateways on one broker." });

export const statusSchema = z
  .strictObject({
    topic: text(/^[A-Za-z0-9_-]{1,32}$/, "1 to 32 letters, digits, _ and -")
      .default("paxgate")
      .meta({
        description: "First level of all topics.",
        apply: "restart",
      }),
    mqtt: mqttSchema.optional(),
    broker: brokerSchema.prefault({}),
    requests: z.boolean().default(false).meta({
      description:
        "Take requests over MQTT (TOPIC/SITE/request/#). Whoever may publish there may then work the gateway.",
      apply: "restart",
    }),
    homeAssistant: z.boolean().default(false).meta({
      description: "Announce the gateway to Home Assistant (MQTT discovery).",
      apply: "restart",
    }),
    homeAssistantTopic: text(/^[A-Za-z0-9_-]{1,32}$/, "1 to 32 letters, digits, _ and -")
      .default("homeassistant")
      .meta({
        description: "Home Assistant's discovery prefix.",
        apply: "restart",
      }),
    heartbeatSeconds: z.number().int().min(5).max(600).default(30).meta({
      description: "How often the gateway says that it is there, seconds.",
      apply: "restart",
    }),
    fleet: fleetSchema.prefault({}),
  })
  .meta({ description: "What the gateway tells of itself, by MQTT." });

export const webSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: "Serve the dashboard and /metrics.", apply: "restart" }),
    port: z.number().int().min(1024).max(65_535).default(8080).meta({
      description: "TCP port of the page.",
      apply: "restart",
    }),
    listen: listen("lan", "Who may see it: lan (firewall.lists.management and operators) or loopback."),
    cert: path(
      "File with a certificate, for HTTPS. Without one passwords cross the LAN unencrypted.",
      "web.pem",
    ).optional(),
    key: path("File with its key; mode 0600.", "web.key").optional(),
    metricsFrom: z
      .array(z.union([z.ipv4(), z.ipv6()]))
      .max(16)
      .default([])
      .meta({
        description: "Addresses that may read /metrics without the password.",
        apply: "restart",
        allowed: "an IP address",
        example: ["192.168.1.30"],
      }),
  })
  .meta({ description: "The page." });

const gpioLine = text(
  // No dash first: the name is an argument of gpioinfo.
  /^[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,68}$/,
  "sim, a GPIO line's name, or CHIP-LABEL:OFFSET such as pinctrl-bcm2835:17",
);

const inputSchema = z.strictObject({
  name: name("Name of the input, in topics.", "selector-1"),
  label: plainText(48).meta({ description: "What it shows, in words.", apply: "restart", example: "Selector 1 busy" }),
  gpio: gpioLine.default("sim").meta({ description: "Its GPIO line, or sim (the simulated PAX).", apply: "restart" }),
  activeLow: z.boolean().default(true).meta({
    description: "Low when active, as behind most opto-couplers.",
    apply: "restart",
  }),
  debounceMs: z.number().int().min(0).max(1000).default(20).meta({
    description: "A change that does not last so long is none, ms.",
    apply: "restart",
  }),
  alarm: z
    .boolean()
    .default(false)
    .meta({ description: "Its being active is an alert (a fuse alarm).", apply: "restart" }),
});

export const inputsSchema = z
  .array(inputSchema)
  .max(MOST_INPUTS)
  .default([])
  .meta({
    description: "Contacts of the exchange that are shown and counted.",
    example: [{ name: "selector-1", label: "Selector 1 busy" }],
  });

export const buttonSchema = z
  .strictObject({
    gpio: gpioLine.optional().meta({
      description: "GPIO line of the reset button, or sim. Without it there is no button.",
      apply: "restart",
      example: "paxgate-button",
    }),
    activeLow: z.boolean().default(true).meta({ description: "Low when pressed.", apply: "restart" }),
    led: text(/^[A-Za-z0-9_.:-]{1,64}$/, "sim, or a name under /sys/class/leds")
      .optional()
      .meta({
        description: "Status LED: sim, or its name under /sys/class/leds.",
        apply: "restart",
        example: "paxgate-status",
      }),
  })
  .meta({ description: "The reset button: short press identifies, 5 s new credentials, 15 s factory reset." });

export const credentialsSchema = z
  .strictObject({
    windowMinutes: z.number().int().min(1).max(60).default(10).meta({
      description: "How long after a reset by the button new credentials can be collected, minutes.",
      apply: "restart",
    }),
    file: path(
      "File that holds them for as long, such as one on the boot partition; deleted afterwards.",
      "/boot/firmware/paxgate-credentials.txt",
    ).optional(),
  })
  .meta({ description: "Credentials that the gateway issues." });
