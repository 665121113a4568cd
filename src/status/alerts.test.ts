import { describe, expect, it } from "vitest";
import { alertsOf, MOST_ALERTS, noAlerts, stepAlerts } from "./alerts.ts";
import { specOf } from "./topics.ts";
import type { RaisedAlert } from "./types.ts";

const WALL = Date.UTC(2026, 6, 16);
const at = (nowMs: number, wallMs = WALL + nowMs) => ({ nowMs, wallMs });
const hot: RaisedAlert = { alert: "temperature", severity: "warning", source: "system", text: "hot" };
const down: RaisedAlert = { alert: "trunk-emf", severity: "error", source: "trunk", text: "not registered" };

describe("alerts", () => {
  it("keep since when they are, though their words change", () => {
    const first = stepAlerts(noAlerts, [hot], at(0));
    const later = stepAlerts(first, [{ ...hot, text: "hotter", severity: "error", sinceMs: 5 }], at(5_000));
    expect(alertsOf(later)).toEqual([{ ...hot, text: "hotter", severity: "error", sinceMs: WALL }]);
  });

  it("are gone when they are no longer raised, and new when they come back", () => {
    const first = stepAlerts(noAlerts, [hot, down], at(0));
    const second = stepAlerts(first, [down], at(1_000));
    const third = stepAlerts(second, [hot, down], at(2_000));
    expect(alertsOf(second)).toEqual([{ ...down, sinceMs: WALL }]);
    expect(alertsOf(third)).toEqual([
      { ...down, sinceMs: WALL },
      { ...hot, sinceMs: WALL + 2_000 },
    ]);
  });

  it("follow the wall clock once it is set, and not its small steps", () => {
    const unset = stepAlerts(noAlerts, [hot], at(10_000, 20_000));
    const set = stepAlerts(unset, [hot], at(70_000, WALL));
    expect(alertsOf(set)).toEqual([{ ...hot, sinceMs: WALL - 60_000 }]);
    const stepped = stepAlerts(set, [hot], at(80_000, WALL + 10_000 + 30_000));
    expect(alertsOf(stepped)).toEqual(alertsOf(set));
  });

  it("are never before 1970, whatever the clock says", () => {
    expect(alertsOf(stepAlerts(noAlerts, [hot], at(0, -5)))).toEqual([{ ...hot, sinceMs: 0 }]);
  });

  it("are bounded in number, length and identifier; errors come first", () => {
    const many = Array.from({ length: 200 }, (_, index) => ({
      ...hot,
      alert: `A/${index} +#`,
      text: "x".repeat(5_000),
    }));
    const state = stepAlerts(noAlerts, [...many, down, { ...down, text: "twice" }, { ...hot, alert: "" }], at(0));
    const alerts = alertsOf(state);
    expect(alerts).toHaveLength(MOST_ALERTS);
    expect(alerts[0]).toEqual({ ...down, sinceMs: WALL });
    for (const alert of alerts) {
      const spec = specOf(`alerts/${alert.alert}`);
      expect(spec?.schema.safeParse(alert).success, alert.alert).toBe(true);
    }
  });
});
