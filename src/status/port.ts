import type { Dispose } from "../base/events.ts";
import type { BrokerState, OperationName, Part, StatusParts } from "./types.ts";

/** What the status room needs from outside. */

/** A connection to an MQTT broker, made again for ever (`drivers/mqtt-link.ts`). */
export interface BrokerLink {
  readonly state: BrokerState;
  onState(listener: (state: BrokerState) => void): Dispose;
  /** A message of a subscribed topic. `topic` is whole; payloads over `MAX_PAYLOAD_BYTES` never come here. */
  onMessage(listener: (message: IncomingMessage) => void): Dispose;
  /** Subscribed now and after every connect. */
  subscribe(filter: string): void;
  /** Sends when connected; answers whether it was taken. Never queues without bound. */
  publish(topic: string, payload: string, options: { readonly retain: boolean; readonly qos: 0 | 1 }): boolean;
  start(signal: AbortSignal): Promise<void>;
  /** Says `offline` (the will's words) and goes. */
  stop(): Promise<void>;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
}

/** The longest payload that is taken from a broker, bytes. */
export const MAX_PAYLOAD_BYTES = 65_536;

/** Does what people ask for. Rejects with a `GatewayError` whose message is for them; parameters are checked within. */
export interface Operations {
  perform(name: OperationName, params: unknown, by: string): Promise<unknown>;
}

/** Where the parts of the status come from. A read that fails is an alert, and the part stays as it was. */
export interface StatusSources {
  read<P extends Part>(part: P): Promise<StatusParts[P]> | StatusParts[P];
}

/** What outlives a restart: counts of today and for ever, by key. Written rarely, to spare the card. */
export interface CountStore {
  /** What was last kept; null when nothing ever was. */
  read(): Promise<unknown>;
  write(data: unknown): Promise<void>;
}

/** A contact of the exchange (`drivers/onoff-contact.ts`, `drivers/sim-contact.ts`); the button's has the same shape. */
export interface ContactPort {
  /** Rejects with a `GatewayError` when it is not there. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** Whether it is active now. */
  active(): Promise<boolean>;
  /** Every change, bounces too. */
  onChange(listener: (active: boolean) => void): Dispose;
  onLost(listener: (error: Error) => void): Dispose;
}

/** What the start of the machine has left for us; null: there is no such file. At most some kilobytes each. */
export interface BootTexts {
  /** Which system runs: `a` or `b`. */
  readonly slot: string | null;
  /** `yes`: it is a new one that has to prove itself. */
  readonly trial: string | null;
  /** A line for each thing that was wrong at this start. */
  readonly problem: string | null;
}

/** Where they are (`drivers/boot-state.ts`). Read anew each time: a trial ends while the system runs. */
export interface BootPort {
  read(): BootTexts;
}

/** Counts of what the inputs do, kept elsewhere (`CountStore`). */
export interface InputCounts {
  operated(input: string): void;
  today(input: string): number;
  ever(input: string): number;
}
