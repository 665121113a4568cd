import { z } from "zod";
import type { InputSource } from "./input-source.ts";

/** What the simulated exchange consists of. Figures without a source are judgement (EJ); see the README. */

/** How pulses stand for digits: uk (n = n, 10 = 0), sweden (n-1), new-zealand (10-n). */
const digitMaps = ["uk", "sweden", "new-zealand"] as const;
export type DigitMap = (typeof digitMaps)[number];

const range = (low: number, high: number) => z.tuple([z.number(), z.number()]).default([low, high]);
const extension = z.string().regex(/^[0-9]{2}$/, "two digits");
const lineName = z.string().regex(/^[a-z][a-z0-9-]{0,23}$/);

/** A rotary dial, as worn as one likes. */
export const dialSchema = z.strictObject({
  ips: z.number().min(5).max(20).default(10),
  breakPercent: z.number().min(40).max(90).default(66.7),
  /** Longest contact bounce at each edge, ms. */
  bounceMs: z.number().min(0).max(5).default(1.5),
  /** How much slower (negative: faster) the dial is at the end of a digit of ten than at its beginning, percent. */
  driftPercent: z.number().min(-20).max(20).default(3),
  /** Time to find the next hole and wind the dial up, ms. */
  interDigitalPauseMs: z.number().min(240).max(10_000).default(600),
});
export type Dial = z.infer<typeof dialSchema>;

/** The false extra impulse of a tie-line relay set, as its train relay (TC) releases. */
const falseImpulseSchema = z.strictObject({
  probability: z.number().min(0).max(1).default(0.2),
  /** From the last make of a train until relay TC releases, ms. Slow to release, as it must hold through a slow dial. */
  delayMs: range(150, 190),
  /** Length of the false break, ms. */
  breakMs: range(8, 25),
});

const tieLineSchema = z.strictObject({
  name: lineName,
  type: z.literal("tie-line"),
  group: lineName.default("pax"),
  /** `repeat`: the caller's breaks, through relay A. `regenerate`: ten a second, 66 % break, after each digit. */
  impulsing: z.enum(["repeat", "regenerate"]).default("repeat"),
  bounceMs: z.number().min(0).max(5).default(1.5),
  /** From the relay set being taken until its loop stands across the pair, ms: the time in which glare happens. */
  seizeMs: z.number().min(5).max(1_000).default(25),
  falseImpulse: falseImpulseSchema.prefault({}),
  current: z.boolean().default(true),
  reversal: z.boolean().default(false),
});

const extensionLineSchema = z.strictObject({
  name: lineName,
  type: z.literal("subscriber"),
  extension,
  current: z.boolean().default(true),
  reversal: z.boolean().default(false),
});

const lineSchema = z.discriminatedUnion("type", [tieLineSchema, extensionLineSchema]);
export type SimLineConfig = z.infer<typeof lineSchema>;
export type TieLineConfig = z.infer<typeof tieLineSchema>;

export const exchangeSchema = z.strictObject({
  digitMap: z.enum(digitMaps).default("uk"),
  /** Single digit → group of tie lines. */
  tieCodes: z.record(z.string().regex(/^[0-9]$/), lineName).default({ "9": "pax" }),
  registers: z.number().int().min(1).max(20).default(4),
  /** Time for a finder to reach the caller and give dial tone, ms. */
  registerDelayMs: range(60, 300),
  firstDigitMs: z.number().min(100).default(20_000),
  nextDigitMs: z.number().min(100).default(10_000),
  /** Dialling 1 on a busy extension intrudes on its call. */
  intrusion: z.boolean().default(false),
  /** What the party who still holds gets when the other one clears. */
  afterClear: z.enum(["busy-tone", "dial-tone", "silence"]).default("busy-tone"),
  /** Rest of a tie line after it was released, ms. */
  tieGuardMs: z.number().min(0).default(400),
});
export type ExchangeConfig = z.infer<typeof exchangeSchema>;

const atLeast = z.number().int().min(1).max(100);
const sourceSchema: z.ZodType<InputSource, InputSource> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("registers"), atLeast }),
  z.strictObject({ type: z.literal("links"), atLeast }),
  z.strictObject({ type: z.literal("congestion") }),
  z.strictObject({ type: z.literal("ringing") }),
  z.strictObject({ type: z.literal("engaged"), circuit: z.string().max(24) }),
  z.strictObject({ type: z.literal("power-fail") }),
]);

export const topologySchema = z
  .strictObject({
    exchange: exchangeSchema.prefault({}),
    /** Extension numbers with a telephone. */
    telephones: z
      .array(extension)
      .max(100)
      .default(Array.from({ length: 40 }, (_, i) => String(20 + i))),
    lines: z.array(lineSchema).max(32).default([]),
    /** Contacts for the gateway's monitored inputs, and what moves each. */
    inputs: z
      .array(z.strictObject({ name: lineName, follows: sourceSchema.nullable().default(null) }))
      .max(16)
      .default([]),
    /** The gateway's reset button and its status LED are simulated too. */
    button: z.boolean().default(false),
    led: z.boolean().default(false),
  })
  .superRefine((topology, context) => {
    const refuse = (message: string) => context.addIssue({ code: "custom", message });
    const names = topology.lines.map((line) => line.name);
    if (new Set(names).size !== names.length) refuse("two lines have the same name");
    const inputs = topology.inputs.map((input) => input.name);
    if (new Set(inputs).size !== inputs.length) refuse("two inputs have the same name");
    const extensions = topology.lines.flatMap((line) => (line.type === "subscriber" ? [line.extension] : []));
    if (new Set(extensions).size !== extensions.length) refuse("two lines have the same extension");
    for (const number of [...topology.telephones, ...extensions]) {
      if ((number[0] as string) in topology.exchange.tieCodes) refuse(`${number} begins with a tie-line digit`);
    }
  });

/** Everything that may be left out has a default. */
export type TopologyInput = z.input<typeof topologySchema>;
export type Topology = z.infer<typeof topologySchema>;
