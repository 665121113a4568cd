import type { TrunkConfig } from "../../config/schema.ts";
import type { LineHealth } from "../../line/health.ts";
import type { NatView } from "../../nat/types.ts";
import type { NatStatus, TrunkStatus } from "../../status/schema.ts";

/** Views of the rooms in the status's words. */

const known = (figure: number | undefined) => (figure === undefined || Number.isNaN(figure) ? null : round(figure));
const round = (figure: number) => Math.round(figure * 10) / 10;

export function dialPart(health: LineHealth | undefined) {
  return {
    ips: known(health?.ips),
    breakPercent: known(health?.breakPercent),
    digits: health?.digits ?? 0,
    errors: health?.errors ?? 0,
    falseBreaks: health?.falseBreaks ?? 0,
    warn: health?.warn ?? false,
  };
}

/** `nowMs`: Unix time. */
export function natPart(view: NatView, nowMs: number): NatStatus {
  return {
    mode: view.mode,
    protocol: view.protocol,
    router: view.router,
    externalAddress: view.external?.address ?? null,
    externalPort: view.external?.sipPort ?? null,
    stunAddress: view.stunAddress,
    doubleNat: view.doubleNat,
    mappings: view.mappings.slice(0, 16).map(({ name, externalPort, expiresS, fault }) => ({
      name,
      externalPort,
      // To the minute: a figure that moves with every look would be told with every look.
      expiresMs: expiresS === null ? null : Math.round((nowMs + expiresS * 1_000) / 60_000) * 60_000,
      fault: fault?.slice(0, 1_000) ?? null,
    })),
    advice: view.advice?.slice(0, 1_000) ?? null,
    faults: view.faults.slice(0, 20).map((text) => text.slice(0, 1_000)),
  };
}

/** Before it is known how the world reaches us. */
export const unknownNat = (mode: NatStatus["mode"]): NatStatus => ({
  mode,
  protocol: null,
  router: null,
  externalAddress: null,
  externalPort: null,
  stunAddress: null,
  doubleNat: false,
  mappings: [],
  advice: null,
  faults: [],
});

/** Since when a trunk is registered or not. */
export class TrunkHistory {
  readonly #since = new Map<string, { readonly registered: boolean | null; readonly sinceMs: number }>();

  status(trunk: TrunkConfig, registered: boolean | null, calls: number, nowMs: number): TrunkStatus {
    const before = this.#since.get(trunk.name);
    const same = before !== undefined && before.registered === registered;
    const sinceMs = same ? before.sinceMs : nowMs;
    if (!same) this.#since.set(trunk.name, { registered, sinceMs });
    return { trunk: trunk.name, server: trunk.server, registered, sinceMs, calls, callLimit: trunk.callLimit };
  }
}
