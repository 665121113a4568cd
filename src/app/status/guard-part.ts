import type { GuardView } from "../../firewall/control.ts";
import type { Ban } from "../../firewall/types.ts";
import type { BanStatus, GuardStatus } from "../../status/schema.ts";

/** Counters of the rules that count what was dropped or refused. */
export const DROPPING: ReadonlySet<string> = new Set([
  "spoofed",
  "trusted_over",
  "banned",
  "blocked",
  "outside",
  "starting",
  "limited",
  "crowded",
  "over",
  "connections_over",
  "refused",
  "unanswered",
  "local_refused",
  "rtp_refused",
  "dropped",
  "forward_dropped",
]);

const REASONS = { logins: "failed logins", operator: "by an operator", fleet: "by another gateway" } as const;
const MINUTE_MS = 60_000;
/** Sources that are remembered for "most often", and how many of them are told. */
const MOST_SOURCES = 500;
const TOP = 10;
const MOST_BANS = 20;

/** What the guard tells of itself now is remembered for rates and for the sources that come most often. */
export class GuardHistory {
  readonly #counts = new Map<string, number>();
  readonly #limited = new Set<string>();
  /** Packets dropped since the start, the rules of before included; the last is that of the last look. */
  #samples: { readonly atMs: number; readonly total: number }[] = [];
  /** What the rules' counters were then. */
  #counted: number | null = null;

  /** A source was banned. */
  banned(ban: Ban): void {
    this.#count(ban.source);
  }

  /** The status of a view. `nowMs` is monotonic. */
  status(view: GuardView, nowMs: number): GuardStatus {
    const dropped = view.counters.reduce((sum, one) => (DROPPING.has(one.name) ? sum + one.packets : sum), 0);
    this.#meet(view);
    const { trial } = view;
    return {
      protect: view.protect,
      mode: view.mode,
      inForce: view.inForce,
      faults: view.faults.slice(0, 20).map((text) => text.slice(0, 1_000)),
      trial: {
        state: trial.state,
        endsMs: trial.state === "on-trial" ? Math.round(view.atMs + trial.endsInS * 1_000) : null,
        changes: trial.state === "confirmed" ? [] : trial.changes.slice(0, 50),
      },
      droppedPerMinute: this.#perMinute(dropped, nowMs),
      dropped,
      counters: Object.fromEntries(view.counters.map(({ name, packets }) => [name, packets])),
      scanner: Object.fromEntries(view.scanner.map(({ token, packets }) => [token, packets])),
      sources: {
        trusted: view.sources.trusted,
        registered: view.sources.registered,
        allowed: view.sources.allowed,
        blocked: view.sources.blocked,
        limited: view.limited.total,
      },
      lists: view.lists.slice(0, 32).map(({ name, entries, updatedMs, fault }) => ({
        name,
        entries,
        updatedMs,
        fault: fault?.slice(0, 1_000) ?? null,
      })),
      bans: { total: view.bans.total, latest: view.bans.latest.slice(0, MOST_BANS).map(banStatus) },
      top: [...this.#counts]
        .sort(([, one], [, other]) => other - one)
        .slice(0, TOP)
        .map(([address, count]) => ({ address, count })),
    };
  }

  #meet({ limited }: GuardView): void {
    const now = new Set(limited.some.map(({ source }) => source));
    for (const source of now) if (!this.#limited.has(source)) this.#count(source);
    this.#limited.clear();
    for (const source of now) this.#limited.add(source);
  }

  #count(source: string): void {
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1);
    if (this.#counts.size <= MOST_SOURCES) return;
    // Whoever came least often, and longest ago, gives way; never the newcomer, or none could ever rise.
    let least: readonly [source: string, count: number] | null = null;
    for (const entry of this.#counts) {
      if (entry[0] !== source && (least === null || entry[1] < least[1])) least = entry;
    }
    if (least !== null) this.#counts.delete(least[0]);
  }

  #perMinute(dropped: number, nowMs: number): number {
    const before = this.#counted;
    this.#counted = dropped;
    // What the first look finds was dropped nobody knows when. New rules begin to count anew.
    const more = before === null ? 0 : dropped < before ? dropped : dropped - before;
    const total = (this.#samples.at(-1)?.total ?? 0) + more;
    this.#samples.push({ atMs: nowMs, total });
    // The one a minute ago stays, or the latest before it.
    while ((this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs - MINUTE_MS) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined) return 0;
    const spanMs = Math.max(MINUTE_MS, nowMs - first.atMs);
    return Math.round(((total - first.total) * MINUTE_MS) / spanMs);
  }
}

export function banStatus(ban: Ban): BanStatus {
  const { source, reason, sinceMs, untilMs, count } = ban;
  return {
    address: source,
    reason: REASONS[reason],
    sinceMs: Math.round(sinceMs),
    untilMs: Math.round(untilMs),
    count,
  };
}

/** Where there is no guard. */
export const unguarded: GuardStatus = {
  protect: "none",
  mode: "allowlist",
  inForce: false,
  faults: [],
  trial: { state: "confirmed", endsMs: null, changes: [] },
  droppedPerMinute: 0,
  dropped: 0,
  counters: {},
  scanner: {},
  sources: { trusted: 0, registered: 0, allowed: 0, blocked: 0, limited: 0 },
  lists: [],
  bans: { total: 0, latest: [] },
  top: [],
};
