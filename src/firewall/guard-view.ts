import type { BlockListView } from "./block-list-service.ts";
import type { GuardView, ListView, RefreshOutcome } from "./control.ts";
import type { RulesState } from "./model.ts";
import type { Ban, Counters } from "./types.ts";

/** What the guard's parts know, before it is put together for people. */
export interface GuardKnowledge
  extends Pick<GuardView, "atMs" | "inForce" | "rulesSinceMs" | "repairs" | "faults" | "trial" | "names" | "events"> {
  readonly state: RulesState;
  readonly lists: readonly BlockListView[];
  readonly bans: readonly Ban[];
  readonly limited: GuardView["limited"]["some"];
  readonly counters: Counters;
  /** By token of the scanner filter. */
  readonly dropped: ReadonlyMap<string, number>;
}

export function guardView({ state, lists, bans, limited, counters, dropped, ...rest }: GuardKnowledge): GuardView {
  const { policy, blocked, registered } = state;
  const { trunks, operators, allowed, management } = state.lists;
  return {
    ...rest,
    protect: policy.protect,
    mode: policy.mode,
    sources: {
      trusted: trunks.length + operators.length,
      registered: registered.length,
      allowed: allowed.length,
      management: management.length,
      blocked: blocked.addresses4.length + blocked.addresses6.length + blocked.networks.length,
    },
    lists: listViews(lists, rest.atMs),
    bans: { total: bans.length, latest: youngestFirst(bans) },
    limited: { total: limited.length, some: limited },
    counters: [...counters].map(([name, { packets, bytes }]) => ({ name, packets, bytes })),
    scanner: [...dropped].map(([token, packets]) => ({ token, packets })),
  };
}

/** In words, the most severe first. */
export function faultsOf(
  parts: readonly (string | null)[],
  names: GuardView["names"],
  lists: readonly BlockListView[],
): string[] {
  return [
    ...parts.filter((fault) => fault !== null),
    ...names.flatMap(({ name, fault }) => (fault === null ? [] : [`${name}: ${fault}`])),
    ...lists.flatMap(({ name, lastError }) => (lastError === null ? [] : [`block list ${name}: ${lastError}`])),
  ];
}

export function listViews(lists: readonly BlockListView[], atMs: number): ListView[] {
  return lists.map(({ name, entries, added, alreadyThere, skipped, refused, ageS, lastError }) => ({
    name,
    entries,
    updatedMs: ageS === null ? null : atMs - ageS * 1000,
    fault: lastError,
    counts: { added, known: alreadyThere, skipped, refused },
  }));
}

export function youngestFirst(bans: readonly Ban[]): Ban[] {
  return [...bans].sort((one, other) => other.sinceMs - one.sinceMs);
}

/** What became of refreshing one list, or (null) all of them. */
export function outcomesOf(lists: readonly BlockListView[], list: string | null): RefreshOutcome[] {
  return listViews(lists, 0)
    .filter(({ name }) => list === null || name === list)
    .map(({ name, fault, counts }) => ({ list: name, ok: fault === null, fault, counts }));
}
