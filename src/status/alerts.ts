import type { AlertStatus } from "./schema.ts";
import type { RaisedAlert } from "./types.ts";

/** Alerts that are told at one time. Errors come first where there are more. */
export const MOST_ALERTS = 64;

/** Wall clock and monotonic clock may part by so much before the clock is taken to have been set anew, ms. */
const CLOCK_SET_MS = 60_000;

interface Known {
  readonly alert: AlertStatus;
  /** When it was raised, on the monotonic clock, ms. */
  readonly sinceMonotonicMs: number;
}

/** The alerts of now by their identifiers. */
export type AlertsState = ReadonlyMap<string, Known>;

export const noAlerts: AlertsState = new Map();

/** The time twice: `nowMs` monotonic, `wallMs` Unix time. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

/**
 * What is wrong now, with since when. An alert that goes on keeps its `sinceMs`, though its words change; one that
 * comes back is a new one. Where the wall clock was set meanwhile, as it is once after a start without a network,
 * `sinceMs` follows it.
 */
export function stepAlerts(state: AlertsState, raised: readonly RaisedAlert[], moment: Moment): AlertsState {
  const next = new Map<string, Known>();
  const worstFirst = [...raised.filter(isError), ...raised.filter((one) => !isError(one))];
  for (const { alert: id, severity, source, text } of worstFirst) {
    const alert = levelOf(id);
    if (next.has(alert) || next.size >= MOST_ALERTS) continue;
    const sinceMonotonicMs = state.get(alert)?.sinceMonotonicMs ?? moment.nowMs;
    const sinceMs = sinceOf(state.get(alert), moment);
    next.set(alert, { alert: { alert, severity, source, text: text.slice(0, 1_000), sinceMs }, sinceMonotonicMs });
  }
  return next;
}

export function alertsOf(state: AlertsState): readonly AlertStatus[] {
  return [...state.values()].map(({ alert }) => alert);
}

function sinceOf(known: Known | undefined, { nowMs, wallMs }: Moment): number {
  if (known === undefined) return Math.max(0, Math.round(wallMs));
  const by = wallMs - (nowMs - known.sinceMonotonicMs);
  return Math.abs(by - known.alert.sinceMs) > CLOCK_SET_MS ? Math.max(0, Math.round(by)) : known.alert.sinceMs;
}

function isError({ severity }: RaisedAlert): boolean {
  return severity === "error";
}

/** An identifier as a level of a topic. */
function levelOf(id: string): string {
  const level = id
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 64);
  return level === "" ? "alert" : level;
}
