import { describe, expect, it } from "vitest";
import { z } from "zod";
import { announcedIn, configTopic, type Discovery, discovery, type HomeAssistantOptions } from "./home-assistant.ts";
import type { Component } from "./home-assistant-components.ts";
import { testParts } from "./home-assistant-test-parts.ts";
import { specOf } from "./topics.ts";
import type { StatusParts } from "./types.ts";

/**
 * The schema below follows Home Assistant's documentation of the MQTT integration (device discovery, sensor, binary
 * sensor, button; abbreviations) as of its release 2024.11, and what the integrations of sensors and binary sensors
 * add about classes, units and options. It is stricter than Home Assistant, which passes over keys it does not know:
 * a key that is not here is a fault, and so is one that does not belong to its platform.
 */
const topic = z.string().regex(/^[A-Za-z0-9_/-]{1,200}$/);
const template = z.string().regex(/^\{\{ .+ \}\}$/);
const text = z.string().min(1).max(255);
const common = {
  name: text,
  uniq_id: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/),
  ic: z
    .string()
    .regex(/^mdi:[a-z0-9-]+$/)
    .optional(),
  ent_cat: z.enum(["diagnostic", "config"]).optional(),
};
const units: Readonly<Record<string, readonly string[]>> = {
  temperature: ["°C", "°F", "K"],
  duration: ["d", "h", "min", "s", "ms"],
  data_size: ["B", "kB", "MB", "GB", "MiB", "GiB"],
};
const sensor = z
  .strictObject({
    ...common,
    p: z.literal("sensor"),
    stat_t: topic,
    val_tpl: template,
    dev_cla: z.enum(["enum", "temperature", "duration", "data_size"]).optional(),
    stat_cla: z.enum(["measurement", "total", "total_increasing"]).optional(),
    unit_of_meas: text.optional(),
    ops: z.array(text).min(1).optional(),
  })
  .refine(({ dev_cla, ops }) => (dev_cla === "enum") === (ops !== undefined), "options belong to class enum")
  .refine(
    ({ dev_cla, stat_cla, unit_of_meas }) =>
      dev_cla !== "enum" || (stat_cla === undefined && unit_of_meas === undefined),
    "class enum has neither state class nor unit",
  )
  .refine(
    ({ dev_cla, unit_of_meas }) => units[dev_cla ?? ""]?.includes(unit_of_meas ?? "") ?? true,
    "a unit of its class",
  );
const binarySensor = z.strictObject({
  ...common,
  p: z.literal("binary_sensor"),
  stat_t: topic,
  val_tpl: template,
  pl_on: text,
  pl_off: text,
  dev_cla: z.enum(["connectivity", "problem", "running"]).optional(),
  // A sensor of either kind cannot be a setting.
  ent_cat: z.literal("diagnostic").optional(),
});
const button = z.strictObject({
  ...common,
  p: z.literal("button"),
  cmd_t: topic,
  pl_prs: text,
  dev_cla: z.enum(["identify", "restart", "update"]).optional(),
});
const removed = z.strictObject({ p: z.enum(["sensor", "binary_sensor", "button"]) });
const deviceSchema = z.strictObject({
  dev: z.strictObject({
    ids: z.array(text).min(1),
    name: text,
    mf: text.optional(),
    mdl: text.optional(),
    sw: text.optional(),
    cu: z.url({ protocol: /^https?$/ }).optional(),
  }),
  o: z.strictObject({ name: text, sw: text.optional(), url: z.url().optional() }),
  cmps: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,96}$/), z.union([sensor, binarySensor, button, removed])),
  avty_t: topic,
  pl_avail: text,
  pl_not_avail: text,
  qos: z.literal([0, 1, 2]),
});

const options: HomeAssistantOptions = {
  prefix: "homeassistant",
  base: "paxgate",
  site: "north-field",
  requests: false,
  url: "http://192.168.1.9:8080/",
};
const pc: StatusParts = {
  ...testParts,
  nat: { ...testParts.nat, mode: "none" },
  system: { ...testParts.system, model: null, throttled: null },
  inputs: [],
  trunks: [],
};
const none = new Map<string, "sensor">();
const cases: readonly (readonly [string, HomeAssistantOptions, StatusParts])[] = [
  ["a Raspberry Pi", options, testParts],
  ["with requests", { ...options, requests: true, url: null }, testParts],
  ["another machine without inputs, trunks and NAT", options, pc],
];

/** The payload of a status topic, as the status service makes it of its parts. */
function payloadOf(parts: StatusParts, below: string): unknown {
  const [kind = "", name = ""] = below.split("/");
  const found = {
    gateway: parts.gateway,
    calls: parts.calls,
    guard: parts.guard,
    nat: parts.nat,
    system: parts.system,
    lines: parts.lines.find(({ line }) => line === name),
    trunks: parts.trunks.find(({ trunk }) => trunk === name),
    inputs: parts.inputs.find(({ input }) => input === name),
  }[kind];
  return found ?? expect.fail(below);
}

/**
 * What Jinja makes of the templates that are used: `value_json.a.b`, `| count`, `in [...]`. It writes True, False and
 * None; a name that the payload has not is undefined, which is a fault here, as is a template in any other form.
 */
function evaluate(source: string, payload: unknown): string {
  const form = /^\{\{ value_json((?:\.[A-Za-z]+)+)(?: (\| count|in \[[^\]]*\]))? \}\}$/.exec(source);
  const path = (form?.[1] ?? expect.fail(source)).split(".").slice(1);
  const value = path.reduce<unknown>((of, key) => {
    if (typeof of !== "object" || of === null || !Object.hasOwn(of, key)) return expect.fail(`${source}: no ${key}`);
    return (of as Record<string, unknown>)[key];
  }, payload);
  const more = form?.[2];
  if (more === "| count") return Array.isArray(value) ? String(value.length) : expect.fail(source);
  if (more?.startsWith("in ")) return say([...more.matchAll(/'([^']*)'/g)].some(([, word]) => word === value));
  return say(value);
}

function say(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "string") return String(value);
  return expect.fail(`no scalar: ${JSON.stringify(value)}`);
}

const isEntity = (component: Discovery["cmps"][string]): component is Component => "uniq_id" in component;
const componentsOf = (told: Discovery) =>
  Object.entries(told.cmps).flatMap(([key, component]) => (isEntity(component) ? [{ key, ...component }] : []));

describe.each(cases)("the announcement of %s", (_, given, parts) => {
  const told = discovery(given, parts, none);
  const components = componentsOf(told);

  it("has the keys that Home Assistant documents, and no others", () => {
    expect(deviceSchema.safeParse(JSON.parse(JSON.stringify(told))).error?.issues).toBeUndefined();
  });

  it("gives every entity an identifier and a name of its own", () => {
    for (const of of [components.map(({ uniq_id }) => uniq_id), components.map(({ name }) => name)]) {
      expect(new Set(of).size).toBe(of.length);
    }
  });

  it("takes every value from a retained topic of ours, whose payload has it", () => {
    for (const component of components) {
      if (component.p === "button") continue;
      const below = component.stat_t.slice("paxgate/north-field/".length);
      const spec = specOf(below) ?? expect.fail(below);
      expect(spec.retained, below).toBe(true);
      const payload = spec.schema.parse(payloadOf(parts, below));
      const value = evaluate(component.val_tpl, payload);
      if (component.p === "binary_sensor") expect(["True", "False", "None"], component.key).toContain(value);
      else if (component.ops !== undefined) expect(component.ops, component.key).toContain(value);
      else if (component.unit_of_meas !== undefined) expect(value, component.key).toMatch(/^(?:-?[0-9.]+|None)$/);
      else expect(value).not.toBe("");
    }
  });

  it("asks for nothing but what requests there are, and only where they are taken", () => {
    const buttons = components.flatMap((component) => (component.p === "button" ? [component] : []));
    expect(buttons.length > 0).toBe(given.requests);
    for (const { cmd_t, pl_prs } of buttons) {
      const spec = specOf(cmd_t.slice("paxgate/north-field/".length)) ?? expect.fail(cmd_t);
      expect(spec.kind).toBe("request");
      expect(spec.schema.safeParse(JSON.parse(pl_prs)).success).toBe(true);
    }
  });

  it("hangs on the availability topic and fits a broker's limits", () => {
    expect(told.avty_t).toBe("paxgate/north-field/availability");
    expect(JSON.stringify(told).length).toBeLessThan(32_768);
  });
});

describe("the announcement", () => {
  const values = (key: string, parts: StatusParts = testParts) => {
    const component = discovery(options, parts, none).cmps[key] ?? expect.fail(key);
    if (!isEntity(component) || component.p === "button") return expect.fail(key);
    return evaluate(component.val_tpl, payloadOf(parts, component.stat_t.slice("paxgate/north-field/".length)));
  };

  it.each([
    ["state", "degraded"],
    ["problem", "True"],
    ["line-tie-1-state", "talking"],
    ["line-tie-1-ips", "9.8"],
    ["line-tie-2-ips", "None"],
    ["line-tie-2-blocked", "True"],
    ["calls-active", "1"],
    ["calls-from-pax", "4"],
    ["trunk-event", "True"],
    ["guard", "True"],
    ["guard-dropped", "17"],
    ["guard-bans", "1"],
    ["nat-address", "203.0.113.5"],
    ["temperature", "51.2"],
    ["undervoltage", "True"],
    ["input-fuse", "True"],
    ["input-selector-1", "None"],
    ["input-fuse-operations", "9"],
  ])("shows %s as %s", (key, expected) => {
    expect(values(key)).toBe(expected);
  });

  it("calls a gateway without alerts no problem", () => {
    expect(values("problem", { ...testParts, gateway: { ...testParts.gateway, state: "ready" } })).toBe("False");
  });

  it("shows no registration of a trunk that does not register", () => {
    expect(Object.keys(discovery(options, testParts, none).cmps).filter((key) => key.startsWith("trunk-peer"))).toEqual(
      ["trunk-peer-calls"],
    );
  });

  it("removes what is no more by leaving only its platform, once", () => {
    const before = JSON.stringify(discovery(options, testParts, none));
    const [first] = testParts.lines;
    const fewer = { ...testParts, lines: first === undefined ? [] : [first] };
    const told = discovery(options, fewer, announcedIn(before));
    expect(told.cmps["line-tie-2-state"]).toEqual({ p: "sensor" });
    expect(told.cmps["line-tie-2-blocked"]).toEqual({ p: "binary_sensor" });
    expect(deviceSchema.safeParse(told).success).toBe(true);
    const after = discovery(options, fewer, announcedIn(JSON.stringify(told)));
    expect(Object.keys(after.cmps).filter((key) => key.includes("tie-2"))).toEqual([]);
  });

  it.each([
    "",
    "null",
    "7",
    "[]",
    '{"cmps":null}',
    '{"cmps":[1,null,"x"]}',
    '{"cmps":{"a b":{"p":"sensor","uniq_id":1}}}',
  ])("takes %s on the broker for nothing announced", (payload) => {
    expect(announcedIn(payload).size).toBe(0);
  });

  it("stands on the topic of the device", () => {
    expect(configTopic(options)).toBe("homeassistant/device/paxgate-north-field/config");
  });
});
