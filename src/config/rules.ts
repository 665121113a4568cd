import type { Path } from "./faults.ts";
import { type PaxProfile, paxProfileSchema } from "./pax-profile.ts";
import { rtpPortsNeeded } from "./rtp-ports.ts";
import { firewallRules } from "./rules-firewall.ts";
import { natRules } from "./rules-nat.ts";
import { planRules } from "./rules-plan.ts";
import { hostRules } from "./rules-sources.ts";
import { statusRules } from "./rules-status.ts";
import type { Config, LineConfig } from "./schema.ts";

/** What does not fit together although each value is allowed by itself. */
export interface RuleFault {
  readonly path: Path;
  /** Path of the other thing that is meant, whose line the message then names. */
  readonly other?: Path;
  readonly message: string;
  /** The list that the value refers to in vain: not reported while that list itself has faults. */
  readonly refersTo?: "lines" | "trunks" | "accounts";
  /** Names that would have been right. */
  readonly known?: readonly string[];
}

/** Words that Asterisk's files use for sections of their own. */
const RESERVED = new Set(["general", "authentication", "globals", "default"]);

/** Every rule that a file of allowed values can still break. */
export function checkRules(config: Config): RuleFault[] {
  return [
    ...nameRules(config),
    ...lineRules(config),
    ...planRules(config),
    ...sipRules(config),
    ...hostRules(config),
    ...profileRules(config),
    ...firewallRules(config),
    ...natRules(config),
    ...statusRules(config),
  ];
}

function nameRules({ lines, trunks, accounts }: Config): RuleFault[] {
  const faults: RuleFault[] = [];
  const unique = (things: readonly { readonly path: Path; readonly value: string }[], what: string) => {
    const seen = new Map<string, Path>();
    for (const { path, value } of things) {
      const other = seen.get(value);
      if (other === undefined) seen.set(value, path);
      else faults.push({ path, other, message: `${what} is used twice` });
    }
  };
  const named = (list: string, entries: readonly { readonly name: string }[]) =>
    entries.map(({ name }, at) => ({ path: [list, at, "name"], value: name }));

  unique(named("lines", lines), "the name");
  // Trunks and accounts become sections of the same file, so they share one set of names.
  unique([...named("trunks", trunks), ...named("accounts", accounts)], "the name");
  for (const { path, value } of [...named("trunks", trunks), ...named("accounts", accounts)]) {
    if (RESERVED.has(value)) faults.push({ path, message: `"${value}" has a meaning of its own in Asterisk's files` });
  }
  for (const [at, trunk] of trunks.entries()) {
    const group = trunks.findIndex((other, place) => place !== at && other.group === trunk.name);
    if (group === -1) continue;
    const message = "the name is also a trunk group's, so a rule that says it could mean either";
    faults.push({ path: ["trunks", at, "name"], other: ["trunks", group], message });
  }
  unique(
    trunks.map(({ username, server, port }, at) => ({
      path: ["trunks", at, "username"],
      value: `${username}@${server.toLowerCase()}:${port}`,
    })),
    "this username at this server",
  );
  return faults;
}

function lineRules({ lines }: Config): RuleFault[] {
  const faults: RuleFault[] = [];
  const used = new Map<string, Path>();
  const once = (kind: string, value: string | undefined, path: Path) => {
    if (value === undefined) return;
    const other = used.get(`${kind} ${value}`);
    if (other === undefined) used.set(`${kind} ${value}`, path);
    else faults.push({ path, other, message: `this ${kind} is used twice` });
  };
  for (const [at, line] of lines.entries()) {
    if (line.hotline !== undefined && line.type !== "subscriber") {
      faults.push({
        path: ["lines", at, "hotline"],
        message: "only a subscriber line has a hotline; on a tie line the PAX dials",
      });
    }
    if (line.interface === "sim") continue;
    const path: Path = ["lines", at, "interface"];
    const missing = missingInput(line);
    if (missing !== null) {
      const message = `a ${line.type} needs the input "${missing}": without it no call from the PAX is seen`;
      faults.push({ path: [...path, "inputs"], message });
    }
    for (const [input, gpio] of Object.entries(line.interface.inputs))
      once("GPIO line", gpio, [...path, "inputs", input]);
    for (const [output, led] of Object.entries(line.interface.outputs))
      once("output", led, [...path, "outputs", output]);
    once("audio device", line.interface.audio, [...path, "audio"]);
  }
  return faults;
}

function missingInput(line: LineConfig): "loop" | "ring" | null {
  if (line.interface === "sim") return null;
  const wanted = line.type === "tie-line" ? "loop" : "ring";
  return line.interface.inputs[wanted] === undefined ? wanted : null;
}

function sipRules({ sip, lines, accounts, asterisk }: Config): RuleFault[] {
  const faults: RuleFault[] = [];
  const { from, to } = sip.rtpPorts;
  const needed = rtpPortsNeeded(lines.length);
  if (from % 2 !== 0)
    faults.push({
      path: ["sip", "rtpPorts", "from"],
      message: "must be even: RTP takes an even port and RTCP the next",
    });
  if (to < from) faults.push({ path: ["sip", "rtpPorts", "to"], message: `must be greater than from (${from})` });
  else if (to - from + 1 < needed) {
    const message = `${to - from + 1} ports are too few for ${lines.length} lines: at least ${needed} (to: ${from + needed - 1})`;
    faults.push({ path: ["sip", "rtpPorts", "to"], message });
  }
  if (sip.port >= from && sip.port <= to) {
    faults.push({ path: ["sip", "port"], other: ["sip", "rtpPorts"], message: "is one of the ports for audio" });
  }
  if (asterisk.managerPort === asterisk.ariPort) {
    const message = "is ARI's port too: each needs one of its own";
    faults.push({ path: ["asterisk", "managerPort"], other: ["asterisk", "ariPort"], message });
  }
  if (sip.tcp && (sip.port === asterisk.ariPort || sip.port === asterisk.managerPort)) {
    const other = ["asterisk", sip.port === asterisk.ariPort ? "ariPort" : "managerPort"];
    faults.push({ path: ["sip", "port"], other, message: "is also a TCP port of the gateway's own Asterisk" });
  }
  if (sip.externalAddress !== undefined && sip.localNetworks.length === 0) {
    const message = "needs sip.localNetworks, or phones on our side of the router would be given the public address";
    faults.push({ path: ["sip", "externalAddress"], message });
  }
  for (const [at, codec] of sip.codecs.entries()) {
    if (sip.codecs.indexOf(codec) < at)
      faults.push({ path: ["sip", "codecs", at], message: `${codec} is named twice` });
  }
  for (const [at, account] of accounts.entries()) {
    if (account.networks.length > 0 || sip.localNetworks.length > 0) continue;
    const message = "could register from nowhere: both its networks and sip.localNetworks are empty";
    faults.push({ path: ["accounts", at], message });
  }
  return faults;
}

/** Values of a profile that contradict one another. What is not overridden counts with the PAX50's value. */
function profileRules({ pax }: Config): RuleFault[] {
  const faults: RuleFault[] = [];
  const given = Object.fromEntries(Object.entries(pax.overrides).filter(([, value]) => value !== undefined));
  const profile: PaxProfile = paxProfileSchema.parse(given);
  const fault = (keys: readonly (keyof PaxProfile)[], message: string) => {
    const key = keys.find((one) => given[one] !== undefined);
    if (key !== undefined) faults.push({ path: ["pax", "overrides", key], message });
  };
  if (profile.debounceMs >= profile.breakMinMs) {
    fault(
      ["debounceMs", "breakMinMs"],
      "debounceMs must be less than breakMinMs, or short impulses are taken for bounce",
    );
  }
  const ips = 1000 / (profile.sendBreakMs + profile.sendMakeMs);
  if (ips < 7 || ips > 14) {
    const message = `sendBreakMs and sendMakeMs come to ${ips.toFixed(1)} impulses per second; exchanges follow 7 to 14`;
    fault(["sendBreakMs", "sendMakeMs"], message);
  }
  return faults;
}
