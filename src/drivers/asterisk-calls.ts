import { describeError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { DialTarget, EndReason, LegId, SipEvent, SipPort } from "../calls/port.ts";
import type { AriApi } from "./ari.ts";
import type { AriChannel, AriEvent } from "./ari-types.ts";
import { LeaseKeeper, type RenewLease } from "./channel-lease.ts";
import { clearOrphans } from "./clear-orphans.ts";
import { dialOutcome, endReason, hangupReason } from "./hangup-cause.ts";
import type { LineBridge } from "./line-bridge.ts";
import { type AttachMedia, LineBridges } from "./line-bridges.ts";
import type { AudioCounts } from "./rtp.ts";
import { type SipLeg, SipLegs } from "./sip-legs.ts";

export interface AsteriskCallsOptions {
  /** Where the rendered dialplan places a call to a destination. */
  readonly placeOf: (target: DialTarget) => { readonly context: string; readonly extension: string };
  /** Seconds that a channel lives without a renewal; the dialplan grants the first term. */
  readonly leaseS: number;
  readonly renewLease: RenewLease;
  readonly attachMedia: AttachMedia;
}

/** SIP legs and the lines' audio, by Asterisk's REST Interface. */
export class AsteriskCalls implements SipPort, Service {
  readonly name = "asterisk-calls";
  readonly #ari: AriApi;
  readonly #options: AsteriskCallsOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ event: [event: SipEvent] }>();
  readonly #legs = new SipLegs();
  readonly #bridges: LineBridges;
  readonly #subscriptions: Dispose[] = [];
  /** Tells this process's channels from those of one that died. */
  readonly #run = `paxgate-${process.pid}-${Date.now().toString(36)}`;
  #serial = 0;
  /** Connections come and gone so far: what one of them began ends with it. */
  #connection = 0;
  #up = false;
  readonly #leases: LeaseKeeper;

  constructor(ari: AriApi, options: AsteriskCallsOptions, log: Log) {
    this.#ari = ari;
    this.#options = options;
    this.#log = log;
    this.#bridges = new LineBridges(ari, options.attachMedia, log);
    this.#leases = new LeaseKeeper(
      options.renewLease,
      options.leaseS,
      () => new Set([...this.#legs.channelIds, ...this.#bridges.channelIds]),
    );
  }

  get up(): boolean {
    return this.#up;
  }

  /** Frames that the line's calls have had from the network. */
  audioOf(line: string): AudioCounts {
    return this.#bridges.counts(line);
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
    this.#connection++;
    this.#leases.stop();
    const channels = this.#legs.all.map((leg) => this.#delete(leg.channelId, "normal"));
    const bridges = this.#bridges.closeAll();
    this.#legs.clear();
    this.#up = false;
    await Promise.allSettled([...channels, bridges]);
  }

  openMedia(line: string): void {
    if (!this.#up || this.#bridges.get(line) !== undefined) return;
    const id = `${this.#run}-${line}-${this.#serial++}`;
    this.#bridges.open(line, id, this.#options.leaseS, () => this.#mediaFailed(line));
    this.#leases.keep();
  }

  closeMedia(line: string): void {
    void this.#bridges.close(line);
  }

  dial(leg: LegId, line: string, target: DialTarget): void {
    const bridge = this.#bridges.get(line);
    this.#hold(leg, bridge?.channelId ?? leg, line);
    this.#place(leg, bridge, target).catch((error: unknown) => {
      this.#log.warn("call could not be placed", { line, error: describeError(error) });
      this.#ended(leg, "unavailable");
    });
  }

  connectEarly(leg: LegId, line: string): void {
    void this.#join(leg, line);
  }

  answer(leg: LegId, line: string): void {
    void this.#join(leg, line).then((joined) => {
      const held = this.#legs.get(leg);
      if (!joined || held === undefined) return;
      this.#attempt("answer", this.#ari.request("POST", `/channels/${encodeURIComponent(held.channelId)}/answer`));
    });
  }

  hangup(leg: LegId, reason: EndReason): void {
    const held = this.#legs.get(leg);
    if (held === undefined) return;
    this.#legs.release(held);
    this.#attempt("hang up", this.#delete(held.channelId, reason));
  }

  async #place(leg: LegId, bridge: LineBridge | undefined, target: DialTarget): Promise<void> {
    if (bridge === undefined) throw new Error("the line has no audio");
    await bridge.ready;
    if (this.#legs.get(leg) === undefined) return;
    const { context, extension } = this.#options.placeOf(target);
    await bridge.dial(context, extension);
  }

  /** Whether the leg has the line's audio now. Without it the leg is ended: nobody is to be answered into silence. */
  async #join(id: LegId, line: string): Promise<boolean> {
    const leg = this.#legs.get(id);
    if (leg === undefined) return false;
    try {
      leg.joined ??= this.#connect(leg, line);
      await leg.joined;
      return this.#legs.get(id) === leg;
    } catch (error) {
      if (this.#legs.get(id) === leg) {
        this.#log.warn("call without audio", { line, error: describeError(error) });
        this.#endWithoutAudio(leg);
      }
      return false;
    }
  }

  async #connect(leg: SipLeg, line: string): Promise<void> {
    const bridge = this.#bridges.get(line);
    if (bridge === undefined) throw new Error("the line has no audio");
    leg.line = line;
    await bridge.ready;
    await bridge.add(leg.channelId);
  }

  #hold(id: LegId, channelId: string, line: string | null): void {
    this.#legs.hold(id, channelId, line);
    this.#leases.keep();
  }

  #delete(channelId: string, reason: EndReason): Promise<unknown> {
    const path = `/channels/${encodeURIComponent(channelId)}`;
    return this.#ari.request("DELETE", path, { reason: hangupReason(reason) });
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
        else this.#bridges.get(this.#bridges.lineOf(event.channel.id) ?? "")?.entered();
        break;
      case "StasisEnd": {
        // The last that is heard of an incoming channel: with it Asterisk ends our subscription. A line's own channel
        // leaves for the dialplan, and is subscribed to by name.
        const leg = this.#legs.byChannel(event.channel.id);
        if (leg !== undefined && this.#bridges.lineOf(event.channel.id) === undefined) this.#ended(leg.id, "normal");
        break;
      }
      case "Dial":
        if (event.caller !== undefined) this.#progress(event.caller.id, event.dialstatus);
        break;
      case "ChannelDtmfReceived": {
        const leg = this.#legs.byChannel(event.channel.id);
        if (leg !== undefined) this.#emit({ type: "dtmf", leg: leg.id, digit: event.digit });
        break;
      }
      case "ChannelDestroyed": {
        const leg = this.#legs.byChannel(event.channel.id);
        if (leg !== undefined) this.#ended(leg.id, endReason(event.cause));
        const line = this.#bridges.lineOf(event.channel.id);
        if (line !== undefined) this.#mediaFailed(line);
        break;
      }
      default:
        break;
    }
  }

  #incoming(channel: AriChannel, args: readonly string[]): void {
    const [, kind, name, number] = args;
    if ((kind !== "trunk" && kind !== "account") || name === undefined || number === undefined || !this.#up) {
      this.#attempt("refuse a call", this.#delete(channel.id, "congestion"));
      return;
    }
    this.#hold(channel.id, channel.id, null);
    const caller = channel.caller.number.replace(/[^0-9]/g, "").slice(0, 20);
    this.#emit({ type: "incoming", leg: channel.id, from: { kind, name }, number, caller });
  }

  #progress(channelId: string, status: string): void {
    const leg = this.#legs.byChannel(channelId);
    if (leg === undefined || leg.answered) return;
    if (status === "RINGING" && !leg.rings) {
      leg.rings = true;
      this.#emit({ type: "ringing", leg: leg.id });
    } else if (status === "PROGRESS") {
      this.#emit({ type: "early-media", leg: leg.id });
    } else if (status === "ANSWER") {
      leg.answered = true;
      this.#emit({ type: "answered", leg: leg.id });
    }
  }

  #dialled(channelId: string, [, status = "", cause = ""]: readonly string[]): void {
    const leg = this.#legs.byChannel(channelId);
    if (leg !== undefined) this.#ended(leg.id, dialOutcome(status, Number(cause)));
  }

  #ended(id: LegId, reason: EndReason): void {
    const leg = this.#legs.get(id);
    if (leg === undefined) return;
    this.#legs.release(leg);
    this.#emit({ type: "ended", leg: id, reason });
  }

  /** A call without audio is no call: end what is on the line. */
  #mediaFailed(line: string): void {
    this.closeMedia(line);
    for (const leg of this.#legs.all) if (leg.line === line) this.#endWithoutAudio(leg);
  }

  #endWithoutAudio(leg: SipLeg): void {
    this.#attempt("hang up", this.#delete(leg.channelId, "congestion"));
    this.#ended(leg.id, "congestion");
  }

  async #wentUp(): Promise<void> {
    const connection = ++this.#connection;
    const isCurrent = () => connection === this.#connection;
    const isOurs = (id: string) => this.#legs.byChannel(id) !== undefined || id.startsWith(this.#run);
    await clearOrphans(this.#ari, { isOurs, isCurrent }, this.#log).catch((error: unknown) =>
      this.#log.warn("could not look for orphaned channels", { error: describeError(error) }),
    );
    if (!isCurrent()) return;
    this.#up = true;
    this.#emit({ type: "up" });
  }

  #wentDown(): void {
    this.#connection++;
    if (!this.#up) return;
    this.#up = false;
    this.#legs.clear();
    void this.#bridges.closeAll();
    this.#emit({ type: "down" });
  }

  #emit(event: SipEvent): void {
    this.#emitter.emit("event", event);
  }
}
