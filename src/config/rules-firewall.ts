import type { Path } from "./faults.ts";
import type { RuleFault } from "./rules.ts";
import { portsOfAsterisk } from "./rules-ports.ts";
import { matchesEverything, sourceFault } from "./rules-sources.ts";
import type { Config } from "./schema.ts";

/** Names that the guard has a meaning of its own for. */
const RESERVED_LISTS = new Set(["apiban"]);

/** What stands in every SIP request, or in those of most telephones: a token in it tells nothing. */
const ORDINARY_REQUEST = [
  "REGISTER sip:198.51.100.7:5060 SIP/2.0",
  "INVITE sip:4100@198.51.100.7:5060;transport=udp SIP/2.0",
  "Via: SIP/2.0/UDP 192.168.1.20:5060;rport;branch=z9hG4bK",
  "Via: SIP/2.0/TCP",
  "Max-Forwards: 70",
  "From: <sip:4100@198.51.100.7>;tag=",
  "To: <sip:4100@198.51.100.7>",
  "Contact: <sip:4100@192.168.1.20:5060>",
  "Call-ID: ",
  "CSeq: 1 REGISTER",
  "CSeq: 1 INVITE",
  "Expires: 3600",
  "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY",
  "Supported: replaces",
  "User-Agent: ",
  "Authorization: Digest username=realm=nonce=uri=response=algorithm=MD5",
  "Content-Type: application/sdp",
  "Content-Length: 0",
  "c=IN IP4 192.168.1.20",
  "m=audio 10000 RTP/AVP 0 8 101",
  "a=rtpmap:101 telephone-event/8000",
].map((line) => line.toLowerCase());

/** Rules of the `firewall` section. */
export function firewallRules(config: Config): RuleFault[] {
  return [
    ...sourceRules(config),
    ...portRules(config),
    ...banRules(config),
    ...scannerRules(config),
    ...listRules(config),
  ];
}

function sourceRules({ firewall, accounts, sip }: Config): RuleFault[] {
  const faults: RuleFault[] = [];
  const check = (sources: readonly string[], path: Path, everything: string | null) => {
    for (const [at, source] of sources.entries()) {
      const message = sourceFault(source) ?? (matchesEverything(source) ? everything : null);
      if (message !== null) faults.push({ path: [...path, at], message });
    }
  };
  const { lists, mode } = firewall;
  const trusted = "would make the whole world trusted, which is never limited nor banned: name the addresses";
  const open = "lets the whole world in: that is firewall.mode: open, which needs no list";
  check(lists.trunks, ["firewall", "lists", "trunks"], trusted);
  check(lists.operators, ["firewall", "lists", "operators"], trusted);
  check(lists.eventNetwork, ["firewall", "lists", "eventNetwork"], open);
  check(lists.management, ["firewall", "lists", "management"], null);
  for (const [at, { from }] of firewall.allow.entries()) check(from, ["firewall", "allow", at, "from"], null);
  if (mode === "allowlist") {
    // The accounts' networks may send SIP; in mode open so may everybody.
    const wide = (networks: readonly string[], path: Path) => {
      const at = networks.findIndex(matchesEverything);
      if (at >= 0) faults.push({ path: [...path, at], message: open });
    };
    for (const [at, { networks }] of accounts.entries()) wide(networks, ["accounts", at, "networks"]);
    if (accounts.some(({ networks }) => networks.length === 0)) wide(sip.localNetworks, ["sip", "localNetworks"]);
  }
  return faults;
}

function portRules(config: Config): RuleFault[] {
  const { managementPorts, allow, lists, protect } = config.firewall;
  const faults: RuleFault[] = [];
  const held = portsOfAsterisk(config);
  const useOf = (protocol: "udp" | "tcp", port: number) =>
    held.find((one) => one.protocol === protocol && one.from <= port && port <= one.to)?.what;
  for (const [at, port] of managementPorts.entries()) {
    const path: Path = ["firewall", "managementPorts", at];
    if (managementPorts.indexOf(port) < at) faults.push({ path, message: `port ${port} is named twice` });
    const use = useOf("tcp", port);
    if (use !== undefined) faults.push({ path, message: `is the port for ${use}, which is not for management` });
  }
  const nobody = lists.management.length === 0 && lists.operators.length === 0;
  if (protect === "host" && managementPorts.length > 0 && nobody) {
    const message =
      "nobody could reach the management ports: name who may, or write managementPorts: [] if that is meant";
    faults.push({ path: ["firewall", "lists", "management"], message });
  }
  for (const [at, { port, protocol }] of allow.entries()) {
    const path: Path = ["firewall", "allow", at, "port"];
    const first = allow.findIndex((one) => one.port === port && one.protocol === protocol);
    if (first < at) {
      const message = `${protocol} port ${port} is allowed twice: put its sources together`;
      faults.push({ path, other: ["firewall", "allow", first, "port"], message });
    }
    const use = useOf(protocol, port);
    if (use !== undefined) {
      const instead =
        use === "SIP" || use === "audio" ? "who may reach it is said by mode and lists" : "it is nobody's";
      faults.push({ path, message: `is the port for ${use}: ${instead}` });
    }
    const management = protocol === "tcp" ? managementPorts.indexOf(port) : -1;
    if (management >= 0) {
      const message = "is a management port: put its sources into lists.management";
      faults.push({ path, other: ["firewall", "managementPorts", management], message });
    }
  }
  return faults;
}

function banRules({ firewall }: Config): RuleFault[] {
  const { banMinutes } = firewall.limits;
  const at = banMinutes.findIndex((minutes, place) => place > 0 && minutes <= (banMinutes[place - 1] ?? 0));
  if (at < 0) return [];
  const message = `each ban must be longer than the one before (${banMinutes[at - 1]})`;
  return [{ path: ["firewall", "limits", "banMinutes", at], message }];
}

function scannerRules({ firewall }: Config): RuleFault[] {
  const tokens = firewall.scanner.tokens.map((token) => token.toLowerCase());
  return tokens.flatMap((token, at): RuleFault[] => {
    const path: Path = ["firewall", "scanner", "tokens", at];
    if (token.trim() !== token) return [{ path, message: "begins or ends with a blank" }];
    if (tokens.indexOf(token) < at) return [{ path, message: "is named twice" }];
    if (!/[a-z0-9]{3}/.test(token))
      return [{ path, message: "needs three letters or digits in a row to mean anything" }];
    if (!ORDINARY_REQUEST.some((line) => line.includes(token))) return [];
    return [{ path, message: "stands in ordinary SIP requests too: no scanner can be told by it" }];
  });
}

function listRules({ firewall }: Config): RuleFault[] {
  const { blockLists, apiban } = firewall;
  const faults: RuleFault[] = [];
  for (const [at, list] of blockLists.entries()) {
    const path: Path = ["firewall", "blockLists", at];
    if ((list.file === undefined) === (list.url === undefined)) {
      const given = list.file === undefined ? "neither is given" : "both are given";
      faults.push({ path, message: `needs either a file or a url; ${given}` });
    }
    const same = (key: "name" | "file" | "url") =>
      list[key] === undefined ? at : blockLists.findIndex((one) => one[key] === list[key]);
    for (const key of ["name", "file", "url"] as const) {
      const first = same(key);
      if (first === at) continue;
      const message = `the ${key} is used twice`;
      faults.push({ path: [...path, key], other: ["firewall", "blockLists", first, key], message });
    }
    if (RESERVED_LISTS.has(list.name)) {
      faults.push({ path: [...path, "name"], message: `"${list.name}" has a meaning of its own for the firewall` });
    }
    const wrong = list.url === undefined ? null : urlFault(list.url, false);
    if (wrong !== null) faults.push({ path: [...path, "url"], message: wrong });
  }
  const wrong = urlFault(apiban.url, apiban.key !== undefined);
  if (wrong !== null) faults.push({ path: ["firewall", "apiban", "url"], message: wrong });
  return faults;
}

/** `withKey`: a key is sent there, which must not go over the air in clear. */
function urlFault(text: string, withKey: boolean): string | null {
  if (!URL.canParse(text)) return "is no URL";
  const { protocol, username, password, hostname } = new URL(text);
  if (username !== "" || password !== "") return "must not hold a user or a password: it is shown in the status";
  const host = hostname.replace(/^\[|\]$/g, "");
  const ours = /^(?:127|10|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))\.[0-9.]+$|^::1$|^f[cd][0-9a-f]{2}:|^localhost$/.test(
    host,
  );
  if (withKey && protocol === "http:" && !ours) return "would be sent the key in clear: write https";
  return null;
}
