import { assertNever } from "../base/assert-never.ts";
import type { Decoder } from "./decode.ts";
import { nullable, num, object, str } from "./decode.ts";
import { emptySite, entry, type Heard, type Input, type Named, type SiteView, type View } from "./model.ts";
import * as payloads from "./payloads.ts";

/**
 * `step(view, input)`: what the page knows after an input. Pure; never throws, whatever comes; every list and map has
 * a bound, so that a page that stays open for weeks stays small.
 */

const MAX_SITES = 32;
/** Lines, trunks, inputs or alerts of one site. */
const MAX_NAMED = 64;
const MAX_SNAPSHOT = 8_192;

const envelope = object<{ site: string; topic: string }>({ site: str, topic: str });
const opening = object<{ site: string; nowMs: number }>({ site: str, nowMs: num });
const clock = object<{ nowMs: number }>({ nowMs: num });

export function step(view: View, input: Input): View {
  switch (input.type) {
    case "snapshot":
      return opened(view, input.data, input.atMs);
    case "message": {
      const heard = live(view, input.atMs);
      return applied(heard, input.data);
    }
    case "broker": {
      const decoded = payloads.broker(input.data);
      return decoded === null ? view : { ...live(view, input.atMs), broker: decoded.value };
    }
    case "alive": {
      const decoded = clock(input.data);
      if (decoded === null) return view;
      return live({ ...view, skewMs: decoded.value.nowMs - input.atMs }, input.atMs);
    }
    case "history": {
      const decoded = payloads.history(input.data);
      return decoded === null ? view : withHistory(view, decoded.value);
    }
    case "lost":
      return view.link.state === "lost" ? view : { ...view, link: { state: "lost", sinceMs: view.heardMs } };
    case "choose":
      return { ...view, chosen: input.site === view.own ? null : input.site };
    default:
      return assertNever(input);
  }
}

const LIVE = { state: "live" } as const;

/** Something was heard. A feed that was lost is live again with its snapshot only: what it missed is in there. */
function live(view: View, atMs: number): View {
  return { ...view, heardMs: atMs + view.skewMs };
}

/** A snapshot replaces everything, but not what only events told: the digits that were heard. */
function opened(view: View, data: unknown, atMs: number): View {
  const decoded = opening(data);
  if (decoded === null) return view;
  const { messages, broker } = data as { messages?: unknown; broker?: unknown };
  const skewMs = decoded.value.nowMs - atMs;
  const kept: Named<SiteView> = Object.fromEntries(
    Object.entries(view.sites).map(([site, { heard, lastDigit }]) => [site, { ...emptySite(site), heard, lastDigit }]),
  );
  let next: View = {
    ...view,
    link: LIVE,
    skewMs,
    heardMs: decoded.value.nowMs,
    own: decoded.value.site,
    sites: kept,
    broker: payloads.broker(broker)?.value ?? null,
  };
  if (Array.isArray(messages)) {
    for (const message of messages.slice(0, MAX_SNAPSHOT)) next = applied(next, message);
  }
  // A site of which nothing is retained any more is gone.
  const sites = Object.fromEntries(Object.entries(next.sites).filter(([, site]) => site.heardMs > 0));
  return {
    ...next,
    sites,
    chosen: next.chosen !== null && entry(sites, next.chosen) === undefined ? null : next.chosen,
  };
}

function applied(view: View, data: unknown): View {
  const decoded = envelope(data);
  if (decoded === null) return view;
  const { site: name, topic } = decoded.value;
  const known = entry(view.sites, name);
  if (known === undefined && Object.keys(view.sites).length >= MAX_SITES) return view;
  const old = known ?? emptySite(name);
  const payload = (data as { payload?: unknown }).payload;
  const next = appliedToSite(old, topic.split("/"), payload ?? null);
  if (next === null) return view;
  return { ...view, sites: { ...view.sites, [name]: { ...next, heardMs: view.heardMs } } };
}

/** The site after a message; null when it is none that we know, or not of its shape. */
function appliedToSite(site: SiteView, path: readonly string[], payload: unknown): SiteView | null {
  const [topic = "", name, leaf, ...rest] = path;
  if (rest.length > 0) return null;
  if (name === undefined) return appliedToTopic(site, topic, payload);
  if (leaf === "digit" && topic === "lines") return heardDigit(site, name, payload);
  if (leaf !== undefined) return null;
  switch (topic) {
    case "lines":
      return named(site, "lines", name, payloads.line, payload);
    case "trunks":
      return named(site, "trunks", name, payloads.trunk, payload);
    case "inputs":
      return named(site, "inputs", name, payloads.input, payload);
    case "alerts":
      return named(site, "alerts", name, payloads.alert, payload);
    default:
      return null;
  }
}

function appliedToTopic(site: SiteView, topic: string, payload: unknown): SiteView | null {
  switch (topic) {
    case "availability": {
      const availability = payload === "online" || payload === "offline" ? payload : "unknown";
      return { ...site, availability };
    }
    case "heartbeat": {
      const decoded = payloads.heartbeat(payload);
      return decoded === null ? null : { ...site, heartbeatMs: decoded.value.atMs };
    }
    case "gateway":
      return whole(site, "gateway", payloads.gateway, payload);
    case "calls":
      return whole(site, "calls", payloads.calls, payload);
    case "guard":
      return whole(site, "guard", payloads.guard, payload);
    case "nat":
      return whole(site, "nat", payloads.nat, payload);
    case "system":
      return whole(site, "system", payloads.system, payload);
    case "credentials":
      return whole(site, "credentials", payloads.credentials, payload);
    default:
      return null;
  }
}

type Whole = "gateway" | "calls" | "guard" | "nat" | "system" | "credentials";

function whole<K extends Whole>(site: SiteView, key: K, decoder: Decoder<NonNullable<SiteView[K]>>, payload: unknown) {
  const decoded = nullable(decoder)(payload);
  return decoded === null ? null : { ...site, [key]: decoded.value };
}

type Plural = "lines" | "trunks" | "inputs" | "alerts";

function named<K extends Plural>(
  site: SiteView,
  key: K,
  name: string,
  decoder: Decoder<SiteView[K][string]>,
  payload: unknown,
): SiteView | null {
  const old: Named<unknown> = site[key];
  if (payload === null) {
    const { [name]: _, ...others } = old;
    return { ...site, [key]: others };
  }
  const decoded = decoder(payload);
  if (decoded === null) return null;
  const next = bounded(old, name, decoded.value);
  return next === null ? null : { ...site, [key]: next };
}

/** With one more entry, in the order of arrival, which is the configuration's; null when there is no room for it. */
function bounded<T>(old: Named<T>, name: string, value: T): Named<T> | null {
  if (!Object.hasOwn(old, name) && Object.keys(old).length >= MAX_NAMED) return null;
  return { ...old, [name]: value };
}

function heardDigit(site: SiteView, line: string, payload: unknown): SiteView | null {
  const decoded = payloads.digit(payload);
  if (decoded === null) return null;
  const { atMs, ips, breakPercent } = decoded.value;
  const lastDigit = bounded(site.lastDigit, line, decoded.value);
  const old = entry(site.heard, line) ?? [];
  const heard = bounded<readonly Heard[]>(
    site.heard,
    line,
    [...old, { atMs, ips, breakPercent }].slice(-payloads.DIGITS_KEPT),
  );
  return lastDigit === null || heard === null ? null : { ...site, lastDigit, heard };
}

/** The history is of our own site; its digits are whole, so they replace what was heard. */
function withHistory(view: View, history: NonNullable<View["history"]>): View {
  const own = entry(view.sites, view.own);
  if (own === undefined) return { ...view, history };
  return { ...view, history, sites: { ...view.sites, [view.own]: { ...own, heard: history.digits } } };
}
