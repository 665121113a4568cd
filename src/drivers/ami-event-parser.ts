import { formatNetwork, parseAddress } from "../base/ip.ts";
import type { SecurityEvent } from "../firewall/port.ts";

/** What comes over the manager's connection for security events. */
export type AmiItem =
  | { readonly type: "greeting" }
  /** An answer to one of our two actions, with its fields. */
  | { readonly type: "answer"; readonly fields: ReadonlyMap<string, string> }
  | { readonly type: "event"; readonly event: SecurityEvent }
  /** Something else; `why` holds nothing of its text. */
  | { readonly type: "refused"; readonly why: string };

/** The keys with which every security event of Asterisk 16 begins, in this order. */
const HEAD = [
  ...["Event", "Privilege", "EventTV", "Severity", "Service", "EventVersion"],
  ...["AccountID", "SessionID", "LocalAddress", "RemoteAddress"],
] as const;

/** By type of event, the keys behind those: which must be there. `SessionTV` and `Module` may be in any. */
const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ["FailedACL", []],
  ["InvalidAccountID", []],
  ["SessionLimit", []],
  ["MemoryLimit", []],
  ["LoadAverageLimit", []],
  ["RequestNotSupported", ["RequestType"]],
  ["RequestNotAllowed", ["RequestType"]],
  ["AuthMethodNotAllowed", ["AuthMethod"]],
  ["RequestBadFormat", ["RequestType"]],
  ["SuccessfulAuth", ["UsingPassword"]],
  ["UnexpectedAddress", ["ExpectedAddress"]],
  ["ChallengeResponseFailed", ["Challenge", "Response", "ExpectedResponse"]],
  ["InvalidPassword", []],
  ["ChallengeSent", ["Challenge"]],
  ["InvalidTransport", ["AttemptedTransport"]],
]);

const OPTIONAL: ReadonlyMap<string, readonly string[]> = new Map([
  ["FailedACL", ["ACLName"]],
  ["RequestNotAllowed", ["RequestParams"]],
  ["RequestBadFormat", ["RequestParams"]],
  // Asterisk's own manager reports a wrong password without them.
  ["InvalidPassword", ["Challenge", "ReceivedChallenge", "ReceivedHash"]],
]);

/** Forms of values that no stranger writes. */
const FORMS: ReadonlyMap<string, RegExp> = new Map([
  ["Privilege", /^security,all$/],
  ["EventTV", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$/],
  ["Severity", /^(?:Informational|Error)$/],
  ["Service", /^(?:SIP|AMI)$/],
  ["EventVersion", /^[1-9]$/],
  ["SessionID", /^0x[0-9a-f]{1,16}$/],
  ["Challenge", /^[0-9A-Za-z]{0,64}$/],
  ["UsingPassword", /^[01]$/],
]);

/** Longest text without an end, characters: a SIP message over UDP is at most half of it, and one value is all of it. */
const MAX_BLOCK = 131_072;
const MAX_FIELDS = 24;

/** The stream cannot be followed any more: the connection has to be made anew. */
export class AmiStreamError extends Error {}

/**
 * Cuts the manager's stream into security events. Fails closed: what is not exactly one of the known events, with its
 * known keys once each, is refused, and the next one is read. A forged event that keeps all of that is not told from a
 * real one, here or by anybody who reads text: see `firewall/evidence.ts`.
 */
export class AmiEventParser {
  #text = "";
  #greeted = false;

  /** @throws AmiStreamError for a greeting of something else, and a text without end */
  push(text: string): AmiItem[] {
    this.#text += text;
    const items: AmiItem[] = [];
    if (!this.#greeted) {
      const end = this.#text.indexOf("\r\n");
      if (end < 0 && this.#text.length < 100) return items;
      if (!/^Asterisk Call Manager\/\d/.test(this.#text)) throw new AmiStreamError("a greeting of something else");
      this.#text = this.#text.slice(end + 2);
      this.#greeted = true;
      items.push({ type: "greeting" });
    }
    const blocks = this.#text.split("\r\n\r\n");
    this.#text = blocks.pop() ?? "";
    if (this.#text.length > MAX_BLOCK) throw new AmiStreamError("a message without end");
    for (const block of blocks) items.push(readBlock(block));
    return items;
  }
}

function readBlock(block: string): AmiItem {
  const lines = block.split("\r\n", MAX_FIELDS + 1);
  if (lines.length > MAX_FIELDS) return refused("too many fields");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const parts = /^([A-Za-z]{1,32}):(?: (.*))?$/s.exec(line);
    const [, key = "", value = ""] = parts ?? [];
    if (parts === null) return refused("a line that is no field");
    if (fields.has(key)) return refused("a key twice");
    fields.set(key, value);
  }
  return fields.has("Response") && !fields.has("Event") ? { type: "answer", fields } : readEvent(fields);
}

function readEvent(fields: ReadonlyMap<string, string>): AmiItem {
  const keys = [...fields.keys()];
  if (HEAD.some((key, at) => keys[at] !== key)) return refused("not the head of a security event");
  const of = (key: string) => fields.get(key) ?? "";
  const type = of("Event");
  const required = REQUIRED.get(type);
  if (required === undefined) return refused("an unknown event");
  const allowed = [...required, ...(OPTIONAL.get(type) ?? []), "SessionTV", "Module"];
  const rest = keys.slice(HEAD.length);
  if (rest.some((key) => !allowed.includes(key))) return refused("an unknown key");
  if (required.some((key) => !fields.has(key))) return refused("a key missing");
  for (const [key, form] of FORMS) {
    const value = fields.get(key);
    if (value !== undefined && !form.test(value)) return refused(`${key} not in form`);
  }
  const remote = readPlace(of("RemoteAddress"));
  if (remote === null || readPlace(of("LocalAddress")) === null) return refused("an address not in form");
  const challenge = of("Challenge").toLowerCase();
  const proven =
    of("Service") === "SIP" &&
    type === "InvalidPassword" &&
    challenge !== "" &&
    of("ReceivedChallenge").toLowerCase() === challenge;
  return { type: "event", event: { type, service: of("Service"), ...remote, proven } };
}

/** `IPV4/UDP/192.0.2.1/5060`. */
function readPlace(text: string): Pick<SecurityEvent, "address" | "port" | "transport"> | null {
  // An address of a link has its interface behind it.
  const parts = /^(IPV4|IPV6)\/(UDP|TCP|TLS)\/([0-9A-Fa-f:.]{2,45})(?:%[\w.-]{1,15})?\/(\d{1,5})$/.exec(text);
  const [, family, transport = "", address = "", port] = parts ?? [];
  const parsed = parseAddress(address);
  if (parsed === null || Number(port) > 65_535 || (family === "IPV4" && address.includes(":"))) return null;
  const lower = transport.toLowerCase();
  if (lower !== "udp" && lower !== "tcp" && lower !== "tls") return null;
  return { address: formatNetwork(parsed), port: Number(port), transport: lower };
}

function refused(why: string): AmiItem {
  return { type: "refused", why };
}
