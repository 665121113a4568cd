import type { FirewallConfig } from "../config/schema.ts";
import type { Ban, LimitedSource } from "./types.ts";

/**
 * The guard as people and commands see and work it. Everything here is JSON: it goes over the gateway's local socket,
 * where an answer of 64 kB is the longest: lists are cut for it (see `requests.ts`), those with a fault kept first. Texts are ours, names of the
 * configuration, or canonical addresses; never a stranger's words. Times are Unix time in ms.
 */
export interface GuardView {
  /** When this was so. */
  readonly atMs: number;
  readonly protect: FirewallConfig["protect"];
  readonly mode: FirewallConfig["mode"];
  /** Whether the rules that are wanted are in the kernel. False too with protect `none`. */
  readonly inForce: boolean;
  /** Since when the present rules have been in the kernel; null while none of ours are. */
  readonly rulesSinceMs: number | null;
  /** How often somebody else's change to our table was found and put right since the start. */
  readonly repairs: number;
  /** What is wrong, in words; empty when nothing is. Whether it blocks readiness is the guard's affair. */
  readonly faults: readonly string[];
  readonly trial: TrialView;
  /** Entries in the kernel's sets, both families together. */
  readonly sources: {
    /** Trunks and operators. */
    readonly trusted: number;
    /** Phones registered now. */
    readonly registered: number;
    readonly allowed: number;
    readonly management: number;
    /** From all block lists, without duplicates. */
    readonly blocked: number;
  };
  readonly lists: readonly ListView[];
  readonly names: readonly NameView[];
  /** `latest`: at most `MOST_SHOWN`, the youngest first. */
  readonly bans: { readonly total: number; readonly latest: readonly Ban[] };
  /** `some`: at most `MOST_SHOWN`. */
  readonly limited: { readonly total: number; readonly some: readonly LimitedSource[] };
  /** Security events of Asterisk not in form, and failed logins that the kernel saw nobody for, since the start. */
  readonly events: { readonly refused: number; readonly unattributed: number };
  /** The rules' named counters, in the order of the rules. */
  readonly counters: readonly { readonly name: string; readonly packets: number; readonly bytes: number }[];
  /** Packets that the scanner filter dropped, by token. */
  readonly scanner: readonly { readonly token: string; readonly packets: number }[];
}

/** Confirm or revert, as it stands. `changes`: paths of the policy that differ, such as `lists.operators`. */
export type TrialView =
  | { readonly state: "confirmed" }
  | { readonly state: "on-trial"; readonly endsInS: number; readonly changes: readonly string[] }
  | { readonly state: "reverted"; readonly sinceMs: number; readonly changes: readonly string[] };

/** A block list: `apiban`, or the name of one of `firewall.blockLists`. */
export interface ListView {
  readonly name: string;
  /** Entries in use now. */
  readonly entries: number;
  /** When it was last read to its end; null when it never was. */
  readonly updatedMs: number | null;
  /** Why the last attempt failed; null when it did not. */
  readonly fault: string | null;
  /** Of what the last complete reading brought. */
  readonly counts: ListCounts;
}

export interface ListCounts {
  readonly added: number;
  /** Were in the list already. */
  readonly known: number;
  /** Left out because they are trusted or allowed by the configuration. */
  readonly skipped: number;
  /** No address or network, or one that is never blocked (loopback, everything). */
  readonly refused: number;
}

/** A DNS name of the configuration. */
export interface NameView {
  readonly name: string;
  /** Canonical; the last ones that were found. */
  readonly addresses: readonly string[];
  /** Why the last look-up failed; its addresses are then kept. */
  readonly fault: string | null;
}

/** Most entries of most lists of a view. */
export const MOST_SHOWN = 50;
/** Most bans of one page. */
export const MOST_ON_PAGE = 250;

/** Where an address stands with the guard: the first of these classes that holds, in the order of the rules. */
export interface Explanation {
  /** Canonical. */
  readonly address: string;
  /** What becomes of SIP from there. */
  readonly verdict: "accepted" | "limited" | "dropped";
  readonly class: SourceClass;
  /** Everything that is known of it, the decisive reason first; a dropped reason may stand below a trusted one. */
  readonly reasons: readonly ExplanationReason[];
}

/**
 * `local`: loopback. `trusted`: trunk or operator. `registered`: a phone registered now. `allowed`: may send SIP under
 * limits and bans. `stranger`: in no list; dropped in mode allowlist, under limits and bans in mode open. `unguarded`:
 * there is no firewall.
 */
export type SourceClass =
  | "local"
  | "trusted"
  | "registered"
  | "banned"
  | "blocked"
  | "limited"
  | "allowed"
  | "stranger"
  | "unguarded";

export type ExplanationReason =
  /** An entry of the configuration, in the policy's list `trunks` (all trunks' servers too), `operators` or `allowed`. */
  | {
      readonly kind: "configured";
      readonly class: "trusted" | "allowed";
      readonly list: string;
      readonly entry: string;
    }
  | { readonly kind: "registered" }
  | { readonly kind: "banned"; readonly ban: Ban }
  | { readonly kind: "blocked"; readonly entry: string }
  | { readonly kind: "limited"; readonly expiresS: number }
  | { readonly kind: "management"; readonly entry: string };

export interface RefreshOutcome {
  readonly list: string;
  readonly ok: boolean;
  /** Why not; null when it went well. */
  readonly fault: string | null;
  readonly counts: ListCounts;
}

/**
 * What can be asked of the running guard. Errors are `GatewayError`s, for people as they are; `no-firewall` from all
 * but `view` and `explain` where protect is `none`.
 */
export interface GuardControl {
  view(): Promise<GuardView>;
  /** Confirms the change on trial, or the one that was taken back, which is then in force. Errors: `nothing-on-trial`. */
  confirm(): Promise<{ readonly changes: readonly string[] }>;
  /** All bans in force, youngest first. */
  bans(): Promise<readonly Ban[]>;
  /**
   * Bans an address by hand; `minutes` null: as long as its count says.
   * Errors: `bad-address` for one that nobody sends from, `trusted-source` for an address that is never banned.
   */
  ban(address: string, minutes: number | null): Promise<Ban>;
  /** Ends a ban, and what the kernel limits that source by; `null`: all of them. How many there were. */
  release(address: string | null): Promise<number>;
  /** Reads a block list, or all of them, again now. Errors: `unknown-list`. */
  refresh(list: string | null, signal: AbortSignal): Promise<readonly RefreshOutcome[]>;
  explain(address: string): Promise<Explanation>;
}
