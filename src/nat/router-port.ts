import type { Dispose } from "../base/events.ts";

/** What being the router needs from outside. */

export interface InterfaceState {
  /** Switched on. */
  readonly up: boolean;
  /** Something is at the other end. */
  readonly carrier: boolean;
  /** IPv4 addresses with their prefix lengths: `10.64.0.1/24`. */
  readonly addresses: readonly string[];
}

export interface InterfacePort {
  /** All network interfaces by name. Error `interface-failed`. */
  look(): Promise<ReadonlyMap<string, InterfaceState>>;
  /** Error `interface-failed`, as for all of these. */
  setUp(name: string, up: boolean): Promise<void>;
  /** Nothing happens when it is there. */
  addAddress(name: string, address: string): Promise<void>;
  removeAddress(name: string, address: string): Promise<void>;
}

/** Kernel settings. A key is a path below /proc/sys: interfaces' names may hold dots. */
export interface SysctlPort {
  /** Values of those that this kernel has. Error `sysctl-failed`. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Error `sysctl-failed`. */
  write(key: string, value: string): Promise<void>;
}

/** The DHCP and DNS server of the LAN. It does not outlive us. */
export interface DhcpServerPort {
  /** The configuration it runs with; null when it does not run. */
  readonly running: string | null;
  /** Resolves when it serves. Error `dnsmasq-failed`, with its own words. */
  start(configuration: string): Promise<void>;
  stop(): Promise<void>;
  /** It ended without being told to. */
  onExit(listener: (how: string) => void): Dispose;
}

/** Flows that the kernel remembers, and goes on sending where they went before. */
export interface ConntrackPort {
  /** Forgets flows to a port at one of our addresses; how many there were. Error `conntrack-failed`. */
  forget(flows: { readonly protocol: "udp" | "tcp"; readonly address: string; readonly port: number }): Promise<number>;
}

/** What was changed on the machine, kept where a successor finds it until the machine restarts. */
export interface NotePort {
  /** Null when there is none. */
  read(): Promise<unknown>;
  write(note: unknown): Promise<void>;
}
