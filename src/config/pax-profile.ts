import { z } from "zod";

/** How many pulses stand for which digit. `uk`: n pulses = n, 10 = 0. `sweden`: n-1. `new-zealand`: 10-n. */
export const digitMaps = ["uk", "sweden", "new-zealand"] as const;
export type DigitMap = (typeof digitMaps)[number];

/** `era`: 400 Hz tones of the 1960s. `modern`: the United Kingdom's present tones. */
export const toneSets = ["era", "modern"] as const;
export type ToneSet = (typeof toneSets)[number];

const ms = (min: number, max: number, byDefault: number, description: string) =>
  z.number().min(min).max(max).default(byDefault).meta({ description, apply: "restart" });

/**
 * Every time constant of one kind of exchange. The defaults are the PAX50's (Ericsson 50-line register PAX); sources
 * are named per value: SIN 351 (British Telecom's subscriber line), DAHDI (Linux telephony drivers), EJ (judgement).
 */
export const paxProfileSchema = z.strictObject({
  digitMap: z.enum(digitMaps).default("uk").meta({
    description: "How pulses stand for digits: uk (n = n, 10 = 0), sweden (n-1), new-zealand (10-n).",
    apply: "restart",
  }),
  tones: z.enum(toneSets).default("era").meta({
    description: "Tones towards the PAX caller: era (400 Hz, 1960s) or modern (UK of today).",
    apply: "restart",
  }),
  intrudeOnBusy: z.boolean().default(false).meta({
    description:
      "Whether a caller who hears the PAX's busy tone may press 1 to intrude on the call (sends one impulse).",
    apply: "restart",
  }),

  debounceMs: ms(1, 10, 6, "A level counts once it has been stable for this long (EJ; 15 ms fails at 14 ips/80 %)."),
  breakMinMs: ms(8, 35, 15, "Shortest break that mutes, and that can be a pulse; one below 30 ms never is (DAHDI 15)."),
  breakMaxMs: ms(80, 200, 140, "Longest break that is a pulse; longer is a flash (7 ips at 80 % is 114 ms)."),
  digitEndMs: ms(150, 400, 200, "Make that ends a digit (inter-digital pause is at least 240 ms, SIN 351)."),
  clearMs: ms(250, 1000, 300, "Open loop that is a clear; shorter than this and longer than a pulse is a flash."),
  seizeMs: ms(5, 200, 20, "Closed loop that is a seizure."),
  firstDigitTimeoutMs: ms(3_000, 120_000, 20_000, "Dial tone without a digit for this long ends the attempt (EJ)."),
  nextDigitTimeoutMs: ms(2_000, 60_000, 6_000, "Incomplete number without a further digit for this long (EJ)."),
  clearGuardMs: ms(100, 5_000, 500, "Rest after the PAX has cleared, before the line may be used again."),

  sendBreakMs: ms(40, 90, 67, "Break of a sent impulse (SIN 351: 67 +/- 5)."),
  sendMakeMs: ms(20, 70, 33, "Make of a sent impulse (SIN 351: period 100 +/- 10)."),
  interDigitalPauseMs: ms(240, 2_000, 800, "Pause between sent digits (standards recommend 750-800)."),
  beforeFirstDigitMs: ms(200, 10_000, 1_500, "Wait after seizing when no dial tone is heard (EJ)."),
  faultRetryMs: ms(1_000, 600_000, 30_000, "A line that had no loop current is tried again after this long (EJ)."),
  reversalStableMs: ms(10, 1_000, 50, "A polarity reversal counts as an answer once it has lasted this long (EJ)."),
  ringOverMs: ms(
    2_200,
    10_000,
    3_000,
    "A subscriber line without ringing current for this long rings no more (the cadence's longest gap is 2 s).",
  ),
  currentTimeoutMs: ms(100, 5_000, 500, "No loop current this long after seizing is a line fault."),
  glareWindowMs: ms(50, 2_000, 300, "Both ends seizing within this time is glare: the PAX's call wins."),
  glareRetryMs: ms(500, 10_000, 2_000, "Wait before the one retry after glare when no other line is free."),
  answerAfterMs: ms(
    1_000,
    60_000,
    13_000,
    "Answer is assumed this long after the last impulse (no polarity reversal).",
  ),
  ringingStoppedMs: ms(2_200, 10_000, 3_200, "Ringing tone heard and then absent for this long is an answer."),
  noAnswerMs: ms(10_000, 600_000, 120_000, "A call that rings this long without answer is given up."),
  unobtainableMs: ms(1_000, 10_000, 3_000, "Continuous tone heard for this long is number unobtainable."),
  busyCycles: z.number().int().min(2).max(10).default(3).meta({
    description: "Cycles of busy tone heard before the call is released as busy.",
    apply: "restart",
  }),
  releaseMs: ms(300, 10_000, 1_000, "The loop stays open at least this long to release the PAX (EJ)."),
  seizeGuardMs: ms(300, 30_000, 2_000, "From releasing a line until we seize it again (EJ)."),
  toneAfterClearMs: ms(
    1_000,
    120_000,
    20_000,
    "Busy tone to a PAX caller who does not clear, before the line is parked.",
  ),
});

/** A complete set of values. */
export type PaxProfile = z.infer<typeof paxProfileSchema>;

/** What a configuration may change of a profile. */
export const paxOverridesSchema = z
  .strictObject(
    Object.fromEntries(
      Object.entries(paxProfileSchema.shape).map(([key, schema]) => [
        key,
        schema
          .removeDefault()
          .optional()
          .meta({
            ...schema.meta(),
            defaultText: `the profile's (pax50: ${schema.parse(undefined)})`,
            example: schema.parse(undefined),
          }),
      ]),
    ) as unknown as { [K in keyof PaxProfile]: z.ZodOptional<z.ZodType<PaxProfile[K]>> },
  )
  .meta({ description: "Values of the profile to change, for an exchange that differs." });

/** Profiles that come with the gateway. `custom` starts from the PAX50 and is meant to be overridden. */
export const paxProfileNames = ["pax50", "two-motion", "custom"] as const;
export type PaxProfileName = (typeof paxProfileNames)[number];
