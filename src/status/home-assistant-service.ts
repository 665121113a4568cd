import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { announcedIn, birthTopic, configTopic, discovery, type HomeAssistantOptions } from "./home-assistant.ts";
import type { Component } from "./home-assistant-components.ts";
import type { BrokerLink, IncomingMessage } from "./port.ts";
import type { StatusParts } from "./types.ts";

/** A Home Assistant that starts has many devices to hear of at once: each waits for a moment of its own, ms. */
const LEAST_DELAY_MS = 500;
const MORE_DELAY_MS = 4_500;

export interface AnnouncementOptions extends HomeAssistantOptions {
  /** status.homeAssistant */
  readonly enabled: boolean;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Keeps Home Assistant told of the gateway; where that is no longer wanted, takes back what was said. */
export class HomeAssistantService implements Service {
  readonly name = "home assistant";
  readonly #options: AnnouncementOptions;
  readonly #link: BrokerLink;
  readonly #parts: () => StatusParts | null;
  readonly #log: Log;
  readonly #disposers: Dispose[] = [];
  #wanted: boolean;
  #timer: Dispose | undefined;
  #connected = false;
  #announced: ReadonlyMap<string, Component["p"]> = new Map();

  /** @param parts the status as it is now; null: not yet known, and there is nothing to announce */
  constructor(options: AnnouncementOptions, link: BrokerLink, parts: () => StatusParts | null, log: Log) {
    this.#options = options;
    this.#link = link;
    this.#parts = parts;
    this.#log = log;
    this.#wanted = options.enabled;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#disposers.push(
      this.#link.onMessage((message) => this.#take(message)),
      this.#link.onState(({ connected }) => this.#onConnected(connected)),
    );
    this.#link.subscribe(configTopic(this.#options));
    this.#link.subscribe(birthTopic(this.#options));
    this.#onConnected(this.#link.state.connected);
  }

  async stop(): Promise<void> {
    this.#cancel();
    this.#connected = false;
    for (const dispose of this.#disposers.splice(0)) dispose();
  }

  /** Something that is announced has changed, such as the list of lines; or somebody asks for it. */
  announce(): void {
    this.#wanted = true;
    this.#soon();
  }

  /** Takes everything back, until the next start or `announce`. False: not connected, and nothing was done. */
  remove(): boolean {
    this.#wanted = false;
    this.#cancel();
    return this.#erase();
  }

  #onConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#cancel();
    if (connected && this.#wanted) this.#soon();
  }

  #take({ topic, payload, retained }: IncomingMessage): void {
    if (topic === birthTopic(this.#options)) {
      // Kept or not: it says that Home Assistant is there, and twice does no harm.
      if (this.#wanted && Buffer.from(payload).toString("utf8") === "online") this.#soon();
    } else if (topic === configTopic(this.#options)) {
      const text = payload.byteLength === 0 ? null : Buffer.from(payload).toString("utf8");
      this.#announced = text === null ? new Map() : announcedIn(text);
      // Only what the broker had kept, once after each connect: nobody can make us answer him for ever.
      if (text !== null && retained && !this.#wanted && this.#erase()) this.#log.info("taken back from Home Assistant");
    }
  }

  /** One announcement after a while, however many reasons there are. */
  #soon(): void {
    if (this.#timer !== undefined || !this.#connected) return;
    const { clock, random } = this.#options;
    const delay = LEAST_DELAY_MS + Math.min(1, Math.max(0, random())) * MORE_DELAY_MS;
    this.#timer = clock.at(clock.now() + delay, () => {
      this.#timer = undefined;
      this.#publish();
    });
  }

  #publish(): void {
    if (!this.#wanted || !this.#connected) return;
    const parts = this.#parts();
    if (parts === null) {
      this.#soon();
      return;
    }
    const payload = JSON.stringify(discovery(this.#options, parts, this.#announced));
    const taken = this.#link.publish(configTopic(this.#options), payload, { retain: true, qos: 1 });
    if (taken) this.#log.info("announced to Home Assistant", { bytes: payload.length });
  }

  #erase(): boolean {
    if (!this.#connected) return false;
    this.#announced = new Map();
    return this.#link.publish(configTopic(this.#options), "", { retain: true, qos: 1 });
  }

  #cancel(): void {
    this.#timer?.();
    this.#timer = undefined;
  }
}
