import { type IpNetwork, isSingle } from "../base/ip.ts";
import {
  type BaseChain,
  baseChains,
  hashedLengths,
  type PlainChain,
  plainChains,
  renderLayout,
  type StaticSet,
  TABLE,
} from "./layout.ts";
import { type ClosedPolicy, disjoint, literals, noLists, nothingBlocked, type RulesState } from "./model.ts";
import { renderClosedInput, renderInput } from "./render-host.ts";
import { renderDnat, renderForward, renderSnat, renderSpoofed } from "./render-router.ts";
import { type Rules, renderAnswers, renderClosedGuard, renderGuard, renderLocal, renderSip } from "./render-sip.ts";

/** What a set holds: canonical texts, or IPv4 addresses as ascending numbers. */
export type Elements = readonly string[] | Uint32Array;

export interface Rendered {
  /** Declares the table and replaces all rules: a transaction by itself, or the beginning of one. */
  readonly rules: string;
  readonly sets: ReadonlyMap<StaticSet, Elements>;
}

export function render(state: RulesState): Rendered {
  const { policy } = state;
  const sets = setsOf(state);
  const lengths = hashedLengths.filter((length) => sets.get(`blocked4_${length}`)?.length !== 0);
  const rules = {
    ...renderSip(state, lengths),
    local: renderLocal(state),
    guard: [...renderSpoofed(policy), ...renderGuard(policy)],
    answers: renderAnswers(state),
    input: renderInput(state),
    ...renderPassing(policy),
  };
  return { rules: renderChains(policy, rules), sets };
}

/**
 * Rules for the time without a supervisor: management is open, SIP and audio are closed, and nothing passes through: who
 * was to be the router is not there to be it.
 */
export function renderClosed(policy: ClosedPolicy, localUids: readonly number[]): Rendered {
  const rules = {
    local: renderLocal({ policy, localUids }),
    guard: [...renderSpoofed(policy), ...renderClosedGuard(policy)],
    answers: ['oif "lo" goto local'],
    input: renderClosedInput(policy),
    ...renderPassing({ protect: policy.protect, router: null }),
  };
  const { operators, management } = policy.lists;
  const lists = { ...noLists, operators: literals(operators), management: literals(management) };
  return { rules: renderChains(policy, rules), sets: setsOf({ lists, blocked: nothingBlocked, registered: [] }) };
}

function renderPassing(policy: Pick<ClosedPolicy, "protect" | "router">) {
  return { forward: renderForward(policy), redirects: renderDnat(policy), masquerades: renderSnat(policy) };
}

function renderChains(policy: ClosedPolicy, rules: Partial<Rules<PlainChain | BaseChain>>): string {
  const closed = policy.protect === "host" ? "drop" : "accept";
  const open = "accept";
  const policies = {
    guard: open,
    answers: open,
    input: closed,
    forward: closed,
    redirects: open,
    masquerades: open,
  } as const;
  const names = [...plainChains, ...(Object.keys(baseChains) as BaseChain[])];
  const bodies = names.flatMap((name) => {
    const chain = rules[name] ?? [];
    return chain.length === 0 ? [] : [`  chain ${name} {`, ...chain.map((rule) => `    ${rule}`), "  }"];
  });
  return [
    renderLayout(policies).trimEnd(),
    ...names.map((name) => `flush chain inet ${TABLE} ${name}`),
    `table inet ${TABLE} {`,
    ...bodies,
    "}\n",
  ].join("\n");
}

function setsOf({
  lists,
  blocked,
  registered,
}: Pick<RulesState, "lists" | "blocked" | "registered">): Map<StaticSet, Elements> {
  const sets = new Map<StaticSet, Elements>();
  const blockedNetworks = literals(blocked.networks);
  const hashed = (network: IpNetwork) => network.family === 4 && hashedLengths.includes(network.prefix);
  for (const length of hashedLengths) {
    const ofLength = blockedNetworks.filter((network) => network.family === 4 && network.prefix === length);
    sets.set(`blocked4_${length}`, firstAddresses(ofLength));
  }
  for (const n of [4, 6] as const) {
    sets.set(`trusted${n}`, disjoint([...lists.trunks, ...lists.operators], n));
    sets.set(`allowed${n}`, disjoint(lists.allowed, n));
    sets.set(`management${n}`, disjoint([...lists.management, ...lists.operators], n));
    sets.set(
      `blockednet${n}`,
      disjoint(
        blockedNetworks.filter((network) => !hashed(network)),
        n,
      ),
    );
    sets.set(`registered${n}`, disjoint(registered.filter(isSingle), n));
  }
  sets.set("blocked4", blocked.addresses4);
  sets.set("blocked6", disjoint(literals(blocked.addresses6).filter(isSingle), 6));
  return sets;
}

/** Of IPv4 networks, ascending, without duplicates. */
function firstAddresses(networks: readonly IpNetwork[]): Uint32Array {
  return Uint32Array.from(new Set(networks.map(({ first }) => Number(first)))).sort();
}
