import type { PaxProfile, PaxProfileName } from "../config/pax-profile.ts";

/**
 * Values of the exchanges that are known. Plain data (the schema has the same defaults; a test compares), so that the
 * simulator and the benchmarks can use them without the schema.
 */

/** Ericsson / Telephone Rentals 50-line register PAX ("PAX50"). Sources per value: `config/pax-profile.ts`. */
export const pax50: PaxProfile = {
  digitMap: "uk",
  tones: "era",
  intrudeOnBusy: false,
  debounceMs: 6,
  breakMinMs: 15,
  breakMaxMs: 140,
  digitEndMs: 200,
  clearMs: 300,
  seizeMs: 20,
  firstDigitTimeoutMs: 20_000,
  nextDigitTimeoutMs: 6_000,
  clearGuardMs: 500,
  sendBreakMs: 67,
  sendMakeMs: 33,
  interDigitalPauseMs: 800,
  beforeFirstDigitMs: 1_500,
  faultRetryMs: 30_000,
  reversalStableMs: 50,
  ringOverMs: 3_000,
  currentTimeoutMs: 500,
  glareWindowMs: 300,
  glareRetryMs: 2_000,
  answerAfterMs: 13_000,
  ringingStoppedMs: 3_200,
  noAnswerMs: 120_000,
  unobtainableMs: 3_000,
  busyCycles: 3,
  releaseMs: 1_000,
  seizeGuardMs: 2_000,
  toneAfterClearMs: 20_000,
};

/**
 * A step-by-step exchange with two-motion selectors, such as the GEC 100-line: one selector serves the whole call and
 * follows the impulses itself. All differences are EJ.
 */
export const twoMotion: PaxProfile = {
  ...pax50,
  // The wiper rotates between the digits and there is no register to wait for it: the longest pause in common use.
  interDigitalPauseMs: 1_000,
  // A line finder has to hunt before there is dial tone: up to 100 contacts at about 30 a second, or 3 s.
  beforeFirstDigitMs: 3_000,
  // The selector releases by stepping on to its end and dropping: longer than a relay set's release.
  releaseMs: 1_500,
  seizeGuardMs: 3_000,
  clearGuardMs: 1_000,
  // Current flows through the finder only after it has found the line.
  currentTimeoutMs: 1_500,
};

const profiles: Readonly<Record<PaxProfileName, PaxProfile>> = { pax50, "two-motion": twoMotion, custom: pax50 };

/** A configuration's changes to a profile; what is undefined is not changed. */
export type ProfileOverrides = { readonly [K in keyof PaxProfile]?: PaxProfile[K] | undefined };

/** The values that hold: those of the named profile, with the configuration's changes. */
export function resolveProfile(name: PaxProfileName, overrides: ProfileOverrides = {}): PaxProfile {
  const changes = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  return { ...profiles[name], ...changes };
}
