import { describe, expect, it } from "vitest";
import { testParts } from "./home-assistant-test-parts.ts";
import { renderMetrics } from "./metrics.ts";
import type { StatusParts } from "./types.ts";

interface Metric {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A reader of Prometheus' text format 0.0.4 that forgives nothing: each family once, HELP before TYPE before its
 * samples and these together, names and label names in form, the escapes that there are, no sample twice, a line feed
 * at the end. Beside it what Prometheus' own advice on names asks for: counters end in _total, nothing else does.
 */
function read(page: string): Metric[] {
  expect(page.endsWith("\n")).toBe(true);
  const metrics: Metric[] = [];
  const families = new Set<string>();
  const samples = new Set<string>();
  let family = "";
  let type: string | null = null;
  for (const line of page.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-z_][a-z0-9_]*) ((?:[^\\]|\\[\\n])+)$/.exec(line);
    const typed = /^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge)$/.exec(line);
    if (help !== null) {
      family = help[1] ?? "";
      expect(families.has(family), line).toBe(false);
      families.add(family);
      type = null;
    } else if (typed !== null) {
      expect(typed[1]).toBe(family);
      expect(type).toBeNull();
      type = typed[2] ?? "";
      expect(family.endsWith("_total"), line).toBe(type === "counter");
    } else {
      const sample = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/.exec(line);
      expect(sample, line).not.toBeNull();
      expect(sample?.[1]).toBe(family);
      expect(type).not.toBeNull();
      const name = sample?.[1] ?? "";
      const labels = labelsOf(sample?.[2] ?? "");
      expect(name.startsWith("paxgate_")).toBe(true);
      expect(samples.has(name + JSON.stringify(labels)), line).toBe(false);
      samples.add(name + JSON.stringify(labels));
      metrics.push({ name, labels, value: Number(sample?.[3]) });
    }
  }
  return metrics;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const pair = /([a-z_][a-z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/y;
  while (pair.lastIndex < text.length) {
    const found = pair.exec(text);
    expect(found, text).not.toBeNull();
    if (found === null) break;
    const [, name = "", value = ""] = found;
    expect(labels[name]).toBeUndefined();
    labels[name] = value.replace(/\\(["\\n])/g, (_, each: string) => (each === "n" ? "\n" : each));
  }
  return labels;
}

const find = (metrics: readonly Metric[], name: string, labels: Readonly<Record<string, string>> = {}) =>
  metrics.find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels))?.value;

const unknown: StatusParts = {
  ...testParts,
  lines: [],
  trunks: [],
  inputs: [],
  guard: { ...testParts.guard, counters: {}, scanner: {}, lists: [] },
  nat: { ...testParts.nat, mode: "none" },
  system: { ...testParts.system, cpuPercent: null, temperatureC: null, throttled: null },
};

describe("the page of metrics", () => {
  const metrics = read(renderMetrics(testParts));

  it.each([
    ["paxgate_info", { version: "1.2.3", simulated: "false" }, 1],
    ["paxgate_system_on_trial", { slot: "b" }, 1],
    ["paxgate_state", { state: "degraded" }, 1],
    ["paxgate_state", { state: "ready" }, 0],
    ["paxgate_start_time_seconds", {}, 1_790_000_000],
    ["paxgate_alerts", { severity: "warning" }, 1],
    ["paxgate_alerts", { severity: "error" }, 0],
    ["paxgate_line_state", { line: "tie-1", state: "talking" }, 1],
    ["paxgate_line_in_use", { line: "tie-1" }, 1],
    ["paxgate_line_in_use", { line: "tie-2" }, 0],
    ["paxgate_line_blocked", { line: "tie-2" }, 1],
    ["paxgate_line_dial_impulses_per_second", { line: "tie-1" }, 9.8],
    ["paxgate_line_dial_impulses_per_second", { line: "tie-2" }, undefined],
    ["paxgate_line_dial_break_ratio", { line: "tie-1" }, 0.664],
    ["paxgate_line_digits_total", { line: "tie-1" }, 120],
    ["paxgate_calls_active", {}, 1],
    ["paxgate_calls_today", { direction: "from-pax" }, 4],
    ["paxgate_trunk_registered", { trunk: "event" }, 1],
    ["paxgate_trunk_registered", { trunk: "peer" }, undefined],
    ["paxgate_guard_in_force", {}, 1],
    ["paxgate_guard_dropped_packets_total", {}, 4_711],
    ["paxgate_guard_rule_packets_total", { rule: "drop-blocked" }, 4_000],
    ["paxgate_guard_scanner_packets_total", { token: 'a "quoted" \\ token\n' }, 5],
    ["paxgate_guard_list_updated_time_seconds", { list: "apiban" }, 1_790_000_050],
    ["paxgate_nat_mapping_up", { mapping: "sip" }, 1],
    ["paxgate_cpu_usage_ratio", {}, 0.035],
    ["paxgate_temperature_celsius", {}, 51.2],
    ["paxgate_memory_bytes", {}, 1_900_000_000],
    ["paxgate_disk_wear_ratio", {}, undefined],
    ["paxgate_throttled", { reason: "underVoltage" }, 1],
    ["paxgate_input_active", { input: "fuse" }, 1],
    ["paxgate_input_active", { input: "selector-1" }, undefined],
    ["paxgate_input_operations_total", { input: "fuse" }, 9],
    ["paxgate_mqtt_connected", {}, undefined],
  ])("says %s %o: %s", (name, labels, value) => {
    expect(find(metrics, name, labels)).toBe(value);
  });

  it("is in form where little is known", () => {
    const few = read(renderMetrics(unknown));
    expect(few.some(({ name }) => /line_|nat_|temperature|throttled/.test(name))).toBe(false);
    expect(find(few, "paxgate_calls_active")).toBe(1);
  });

  it("tells of broker and fleet what it is given", () => {
    const more = read(
      renderMetrics(testParts, {
        broker: { connected: true, embedded: false },
        fleet: [
          { site: "south", stale: true },
          { site: "west", stale: false },
        ],
        fleetRefused: { invalid: 3 },
        sharedBans: { banned: 2, mac: 1 },
      }),
    );
    expect(find(more, "paxgate_mqtt_connected")).toBe(1);
    expect(find(more, "paxgate_fleet_site_up", { site: "south" })).toBe(0);
    expect(find(more, "paxgate_fleet_site_up", { site: "west" })).toBe(1);
    expect(find(more, "paxgate_fleet_messages_refused_total", { reason: "invalid" })).toBe(3);
    expect(find(more, "paxgate_shared_bans_total", { outcome: "mac" })).toBe(1);
  });

  it("has no address of a stranger in it", () => {
    expect(renderMetrics(testParts)).not.toContain("198.51.100.9");
  });
});
