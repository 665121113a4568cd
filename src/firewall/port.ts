import type { Dispose } from "../base/events.ts";
import type { IpNetwork } from "../base/ip.ts";

/** What the firewall room needs from outside. */

/** The kernel's packet filter (nftables). Every script is one transaction: all of it or nothing. */
export interface NftPort {
  /** Errors: `nft-refused` with nft's words, `nft-missing`, `nft-denied` (no right to). Changes nothing. */
  check(script: string): Promise<void>;
  /** Errors as for `check`; then nothing was changed. */
  apply(script: string): Promise<void>;
  /** `nft --json --terse list table inet NAME`, parsed; null when there is no such table. */
  table(name: string): Promise<unknown>;
  /** Elements of one set, parsed JSON of `nft --json list set`; for small sets only. */
  set(table: string, name: string): Promise<unknown>;
}

/** The User-Agent filter, for which the kernel needs its older interface (iptables-nft's string match). */
export interface ScannerPort {
  /** Puts exactly these rules in place, atomically for each family; `null` removes all of ours. */
  apply(rules: ScannerRules | null): Promise<void>;
  /** Packets dropped since the rules were put in place, by token. */
  counters(): Promise<ReadonlyMap<string, number>>;
}

export interface ScannerRules {
  /** Packets with this mark are looked at, no others. */
  readonly mark: number;
  readonly sipPort: number;
  readonly tcp: boolean;
  readonly tokens: readonly string[];
  /** Texts to look for in a packet for a token, in any case of letters; without an entry, the token itself. */
  readonly patterns?: Readonly<Record<string, readonly string[]>>;
}

/** One security event of our Asterisk, its fields checked to be in form and unique. Its texts are a stranger's. */
export interface SecurityEvent {
  readonly type: string;
  readonly service: string;
  /** Source address as Asterisk saw it, canonical. */
  readonly address: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  /** Whether what the source sent proves that it receives what is sent to its address. */
  readonly proven: boolean;
}

export interface SecurityEventPort {
  /** Whether events are heard now. */
  readonly up: boolean;
  /** Events not in form, which were left out since the start. */
  readonly refused: number;
  onEvent(listener: (event: SecurityEvent) => void): Dispose;
  /** An event that was not in form was left out. */
  onRefused(listener: (why: string) => void): Dispose;
}

/** Phones that are registered with our Asterisk now. */
export interface RegisteredPeersPort {
  /** Account name → address, as Asterisk keeps it. */
  registered(): Promise<ReadonlyMap<string, string>>;
}

/** DNS. */
export interface NamesPort {
  /** Addresses of a name, both families, and how long they may be kept, s. Errors: `name-unknown`, `name-failed`. */
  lookUp(name: string): Promise<NameAnswer>;
}

export interface NameAnswer {
  readonly addresses: readonly string[];
  readonly ttlS: number;
  /** One of the two families could not be asked: addresses that are missing may still be right. */
  readonly partial?: boolean;
}

/** HTTP for block lists: never follows a redirect, bounded in size and time. */
export interface FetchPort {
  /** Errors: `http-failed`, `http-too-large`, `timeout`. Any status is an answer. */
  request(request: FetchRequest, signal: AbortSignal): Promise<FetchAnswer>;
}

export interface FetchRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface FetchAnswer {
  readonly status: number;
  /** Seconds of `Retry-After`; null when there is none or it is no number. */
  readonly retryAfterS: number | null;
  readonly body: string;
}

/** Text files of block lists, as the operator wrote them. */
export interface ListFilePort {
  /** Errors: `list-file` (missing, unreadable, too large). */
  read(path: string, maxBytes: number): Promise<string>;
}

/** Who is connected for management now. */
export interface OperatorsPort {
  /** Remote addresses of established TCP connections to these local ports; loopback counts too. */
  connected(ports: readonly number[]): Promise<readonly string[]>;
}

/** The routers before us. */
export interface GatewaysPort {
  /** Addresses of the default gateways. */
  gateways(): Promise<readonly IpNetwork[]>;
  onChange(listener: (gateways: readonly IpNetwork[]) => void): Dispose;
}

/** A piece of state that outlives restarts and power cuts. What is read is anything: check it. */
export interface StatePort {
  /** Null when nothing was ever written, or (with an alert) when it is lost. */
  read(): Promise<unknown>;
  write(state: unknown): Promise<void>;
}
