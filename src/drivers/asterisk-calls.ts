import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { DialTarget, EndReason, LegId, SipEvent, SipPort } from "../calls/port.ts";
import type { MediaPort } from "../line/port.ts";
import type { AriConnection } from "./ari.ts";
import type { AriChannel, AriEvent } from "./ari-types.ts";
import { dialOutcome, endReason, hangupReason } from "./hangup-cause.ts";
import { LineBridge } from "./line-bridge.ts";

export interface AsteriskCallsOptions {
  /** Where the rendered dialplan places a call to a destination. */
  readonly placeOf: (target: DialTarget) => { readonly context: string; readonly extension: string };
  /** Joins a line with its audio; null takes it away. */
  readonly attachMedia: (line: string, media: MediaPort | null) => void;
}

/**
 * Every channel lives on a lease: Asterisk hangs it up when the supervisor has not renewed it. So a supervisor that
 * was killed leaves no call behind, and nobody has to be there to clean up.
 */
export const LEASE_S = 15;
const RENEW_MS = 5_000;

interface Leg {
  readonly id: LegId;
  line: string | null;
  readonly outgoing: boolean;
  rings: boolean;
  answered: boolean;
}

/** SIP legs and the lines' audio, by Asterisk's REST Interface. */
export class AsteriskCalls implements SipPort, Service {
  readonly name = "asterisk-calls";
  readonly #ari: AriConnection;
  readonly #options: AsteriskCallsOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ event: [event: SipEvent] }>();
  readonly #legs = new Map<LegId, Leg>();
  readonly #bridges = new Map<string, LineBridge>();
  readonly #subscriptions: Dispose[] = [];
  /** Tells this process's channels from those of one that died. */
  readonly #run = `paxgate-${process.pid}-${Date.now().toString(36)}`;
  #serial = 0;
  #up = false;
  #renewal: NodeJS.Timeout | undefined;

  constructor(ari: AriConnection, options: AsteriskCallsOptions, log: Log) {
    this.#ari = ari;
    this.#options = options;
    this.#log = log;
  }

  get up(): boolean {
    return this.#up;
  }

  onEvent(listener: (event: SipEvent) => void): Dispose {
    return this.#emitter.on("event", listener);
  }

  async start(): Promise<void> {
    this.#subscriptions.push(
      this.#ari.on("event", (event) => this.#receive(event)),
      this.#ari.on("up", () => void this.#wentUp()),
      this.#ari.on("down", () => this.#wentDown()),
    );
    if (this.#ari.up) await this.#wentUp();
  }

  async stop(): Promise<void> {
    for (const dispose of this.#subscriptions.splice(0)) dispose();
    clearInterval(this.#renewal);
    const channels = [...this.#legs.keys()].map((id) => this.#delete(id, "normal"));
    const bridges = [...this.#bridges.values()].map((bridge) => bridge.close());
    this.#legs.clear();
    this.#bridges.clear();
    this.#up = false;
    await Promise.allSettled([...channels, ...bridges]);
  }

  openMedia(line: string): void {
    if (!this.#up || this.#bridges.has(line)) return;
    const id = `${this.#run}-${line}-${this.#serial++}`;
    const bridge = new LineBridge(this.#ari, id);
    this.#bridges.set(line, bridge);
    this.#options.attachMedia(line, bridge.media);
    bridge.open(LEASE_S).catch((error: unknown) => {
      if (this.#bridges.get(line) !== bridge) return;
      this.#log.error("no audio for the line", { line, error: describeError(error) });
      this.#mediaFailed(line);
    });
    this.#renew();
  }

  closeMedia(line: string): void {
    const bridge = this.#bridges.get(line);
    if (bridge === undefined) return;
    this.#bridges.delete(line);
    this.#options.attachMedia(line, null);
    bridge.close().catch((error: unknown) => this.#log.debug("audio leg", { line, error: describeError(error) }));
  }

  dial(line: string, target: DialTarget): LegId {
    const bridge = this.#bridges.get(line);
    const id = bridge?.channelId ?? `${this.#run}-none-${this.#serial++}`;
    this.#legs.set(id, { id, line, outgoing: true, rings: false, answered: false });
    this.#place(id, bridge, target).catch((error: unknown) => {
      this.#log.warn("call could not be placed", { line, error: describeError(error) });
      this.#ended(id, "unavailable");
    });
    return id;
  }

  ring(leg: LegId): void {
    this.#attempt(`ring ${leg}`, this.#ari.request("POST", `/channels/${encodeURIComponent(leg)}/ring`));
  }

  connectEarly(leg: LegId, line: string): void {
    this.#attempt(`connect ${leg}`, this.#join(leg, line));
  }

  answer(leg: LegId, line: string): void {
    const path = `/channels/${encodeURIComponent(leg)}/answer`;
    this.#attempt(`answer ${leg}`, Promise.all([this.#join(leg, line), this.#ari.request("POST", path)]));
  }

  hangup(leg: LegId, reason: EndReason): void {
    if (!this.#legs.delete(leg)) return;
    this.#attempt(`hang up ${leg}`, this.#delete(leg, reason));
  }

  /** Channels and bridges held now, for tests and status. */
  get counts(): { legs: number; media: number } {
    return { legs: this.#legs.size, media: this.#bridges.size };
  }

  async #place(id: LegId, bridge: LineBridge | undefined, target: DialTarget): Promise<void> {
    if (bridge === undefined) throw new Error("the line has no audio");
    await bridge.ready;
    if (!this.#legs.has(id)) return;
    const { context, extension } = this.#options.placeOf(target);
    await bridge.dial(context, extension);
  }

  async #join(id: LegId, line: string): Promise<void> {
    const leg = this.#legs.get(id);
    const bridge = this.#bridges.get(line);
    if (leg === undefined || bridge === undefined || leg.line === line) return;
    leg.line = line;
    await bridge.ready;
    await bridge.add(id);
  }

  #delete(id: LegId, reason: EndReason): Promise<unknown> {
    return this.#ari.request("DELETE", `/channels/${encodeURIComponent(id)}`, { reason: hangupReason(reason) });
  }

  #attempt(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#log.debug(what, { error: describeError(error) }));
  }

  #receive(event: AriEvent): void {
    switch (event.type) {
      case "StasisStart":
        if (event.args[0] === "incoming") this.#incoming(event.channel, event.args);
        // An outgoing call is over and its channel is back from the dialplan.
        else if (event.args[0] === "dialled") this.#dialled(event.channel.id, event.args);
        break;
      case "Dial":
        if (event.caller !== undefined) this.#progress(event.caller.id, event.dialstatus);
        break;
      case "ChannelDtmfReceived":
        if (this.#legs.has(event.channel.id)) this.#emit({ type: "dtmf", leg: event.channel.id, digit: event.digit });
        break;
      case "ChannelDestroyed":
        this.#ended(event.channel.id, endReason(event.cause));
        this.#mediaDestroyed(event.channel.id);
        break;
      default:
        break;
    }
  }

  #progress(id: LegId, status: string): void {
    const leg = this.#legs.get(id);
    if (leg === undefined || leg.answered) return;
    if (status === "RINGING" && !leg.rings) {
      leg.rings = true;
      this.#emit({ type: "ringing", leg: id });
    } else if (status === "PROGRESS") {
      this.#emit({ type: "early-media", leg: id });
    } else if (status === "ANSWER") {
      leg.answered = true;
      this.#emit({ type: "answered", leg: id });
    }
  }

  #dialled(id: LegId, [, status = "", cause = ""]: readonly string[]): void {
    this.#ended(id, dialOutcome(status, Number(cause)));
  }

  #incoming(channel: AriChannel, args: readonly string[]): void {
    const [, kind, name, number] = args;
    if ((kind !== "trunk" && kind !== "account") || name === undefined || number === undefined || !this.#up) {
      this.#attempt("refuse a call", this.#delete(channel.id, "congestion"));
      return;
    }
    this.#legs.set(channel.id, { id: channel.id, line: null, outgoing: false, rings: false, answered: false });
    this.#renew();
    const caller = channel.caller.number.replace(/[^0-9]/g, "").slice(0, 20);
    this.#emit({ type: "incoming", leg: channel.id, from: { kind, name }, number, caller });
  }

  #ended(id: LegId, reason: EndReason): void {
    if (this.#legs.delete(id)) this.#emit({ type: "ended", leg: id, reason });
  }

  #mediaDestroyed(channelId: string): void {
    for (const [line, bridge] of this.#bridges) if (bridge.channelId === channelId) this.#mediaFailed(line);
  }

  /** A call without audio is no call: end what is on the line. */
  #mediaFailed(line: string): void {
    this.closeMedia(line);
    for (const leg of [...this.#legs.values()]) {
      if (leg.line !== line) continue;
      this.#attempt("hang up", this.#delete(leg.id, "congestion"));
      this.#ended(leg.id, "congestion");
    }
  }

  async #wentUp(): Promise<void> {
    try {
      await this.#clearOrphans();
    } catch (error) {
      this.#log.warn("could not look for orphaned channels", { error: describeError(error) });
    }
    if (!this.#ari.up || this.#up) return;
    this.#up = true;
    this.#emit({ type: "up" });
  }

  /** Hangs up what an earlier supervisor left in this Asterisk, which serves no other application. */
  async #clearOrphans(): Promise<void> {
    const channels = (await this.#ari.request("GET", "/channels")) as readonly AriChannel[];
    const bridges = (await this.#ari.request("GET", "/bridges")) as readonly { id: string }[];
    if (channels.length > 0) this.#log.warn("hanging up orphaned channels", { count: channels.length });
    await Promise.allSettled(channels.map((channel) => this.#delete(channel.id, "normal")));
    await Promise.allSettled(
      bridges.map((bridge) => this.#ari.request("DELETE", `/bridges/${encodeURIComponent(bridge.id)}`)),
    );
  }

  #wentDown(): void {
    if (!this.#up) return;
    this.#up = false;
    this.#legs.clear();
    for (const line of [...this.#bridges.keys()]) this.closeMedia(line);
    this.#emit({ type: "down" });
  }

  #renew(): void {
    this.#renewal ??= setInterval(() => {
      if (this.#legs.size === 0 && this.#bridges.size === 0) {
        clearInterval(this.#renewal);
        this.#renewal = undefined;
        return;
      }
      const ids = [...this.#legs.keys(), ...[...this.#bridges.values()].map((bridge) => bridge.channelId)];
      for (const id of ids) {
        const query = { variable: "TIMEOUT(absolute)", value: String(LEASE_S) };
        const path = `/channels/${encodeURIComponent(id)}/variable`;
        this.#attempt("renew a lease", this.#ari.request("POST", path, query));
      }
    }, RENEW_MS);
  }

  #emit(event: SipEvent): void {
    this.#emitter.emit("event", event);
  }
}
