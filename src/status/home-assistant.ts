import { type Component, type ComponentSet, lineComponents, siteComponents } from "./home-assistant-components.ts";
import type { StatusParts } from "./types.ts";

/**
 * What Home Assistant is told of the gateway: one device with all its entities in one retained message on
 * `<prefix>/device/<id>/config` (device discovery, Home Assistant 2024.11 and later; keys abbreviated as it allows).
 * Entities take their values out of the status topics themselves: nothing is published twice. What is not known is
 * `null` there, which a template makes `None`, and Home Assistant takes for "unknown".
 */
export interface HomeAssistantOptions {
  /** Home Assistant's discovery prefix. */
  readonly prefix: string;
  /** First level of our topics. */
  readonly base: string;
  readonly site: string;
  /** Requests are taken: buttons are offered. */
  readonly requests: boolean;
  /** Where the page is, for a link; null: nowhere. */
  readonly url: string | null;
}

/** A component that is no more: Home Assistant removes the entity of whose component only the platform is left. */
export interface RemovedComponent {
  readonly p: Component["p"];
}

export interface Discovery {
  readonly dev: {
    readonly ids: readonly string[];
    readonly name: string;
    readonly mf: string;
    readonly mdl: string;
    readonly sw: string;
    readonly cu?: string;
  };
  readonly o: { readonly name: string; readonly sw: string };
  readonly cmps: Readonly<Record<string, Component | RemovedComponent>>;
  readonly avty_t: string;
  readonly pl_avail: "online";
  readonly pl_not_avail: "offline";
  readonly qos: 0;
}

/** Entities of one message at most: somebody else's message is not read further. */
const MAX_COMPONENTS = 1_024;

/** Identifier of the device: of one site below one base. */
export function deviceId({ base, site }: Pick<HomeAssistantOptions, "base" | "site">): string {
  return `${base}-${site}`;
}

/** Where the announcement is retained. */
export function configTopic(options: Pick<HomeAssistantOptions, "prefix" | "base" | "site">): string {
  return `${options.prefix}/device/${deviceId(options)}/config`;
}

/** Where Home Assistant says that it is there. */
export function birthTopic({ prefix }: Pick<HomeAssistantOptions, "prefix">): string {
  return `${prefix}/status`;
}

/**
 * The announcement.
 * @param announced platform of each entity that the retained announcement has; those that are no more are removed
 */
export function discovery(
  options: HomeAssistantOptions,
  parts: StatusParts,
  announced: ReadonlyMap<string, Component["p"]>,
): Discovery {
  const id = deviceId(options);
  const set: ComponentSet = { id, root: `${options.base}/${options.site}`, requests: options.requests };
  const cmps: Record<string, Component | RemovedComponent> = {
    ...siteComponents(set, parts),
    ...Object.fromEntries(parts.lines.flatMap((line) => Object.entries(lineComponents(set, line)))),
  };
  for (const [key, p] of announced) if (!Object.hasOwn(cmps, key)) cmps[key] = { p };
  const { name, version } = parts.gateway;
  return {
    dev: {
      ids: [id],
      name,
      mf: "paxgate",
      mdl: parts.system.model ?? "PAX gateway",
      sw: version,
      ...(options.url === null ? {} : { cu: options.url }),
    },
    o: { name: "paxgate", sw: version },
    cmps,
    avty_t: `${set.root}/availability`,
    pl_avail: "online",
    pl_not_avail: "offline",
    qos: 0,
  };
}

/** Entities of an announcement that the broker has kept, by key; anybody may have written it. */
export function announcedIn(payload: string): ReadonlyMap<string, Component["p"]> {
  const found = new Map<string, Component["p"]>();
  let read: unknown;
  try {
    read = JSON.parse(payload);
  } catch {
    return found;
  }
  const { cmps } = (read ?? {}) as { readonly cmps?: unknown };
  if (typeof cmps !== "object" || cmps === null) return found;
  for (const [key, component] of Object.entries(cmps).slice(0, MAX_COMPONENTS)) {
    const { p, uniq_id } = (component ?? {}) as { readonly p?: unknown; readonly uniq_id?: unknown };
    // Without an identifier it has been removed already.
    if (uniq_id === undefined || !/^[a-z0-9_-]{1,96}$/.test(key)) continue;
    if (p === "sensor" || p === "binary_sensor" || p === "button") found.set(key, p);
  }
  return found;
}
