import type { DialTarget } from "../base/dial-target.ts";
import { GatewayError } from "../base/errors.ts";
import type { Codec, Config, TrunkConfig } from "../config/schema.ts";
import type { Directories } from "./port.ts";

/** What is generated and persisted elsewhere and given to us. */
export interface SipSecrets {
  /** Passwords of trunks by name, read from their files where the configuration refers to one. */
  readonly trunks: ReadonlyMap<string, string>;
  readonly accounts: ReadonlyMap<string, AccountCredentials>;
  readonly ari: string;
  readonly manager: string;
  readonly securityEvents: string;
}

export interface AccountCredentials {
  /** Non-numeric and not guessable; at the same time the peer's name. */
  readonly username: string;
  readonly secret: string;
}

export interface TrunkPeer {
  readonly name: string;
  readonly peer: string;
  readonly server: string;
  readonly port: number;
  readonly transport: "udp" | "tcp";
  readonly username: string;
  readonly secret: string;
  readonly number: string;
  readonly register: boolean;
  readonly callLimit: number;
  /** Another trunk has the same server and port: calls are told apart by the number called. */
  readonly shared: boolean;
  /** Numbers that the number plan calls through it: exact, or patterns of `X`, `Z`, `N` and sets. */
  readonly outward: readonly string[];
}

export interface AccountPeer extends AccountCredentials {
  readonly name: string;
  readonly networks: readonly string[];
  readonly callLimit: number;
}

/** Everything that the rendered files say, in one place. */
export interface SipModel {
  readonly directories: Directories;
  readonly bindAddress: string;
  readonly port: number;
  readonly tcp: boolean;
  readonly codecs: readonly Codec[];
  readonly externalAddress: string | null;
  /** SIP's port there; null: the same as here. */
  readonly externalPort: number | null;
  readonly localNetworks: readonly string[];
  readonly rtp: { readonly from: number; readonly to: number };
  readonly trunks: readonly TrunkPeer[];
  readonly accounts: readonly AccountPeer[];
  /** After this long without an answer Asterisk itself gives up a call that the supervisor should have given up, s. */
  readonly dialTimeoutS: number;
  /** Event numbers that reach the PAX: exact, or patterns of `X`, `Z`, `N` and sets. */
  readonly toPax: readonly string[];
  readonly http: { readonly port: number; readonly username: string; readonly secret: string };
  readonly manager: { readonly port: number; readonly username: string; readonly secret: string };
  /** The manager's other user: hears security events and may do nothing. */
  readonly securityEvents: { readonly port: number; readonly username: string; readonly secret: string };
}

/** Stasis application that the dialplan hands calls to; also the user name for ARI and AMI. */
export const APPLICATION = "paxgate";

/** AMI user that hears security events. */
const SECURITY_EVENTS_USER = `${APPLICATION}-events`;

/**
 * Seconds that a channel lives without the supervisor. The dialplan grants the first term, the supervisor renews it
 * by AMI's `AbsoluteTimeout`; when it is dead, Asterisk itself hangs up.
 */
export const LEASE_S = 15;

/** How much later than the supervisor Asterisk gives up a call that nobody answers, seconds (EJ). */
const DIAL_MARGIN_S = 10;

export interface ModelOptions {
  readonly directories: Directories;
  readonly secrets: SipSecrets;
  /** Ports on 127.0.0.1 for ARI and AMI. */
  readonly httpPort: number;
  readonly managerPort: number;
  /** Of the PAX profile: a call that is not answered is given up after this, ms. */
  readonly noAnswerMs: number;
}

/** Joins configuration, secrets and directories; errors `sip-secret-missing`, `sip-trunks-alike`. */
export function buildModel(config: Config, options: ModelOptions): SipModel {
  const { secrets } = options;
  const server = (trunk: Config["trunks"][number]) => `${trunk.server.toLowerCase()} ${trunk.port} ${trunk.transport}`;
  const trunks = config.trunks.map((trunk): TrunkPeer => {
    const shared = config.trunks.filter((other) => server(other) === server(trunk)).length > 1;
    // Only a UDP peer that registers through `callbackextension` can be told from another one at the same server.
    if (shared && (!trunk.register || trunk.transport !== "udp")) {
      const message = `trunk ${trunk.name}: several trunks of one server must register over UDP to be told apart`;
      throw new GatewayError("sip-trunks-alike", message, { details: { trunk: trunk.name } });
    }
    return {
      name: trunk.name,
      peer: `trunk-${trunk.name}`,
      server: trunk.server,
      port: trunk.port,
      transport: trunk.transport,
      username: trunk.username,
      secret: given(secrets.trunks, trunk.name, "trunk"),
      number: trunk.number ?? trunk.username,
      register: trunk.register,
      callLimit: trunk.callLimit,
      shared,
      outward: outwardOf(trunk, config),
    };
  });
  const accounts = config.accounts.map(
    (account): AccountPeer => ({
      name: account.name,
      ...given(secrets.accounts, account.name, "account"),
      networks: account.networks.length > 0 ? account.networks : config.sip.localNetworks,
      callLimit: account.callLimit,
    }),
  );
  return {
    directories: options.directories,
    bindAddress: config.sip.bindAddress,
    port: config.sip.port,
    tcp: config.sip.tcp,
    codecs: config.sip.codecs,
    externalAddress: config.sip.externalAddress ?? null,
    externalPort: null,
    localNetworks: config.sip.localNetworks,
    rtp: config.sip.rtpPorts,
    trunks,
    accounts,
    dialTimeoutS: Math.ceil(options.noAnswerMs / 1000) + DIAL_MARGIN_S,
    toPax: [...new Set(config.numberPlan.toPax.map((rule) => rule.number))],
    http: { port: options.httpPort, username: APPLICATION, secret: secrets.ari },
    manager: { port: options.managerPort, username: APPLICATION, secret: secrets.manager },
    securityEvents: { port: options.managerPort, username: SECURITY_EVENTS_USER, secret: secrets.securityEvents },
  };
}

/** What the number plan can make of dialled digits for this trunk, by its own name or its group's. */
function outwardOf({ name, group }: TrunkConfig, { trunks, numberPlan, lines }: Config): string[] {
  const means = (reference: string) =>
    reference === name || (reference === group && !trunks.some((trunk) => trunk.name === reference));
  const rules = [...numberPlan.fromPax, ...lines.flatMap(({ hotline }) => (hotline ? [{ ...hotline, dial: "" }] : []))];
  const numbers = rules.flatMap(({ trunk, number, prefix, strip, dial }) => {
    if (trunk === undefined || !means(trunk)) return [];
    const symbols = dial.match(/\[[^\]]*\]|./g) ?? [];
    return [number ?? (prefix ?? "") + symbols.slice(strip).join("")];
  });
  return [...new Set(numbers)].filter((number) => number !== "");
}

function given<T>(from: ReadonlyMap<string, T>, name: string, kind: string): T {
  const value = from.get(name);
  if (value !== undefined) return value;
  throw new GatewayError("sip-secret-missing", `${kind} ${name} has no secret`, { details: { kind, name } });
}

/** Directories of our Asterisk below the runtime directory; the database of registrations goes below the state. */
export function directoriesBelow(runtime: string, state: string, modules: string): Directories {
  const base = `${runtime}/asterisk`;
  return {
    config: `${base}/etc`,
    run: `${base}/run`,
    log: `${base}/log`,
    spool: `${base}/spool`,
    database: `${state}/asterisk-db`,
    keys: `${base}/keys`,
    modules,
    data: "/usr/share/asterisk",
  };
}

/** Where the rendered dialplan places a call to a destination. */
export function placeOf(target: DialTarget): { readonly context: string; readonly extension: string } {
  switch (target.kind) {
    case "trunk":
      return { context: `to-trunk-${target.trunk}`, extension: target.number };
    case "account":
      return { context: "to-accounts", extension: target.account };
    case "service":
      return { context: "services", extension: target.service };
  }
}
