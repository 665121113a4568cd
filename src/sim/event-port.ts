import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";

/** What the simulated event network needs from outside: an Asterisk of its own, and a connection to its ARI. */

export interface EventChannel {
  readonly id: string;
  readonly state: string;
  readonly caller: { readonly number: string };
}

/** The events of Asterisk's REST Interface that the network acts on. */
export type EventAriEvent =
  | { readonly type: "StasisStart"; readonly channel: EventChannel; readonly args: readonly string[] }
  | { readonly type: "StasisEnd"; readonly channel: EventChannel }
  | { readonly type: "ChannelDestroyed"; readonly channel: EventChannel; readonly cause: number }
  | {
      readonly type: "ChannelHangupRequest";
      readonly channel: EventChannel;
      readonly cause?: number;
      /** It is Asterisk's own, and `cause` says nothing. */
      readonly soft?: boolean;
    }
  | { readonly type: "ChannelStateChange"; readonly channel: EventChannel }
  | { readonly type: "ChannelDtmfReceived"; readonly channel: EventChannel; readonly digit: string }
  | { readonly type: "Dial"; readonly peer: EventChannel; readonly dialstatus: string };

export interface EventAriEvents {
  up: [];
  down: [];
  event: [event: EventAriEvent];
}

/** Satisfied by `drivers/ari`. */
export interface EventAri extends Service {
  readonly up: boolean;
  on<Name extends keyof EventAriEvents>(event: Name, listener: (...args: EventAriEvents[Name]) => void): Dispose;
  request(
    method: "GET" | "POST" | "DELETE",
    path: string,
    query?: Record<string, string>,
    body?: unknown,
  ): Promise<unknown>;
}

export interface EventAriOptions {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly application: string;
}

export interface EventAsteriskOptions {
  /** Everything of this Asterisk lives below it. */
  readonly directory: string;
  /** Configuration files by name, without asterisk.conf: whoever starts the process knows the directories. */
  readonly files: ReadonlyMap<string, string>;
}

export interface EventDrivers {
  /** An Asterisk that runs on these files between `start` and `stop`. */
  asterisk(options: EventAsteriskOptions): Service;
  ari(options: EventAriOptions): EventAri;
}
