import type { LineStatusPayload } from "../status/schema.ts";
import type { SiteView } from "./model.ts";
import { text } from "./text/text.ts";

/** What things look like: pure. A look is told by shape and word as well, never by colour alone. */

export type LineLook =
  | "off"
  | "idle"
  | "seized"
  | "dialling"
  | "ringing"
  | "talking"
  | "clearing"
  | "parked"
  | "fault"
  | "blocked";

export interface LineFace {
  readonly look: LineLook;
  readonly word: string;
}

export function lineFace(line: LineStatusPayload): LineFace {
  const words = text.exchange.states;
  const word = words[line.state];
  if (line.state === "fault") return { look: "fault", word };
  if (line.blocked && line.call === null) return { look: "blocked", word: text.exchange.blocked };
  switch (line.state) {
    case "starting":
      return { look: "off", word };
    case "idle":
      return { look: "idle", word };
    case "seized":
      return line.digits === "" ? { look: "seized", word } : { look: "dialling", word: words.dialling };
    case "seizing":
      return { look: "seized", word };
    case "sending":
    case "second-stage":
      return { look: "dialling", word };
    case "proceeding":
    case "awaiting-answer":
      return { look: "ringing", word };
    case "talking":
      return { look: "talking", word };
    case "awaiting-clear":
    case "guard":
      return { look: "clearing", word };
    case "parked":
      return { look: "parked", word };
  }
}

/** Whether somebody uses it. */
export function engaged(line: LineStatusPayload): boolean {
  const { look } = lineFace(line);
  return look !== "off" && look !== "idle" && look !== "blocked" && look !== "fault";
}

/** Lamps of the strip: lit in a colour, with a word beside. */
export type LampLook = "off" | "good" | "busy" | "warn" | "bad";

export interface Lamp {
  readonly look: LampLook;
  readonly word: string;
}

export function linesLamp(site: SiteView): Lamp {
  const lines = Object.values(site.lines);
  if (lines.length === 0) return { look: "off", word: text.lamps.none };
  const faults = lines.filter((line) => line.state === "fault").length;
  if (faults > 0) return { look: "bad", word: text.lamps.faulty(faults) };
  const busy = lines.filter(engaged).length;
  return { look: busy > 0 ? "busy" : "good", word: text.lamps.engaged(busy, lines.length) };
}

export function callsLamp(site: SiteView): Lamp {
  const count = site.calls?.active.length ?? 0;
  return { look: count > 0 ? "busy" : "off", word: text.lamps.calls(count) };
}

export function dialsLamp(site: SiteView): Lamp {
  const lines = Object.values(site.lines);
  if (lines.some((line) => line.dial.warn)) return { look: "warn", word: text.dials.states.warn };
  if (lines.every((line) => line.dial.digits === 0)) return { look: "off", word: text.dials.states.none };
  return { look: "good", word: text.dials.states.good };
}

export function guardLamp(site: SiteView): Lamp {
  const { guard } = site;
  if (guard === null || guard.protect === "none") return { look: "off", word: text.lamps.none };
  if (!guard.inForce) return { look: "bad", word: text.guard.notInForce };
  if (guard.faults.length > 0) return { look: "warn", word: text.lamps.trouble };
  if (guard.trial.state === "on-trial") return { look: "warn", word: text.lamps.onTrial };
  return { look: "good", word: guard.mode === "open" ? text.guard.open : text.guard.inForce };
}

export function trunksLamp(site: SiteView): Lamp {
  const trunks = Object.values(site.trunks);
  if (trunks.length === 0) return { look: "off", word: text.lamps.none };
  const good = trunks.filter((trunk) => trunk.registered !== false).length;
  return { look: good === trunks.length ? "good" : "bad", word: text.lamps.trunks(good, trunks.length) };
}

export function natLamp(site: SiteView): Lamp {
  const { nat } = site;
  if (nat === null || nat.mode === "none") return { look: "off", word: text.lamps.nat.none };
  const wrong = nat.doubleNat || nat.faults.length > 0 || nat.mappings.some((mapping) => mapping.fault !== null);
  if (wrong) return { look: "warn", word: nat.doubleNat ? text.nat.double : text.lamps.trouble };
  return { look: "good", word: nat.mode === "router" ? text.lamps.nat.router : text.lamps.nat.good };
}

export function inputsLamp(site: SiteView): Lamp {
  const inputs = Object.values(site.inputs);
  if (inputs.length === 0) return { look: "off", word: text.lamps.none };
  const active = inputs.filter((input) => input.active === true);
  if (active.some((input) => input.alarm)) return { look: "bad", word: text.inputs.alarm };
  return { look: active.length > 0 ? "busy" : "good", word: text.lamps.inputs(active.length) };
}

/** Above this a Raspberry Pi soon throttles itself (its firmware's soft limit is 80 °C). */
const HOT_C = 75;

export function systemLamp(site: SiteView): Lamp {
  const { system } = site;
  if (system === null) return { look: "off", word: text.unknown };
  const { throttled, temperatureC } = system;
  if (throttled?.underVoltage) return { look: "bad", word: text.system.underVoltage };
  if (throttled?.throttled) return { look: "warn", word: text.system.throttled };
  const word = temperatureC === null ? text.system.powerGood : `${Math.round(temperatureC)} °C`;
  return { look: temperatureC !== null && temperatureC >= HOT_C ? "warn" : "good", word };
}

export function gatewayLamp(site: SiteView): Lamp {
  const { gateway } = site;
  if (gateway === null) return { look: "off", word: text.unknown };
  const word = text.gateway.states[gateway.state];
  if (gateway.state === "faulty") return { look: "bad", word };
  return { look: gateway.state === "ready" ? "good" : "warn", word };
}
