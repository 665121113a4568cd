import { guard, inputs, nat, trunks } from "./around.ts";
import { calls, dials, exchange } from "./exchange.ts";
import { alerts, fleet, gateway, lamps, link, system } from "./machine.ts";
import { errors, handout, login, operation } from "./pages.ts";

/** Every word of the pages; each part has its file in this folder. British spelling, short sentences. */
export const text = {
  unknown: "–",
  units: { s: "s", min: "min", h: "h", d: "d" },
  title: "Exchange gateway",
  skip: "Skip to the status",
  summary: "Supervisory lamps",
  close: "Close",

  theme: { label: "Colours", auto: "Auto", light: "Light", dark: "Dark" },
  logOut: "Log out",

  exchange,
  calls,
  dials,
  guard,
  trunks,
  nat,
  inputs,
  link,
  fleet,
  alerts,
  system,
  gateway,
  lamps,
  operation,
  login,
  handout,
  errors,
} as const;
