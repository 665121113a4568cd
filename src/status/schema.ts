import { z } from "zod";

/**
 * The status model: the payload of every topic. Types are inferred from here, the topic table and its JSON Schemas are
 * generated from here (`topics.ts`). Invariants: no secret ever has a place in it; times are Unix time in ms (`…Ms`);
 * what is not known is null, never left out.
 */

const ms = (description: string) => z.number().int().nonnegative().meta({ description });
const count = (description: string) => z.number().int().nonnegative().meta({ description });
/** Names of ours have up to 24 characters, identifiers of calls and alerts up to 64, host names up to 253. */
const named = (description: string) => z.string().max(64).meta({ description });
const text = (description: string) => z.string().max(256).meta({ description });
const flag = (description: string) => z.boolean().meta({ description });
const words = (description: string) => z.string().max(1_000).meta({ description });

const faults = z.array(z.string().max(1_000)).max(20).meta({ description: "What is wrong." });
const counted = z.record(z.string().max(64), z.number()).refine((all) => Object.keys(all).length <= 128, "too many");
const counters = (description: string) => counted.meta({ description, maxProperties: 128 });

/** Where the gateway stands. `degraded`: calls go on, but something is wrong (see the alerts). */
export const gatewayStates = ["starting", "ready", "degraded", "faulty", "stopping"] as const;

const runningSchema = z.strictObject({
  slot: z.enum(["a", "b"]).meta({ description: "The system that runs." }),
  trial: flag("It is new and has to prove itself: otherwise the other one comes back."),
});

export const gatewaySchema = z.strictObject({
  site: named("Identifier of the site, as in the topics."),
  name: text("What people call the gateway."),
  version: text("Version of the gateway's software."),
  system: runningSchema.nullable().meta({ description: "Which of the appliance's two systems runs; null elsewhere." }),
  state: z.enum(gatewayStates).meta({ description: "Where the gateway stands." }),
  fault: words("What keeps the gateway from calls.").nullable(),
  simulated: z.boolean().meta({ description: "Some line belongs to the simulated PAX." }),
  startedMs: ms("When the gateway started."),
  readyMs: ms("Since when calls can be made.").nullable(),
});

export const lineStates = [
  "starting",
  "idle",
  "seized",
  "proceeding",
  "talking",
  "seizing",
  "sending",
  "awaiting-answer",
  "second-stage",
  "awaiting-clear",
  "guard",
  "parked",
  "fault",
] as const;

const dialSchema = z.strictObject({
  ips: z.number().nullable().meta({ description: "Impulses a second of the dial last heard (7-14 are understood)." }),
  breakPercent: z.number().nullable().meta({ description: "Break ratio of the dial last heard, percent." }),
  digits: count("Digits heard since the start."),
  errors: count("Digits that were not understood."),
  falseBreaks: count("False extra impulses that were left out."),
  warn: z.boolean().meta({ description: "A dial's speed or break is outside what it should be." }),
});

const callsToday = {
  fromPax: count("Calls from the PAX today."),
  toPax: count("Calls to the PAX today."),
  answered: count("Calls that were answered today."),
};

export const lineSchema = z.strictObject({
  line: named("Name of the line."),
  type: z.enum(["tie-line", "subscriber"]).meta({ description: "Kind of line." }),
  group: named("Line group."),
  state: z.enum(lineStates).meta({ description: "What the line is doing." }),
  sinceMs: ms("Since when."),
  blocked: z.boolean().meta({ description: "Taken out of service by hand." }),
  call: named("The call that uses it.").nullable(),
  digits: z.string().max(64).meta({ description: "Digits dialled in the present call, as far as they are known." }),
  dial: dialSchema.meta({ description: "Health of the dials heard on the line." }),
  callsToday: z.strictObject(callsToday).meta({ description: "Calls of the line today." }),
});

export const digitEventSchema = z.strictObject({
  atMs: ms("When the digit was complete."),
  digit: z.number().int().min(0).max(9).nullable().meta({ description: "The digit; null: not understood." }),
  reason: words("Why it was not understood.").nullable(),
  ips: z.number().nullable().meta({ description: "Impulses a second; null for one impulse." }),
  breakPercent: z.number().nullable().meta({ description: "Break ratio, percent; null for one impulse." }),
});

export const callSchema = z.strictObject({
  call: named("Identifier of the call, unique since the start."),
  direction: z.enum(["from-pax", "to-pax"]).meta({ description: "Who called." }),
  line: named("Line in use.").nullable(),
  number: z.string().max(64).meta({ description: "Number that was called; from the PAX: digits dialled so far." }),
  caller: z.string().max(64).meta({ description: "Caller's number as the network gives it; not to be trusted." }),
  via: text("Trunk, account or service at the far end.").nullable(),
  phase: z.enum(["dialling", "calling", "talking", "ended", "refused"]).meta({ description: "How far it is." }),
  begunMs: ms("When it began."),
  answeredMs: ms("When it was answered.").nullable(),
  endedMs: ms("When it ended.").nullable(),
  reason: words("How it ended.").nullable(),
});

export const callsSchema = z.strictObject({
  active: z.array(callSchema).max(64).meta({ description: "Calls under way." }),
  recent: z.array(callSchema).max(20).meta({ description: "Calls that have ended, the latest first." }),
  today: z
    .strictObject({ ...callsToday, refused: count("Calls that were refused today.") })
    .meta({ description: "Calls today." }),
});

export const callEventSchema = z.strictObject({
  type: z.enum(["begun", "placed", "answered", "ended", "refused"]).meta({ description: "What happened." }),
  atMs: ms("When."),
  call: callSchema.meta({ description: "The call, as it is now." }),
});

export const trunkSchema = z.strictObject({
  trunk: named("Name of the trunk."),
  server: text("Its SIP server."),
  registered: flag("Whether the server knows of us; null: it does not register.").nullable(),
  sinceMs: ms("Since when that is so."),
  calls: count("Calls through it now."),
  callLimit: count("Calls that it may carry."),
});

const banSchema = z.strictObject({
  address: text("Address or network, canonical."),
  reason: words("Why, in the gateway's words."),
  sinceMs: ms("When the ban began."),
  untilMs: ms("When it ends.").nullable(),
  count: count("How often it was banned."),
});

export const guardSchema = z.strictObject({
  protect: z.enum(["host", "gateway", "none"]).meta({ description: "What the firewall guards." }),
  mode: z.enum(["allowlist", "open"]).meta({ description: "Who may send SIP." }),
  inForce: z.boolean().meta({ description: "The wanted rules are in the kernel." }),
  faults,
  trial: z
    .strictObject({
      state: z.enum(["confirmed", "on-trial", "reverted"]).meta({ description: "Confirm or revert." }),
      endsMs: ms("When an unconfirmed change is taken back.").nullable(),
      changes: z.array(z.string().max(256)).max(50).meta({ description: "What changed." }),
    })
    .meta({ description: "A change of the firewall that waits for its confirmation." }),
  droppedPerMinute: count("Packets dropped in the last whole minute."),
  dropped: count("Packets dropped since the rules were made."),
  counters: counters("The rules' counters, packets."),
  scanner: counters("Packets of known scanners, by token."),
  sources: z
    .strictObject({
      trusted: count("Trunks and operators."),
      registered: count("Phones registered now."),
      allowed: count("Allowed addresses and networks."),
      blocked: count("Blocked by lists."),
      limited: count("Limited now."),
    })
    .meta({ description: "Sources that the guard knows." }),
  lists: z
    .array(
      z.strictObject({
        name: named("Block list."),
        entries: count("Entries in use."),
        updatedMs: ms("When it was last read to its end.").nullable(),
        fault: words("Why the last attempt failed.").nullable(),
      }),
    )
    .max(32)
    .meta({ description: "Block lists with their ages." }),
  bans: z
    .strictObject({
      total: count("Bans in force."),
      latest: z.array(banSchema).max(20).meta({ description: "The youngest bans." }),
    })
    .meta({ description: "Bans." }),
  top: z
    .array(z.strictObject({ address: text("Source."), count: count("Bans and limits so far.") }))
    .max(10)
    .meta({ description: "Sources that were banned or limited most often since the start." }),
});

export const guardEventSchema = z.strictObject({
  type: z.enum(["banned", "released", "confirmed", "reverted"]).meta({ description: "What happened." }),
  atMs: ms("When."),
  ban: banSchema.nullable().meta({ description: "The ban; null: it was no ban." }),
});

export const natSchema = z.strictObject({
  mode: z.enum(["none", "upstream", "router"]).meta({ description: "nat.mode." }),
  protocol: z.enum(["pcp", "nat-pmp", "upnp"]).nullable().meta({ description: "What works at the router." }),
  router: text("The router's address.").nullable(),
  externalAddress: text("Our address at the outside.").nullable(),
  externalPort: z.number().int().nullable().meta({ description: "SIP's port there." }),
  stunAddress: text("Our address as STUN servers see it.").nullable(),
  doubleNat: z.boolean().meta({ description: "The router is behind another one." }),
  mappings: z
    .array(
      z.strictObject({
        name: named("What it is for."),
        externalPort: z.number().int().nullable().meta({ description: "Outside port." }),
        expiresMs: ms("When it lapses.").nullable(),
        fault: words("Why there is none.").nullable(),
      }),
    )
    .max(16)
    .meta({ description: "Port mappings." }),
  advice: words("What somebody has to set elsewhere.").nullable(),
  faults,
});

export const systemSchema = z.strictObject({
  atMs: ms("When these were measured."),
  model: text("The machine.").nullable(),
  os: text("Operating system."),
  cpuPercent: z.number().nullable().meta({ description: "Use of all processors since the last look, percent." }),
  load: z.number().meta({ description: "Load average of one minute." }),
  temperatureC: z.number().nullable().meta({ description: "Processor's temperature, degrees Celsius." }),
  memoryTotalMb: z.number().meta({ description: "Memory, MB." }),
  memoryAvailableMb: z.number().meta({ description: "Memory that programs can still have, MB." }),
  processMb: z.number().meta({ description: "Resident memory of the supervisor, MB." }),
  uptimeS: z.number().meta({ description: "Time since the machine started, s." }),
  disk: z
    .strictObject({
      totalMb: z.number().meta({ description: "Size of the file system of the state, MB." }),
      freeMb: z.number().meta({ description: "Free there, MB." }),
      writtenMb: z.number().nullable().meta({ description: "Written to the card since the machine started, MB." }),
      wearPercent: z.number().nullable().meta({ description: "Life used, as an eMMC tells; null for most cards." }),
    })
    .meta({ description: "The card." }),
  throttled: z
    .strictObject({
      underVoltage: flag("The power supply gives too little."),
      capped: flag("The clock is capped."),
      throttled: flag("The clock is slowed down, for heat."),
      sinceBoot: z.boolean().meta({ description: "Any of these has happened since the machine started." }),
    })
    .nullable()
    .meta({ description: "Raspberry Pi: too little voltage, or too hot; null elsewhere." }),
});

export const inputSchema = z.strictObject({
  input: named("Name of the monitored input."),
  label: named("What it shows."),
  active: z.boolean().nullable().meta({ description: "Its state; null: it can't be read." }),
  sinceMs: ms("Since when."),
  alarm: z.boolean().meta({ description: "Its being active is an alert." }),
  operationsToday: count("How often it became active today."),
  operations: count("How often it became active, ever."),
});

export const alertSchema = z.strictObject({
  alert: named("Identifier of the alert."),
  severity: z.enum(["warning", "error"]).meta({ description: "error: calls or the guard suffer." }),
  source: named("Part of the gateway that raised it."),
  text: words("What is wrong."),
  sinceMs: ms("Since when."),
});

export const buttonEventSchema = z.strictObject({
  type: z
    .enum(["identify", "reset", "factory-reset", "cancelled", "stuck"])
    .meta({ description: "identify: a short press. cancelled: released in between." }),
  atMs: ms("When."),
});

export const credentialsSchema = z.strictObject({
  windowUntilMs: ms("Until when new credentials can be collected; null: not now.").nullable(),
  collectedBy: text("Address that collected them in this window.").nullable(),
  lastResetMs: ms("When all credentials were last made anew; null: never.").nullable(),
  resetPending: z.boolean().meta({ description: "A reset has begun and is not complete." }),
});

export const heartbeatSchema = z.strictObject({ atMs: ms("When this was sent.") });

export type GatewayStatus = z.infer<typeof gatewaySchema>;
export type LineStatusPayload = z.infer<typeof lineSchema>;
export type DigitEvent = z.infer<typeof digitEventSchema>;
export type CallStatus = z.infer<typeof callSchema>;
export type CallsStatus = z.infer<typeof callsSchema>;
export type CallEvent = z.infer<typeof callEventSchema>;
export type TrunkStatus = z.infer<typeof trunkSchema>;
export type BanStatus = z.infer<typeof banSchema>;
export type GuardStatus = z.infer<typeof guardSchema>;
export type GuardEvent = z.infer<typeof guardEventSchema>;
export type NatStatus = z.infer<typeof natSchema>;
export type SystemStatus = z.infer<typeof systemSchema>;
export type InputStatus = z.infer<typeof inputSchema>;
export type AlertStatus = z.infer<typeof alertSchema>;
export type ButtonEvent = z.infer<typeof buttonEventSchema>;
export type CredentialsStatus = z.infer<typeof credentialsSchema>;
