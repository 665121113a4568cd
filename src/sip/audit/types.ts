import type { RuleId } from "./rules.ts";

/** Where something stands: file relative to the audited directory, line and column from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** From the worst to the least: `info` is worth knowing and no fault. */
export const SEVERITIES = ["critical", "high", "medium", "low", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One thing found. Never holds a secret, nor any text of one. */
export interface Finding {
  /** Stable name of the rule, such as `sip-guest`. */
  readonly id: RuleId;
  readonly severity: Severity;
  readonly place: Place;
  /** What is there and why that is bad; one or two sentences. */
  readonly why: string;
  readonly fix: string;
}

/** A directory of Asterisk's configuration files, as a driver has read it. */
export interface ConfigTree {
  /** Absolute path, by which includes with an absolute path are found. */
  readonly root: string;
  /** Text by name relative to `root`. */
  readonly files: ReadonlyMap<string, string>;
  /** Names of files that every user of the machine can read. */
  readonly worldReadable: ReadonlySet<string>;
  readonly skipped: readonly Skipped[];
}

/** What was not read, and why. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
  /** Nobody looked at what comes after it in its directory either. */
  readonly andRest?: boolean;
}

export interface AuditReport {
  readonly root: string;
  readonly files: number;
  /** Worst first, then by rule, file, line and column. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<Severity, number>>;
}

/** Adds a finding; the severity is the rule's own unless it is given. */
export type Report = (id: RuleId, place: Place, why: string, severity?: Severity) => void;
