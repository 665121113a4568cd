import { randomBytes, randomInt } from "node:crypto";
import { join } from "node:path";
import { assertNever } from "../base/assert-never.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { type Service, ServiceGroup, within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { FLOOR_DB } from "./event-audio.ts";
import { PhoneCall } from "./event-call.ts";
import { endCause, hangupReason } from "./event-cause.ts";
import { dialString, isNumber } from "./event-numbers.ts";
import type { EventAri, EventAriEvent, EventChannel, EventDrivers } from "./event-port.ts";
import { freeTcpPort, freeUdpPort } from "./event-ports.ts";
import { APPLICATION, renderEventNetwork } from "./event-render.ts";
import type {
  CallId,
  CallView,
  EndCause,
  EventNetworkEvent,
  EventNetworkOptions,
  Heard,
  PhoneBehaviour,
  PhoneOptions,
  PhoneSound,
} from "./event-types.ts";

/** Longest that Asterisk may take until it serves calls, ms. A minimal one takes half a second on a PC. */
const READY_LIMIT_MS = 20_000;
const RTP_PORTS = 400;
const TONE_WINDOW_MS = 200;

/**
 * A simulated event's telephone network: an Asterisk of its own as registrar and switch, with telephones that ring,
 * answer, speak, listen and call. Gateways register with the accounts; what they dial reaches a telephone, and what a
 * telephone dials reaches the account that has the number.
 */
export class EventNetwork implements Service {
  readonly name = "event-network";
  readonly #options: EventNetworkOptions;
  readonly #drivers: EventDrivers;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #emitter = new TypedEmitter<{ event: [event: EventNetworkEvent] }>();
  readonly #phones = new Map<string, PhoneOptions>();
  readonly #calls = new Map<CallId, PhoneCall>();
  readonly #closing = new Set<Promise<void>>();
  readonly #subscriptions: Dispose[] = [];
  #run = "";
  #serial = 0;
  #sipPort = 0;
  #ari: EventAri | undefined;
  #services: ServiceGroup | undefined;

  constructor(options: EventNetworkOptions, drivers: EventDrivers, log: Log, clock: Clock = systemClock) {
    this.#options = options;
    this.#drivers = drivers;
    this.#log = log;
    this.#clock = clock;
    for (const phone of options.phones) this.addPhone(phone);
  }

  /** Where to register: valid once started. */
  get server(): { readonly host: string; readonly port: number } {
    return { host: this.#options.bindAddress ?? "127.0.0.1", port: this.#sipPort };
  }

  onEvent(listener: (event: EventNetworkEvent) => void): Dispose {
    return this.#emitter.on("event", listener);
  }

  /** @throws GatewayError `port-in-use` for a SIP port that another process has, `timeout` when Asterisk does not come up. */
  async start(signal: AbortSignal): Promise<void> {
    const { accounts, directory } = this.#options;
    const { host } = this.server;
    this.#sipPort = await freeUdpPort(host, this.#options.sipPort ?? 0);
    const httpPort = await freeTcpPort("127.0.0.1");
    const ariPassword = randomBytes(24).toString("hex");
    this.#run = `${randomBytes(4).toString("hex")}`;
    // Below the ports that the machine gives out by itself; when one is taken, Asterisk tries others of its range.
    const rtpFrom = 2 * randomInt(10_000, 15_500);
    const files = renderEventNetwork({
      accounts,
      bindAddress: host,
      sipPort: this.#sipPort,
      httpPort,
      rtpFrom,
      rtpTo: rtpFrom + RTP_PORTS - 1,
      ariPassword,
    });
    const asterisk = this.#drivers.asterisk({ directory: join(directory), files });
    const ari = this.#drivers.ari({
      port: httpPort,
      username: APPLICATION,
      password: ariPassword,
      application: APPLICATION,
    });
    this.#ari = ari;
    this.#subscriptions.push(
      ari.on("event", (event) => this.#receive(event)),
      ari.on("down", () => this.#lost()),
    );
    const up = new Promise<void>((resolve, reject) => {
      this.#subscriptions.push(ari.on("up", resolve));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    up.catch(() => undefined);
    this.#services = new ServiceGroup("event-network", [asterisk, ari], this.#log);
    try {
      await this.#services.start(signal);
      if (!ari.up) await within(READY_LIMIT_MS, up, "the event network's Asterisk was not ready");
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const calls = [...this.#calls.values()];
    await Promise.allSettled(calls.map((call) => this.hangup(call.id)));
    for (const call of calls) this.#ended(call, "normal");
    await Promise.allSettled([...this.#closing]);
    for (const dispose of this.#subscriptions.splice(0)) dispose();
    const services = this.#services;
    this.#services = undefined;
    await services?.stop();
  }

  /** Connects a telephone, or gives one other options. */
  addPhone(phone: PhoneOptions): void {
    if (!isNumber(phone.number)) throw new GatewayError("bad-number", `not 4 to 8 digits: ${phone.number}`);
    this.#phones.set(phone.number, phone);
  }

  /** What the telephone does from the next call on. */
  setBehaviour(number: string, behaviour: PhoneBehaviour): void {
    this.addPhone({ ...this.#phones.get(number), number, behaviour });
  }

  get phones(): readonly PhoneOptions[] {
    return [...this.#phones.values()];
  }

  get calls(): readonly CallView[] {
    return [...this.#calls.values()].map((call) => call.view);
  }

  /** Whether somebody is registered with the account. */
  async registered(account: string): Promise<boolean> {
    const endpoint = (await this.#asterisk.request("GET", `/endpoints/SIP/${account}`)) as { state?: unknown };
    return endpoint.state === "online";
  }

  /**
   * A telephone calls a number. Answers as soon as it has dialled; how the call fares comes as events, also that
   * nobody has the number.
   */
  call(from: string, to: string, sound: PhoneSound = { kind: "silence" }): CallId {
    const ari = this.#asterisk;
    if (!isNumber(from)) throw new GatewayError("bad-number", `not 4 to 8 digits: ${from}`);
    const id = this.#nextId();
    const call = new PhoneCall(
      { id, channelId: `${id}-sip`, phone: from, far: to, direction: "outgoing" },
      ari,
      this.#clock,
    );
    call.media.play(sound);
    this.#calls.set(id, call);
    // Not before the caller knows the call's name.
    queueMicrotask(() => {
      this.#emit({ type: "outgoing", call: id, phone: from, number: to });
      this.#place(call).catch((error: unknown) => {
        this.#log.debug("a call could not be placed", { to, error: describeError(error) });
        this.#ended(call, "unavailable");
      });
    });
    return id;
  }

  /** Lifts the receiver of a telephone that rings. */
  async answer(id: CallId): Promise<void> {
    const call = this.#find(id);
    if (call.direction !== "incoming" || call.state !== "ringing") return;
    call.cancelPlan();
    await call.openMedia();
    // Asterisk looks every 200 ms only whether there is something to do for a channel that has no audio yet. Joining
    // first would save one such wait, but the caller would be sent early media.
    await this.#asterisk.request("POST", `/channels/${call.channelId}/answer`);
    await call.join();
    this.#answered(call);
  }

  /** Hangs up; a telephone that rings refuses the call. Nothing happens when the call has ended. */
  async hangup(id: CallId, cause?: EndCause): Promise<void> {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const ringsHere = call.direction === "incoming" && call.state === "ringing";
    call.clearedWith = cause ?? (ringsHere ? "rejected" : "normal");
    await this.#clear(call.channelId, call.clearedWith);
  }

  /** Sends keys (0-9, *, #, A-D) as RFC 4733 events, 100 ms each with 100 ms between. */
  async dtmf(id: CallId, digits: string): Promise<void> {
    if (!/^[0-9A-D*#]{1,32}$/.test(digits)) throw new GatewayError("bad-digits", `not keys: ${digits}`);
    const query = { dtmf: digits, duration: "100", between: "100" };
    await this.#asterisk.request("POST", `/channels/${this.#find(id).channelId}/dtmf`, query);
  }

  play(id: CallId, sound: PhoneSound): void {
    this.#find(id).media.play(sound);
  }

  /** What the telephone heard in the last `ms` ms (at most 3000), with the level at each of the frequencies. */
  hear(id: CallId, ms: number, frequenciesHz: readonly number[] = []): Heard {
    return this.#find(id).media.heard(ms, frequenciesHz);
  }

  /**
   * Listens until a tone has been there for 200 ms, at `levelDb` dB or more.
   * @throws GatewayError `not-heard` after `withinMs` ms, with what was heard in `details`.
   */
  async hearTone(id: CallId, frequencyHz: number, levelDb = -40, withinMs = 5_000): Promise<Heard> {
    const { media } = this.#find(id);
    const disposers: Dispose[] = [];
    try {
      return await new Promise<Heard>((resolve, reject) => {
        let packets = 0;
        const listen = () => {
          if (packets++ % 3 !== 0) return;
          const heard = media.heard(TONE_WINDOW_MS, [frequencyHz]);
          const latest = media.heard(TONE_WINDOW_MS / 2, [frequencyHz]).tones[0]?.levelDb ?? FLOOR_DB;
          const whole = heard.tones[0]?.levelDb ?? FLOOR_DB;
          // As strong over the whole time as at the end of it: it did not just begin.
          if (heard.ms >= TONE_WINDOW_MS && whole >= levelDb && Math.abs(latest - whole) < 1) resolve(heard);
        };
        const give = () => {
          const heard = media.heard(TONE_WINDOW_MS, [frequencyHz]);
          reject(new GatewayError("not-heard", `no tone of ${frequencyHz} Hz was heard`, { details: { ...heard } }));
        };
        disposers.push(media.onHeard(listen), this.#clock.at(this.#clock.now() + withinMs, give));
      });
    } finally {
      for (const dispose of disposers) dispose();
    }
  }

  get #asterisk(): EventAri {
    if (this.#ari === undefined) throw new GatewayError("not-started", "the event network is not running");
    return this.#ari;
  }

  #find(id: CallId): PhoneCall {
    const call = this.#calls.get(id);
    if (call === undefined) throw new GatewayError("no-such-call", `there is no call ${id}`);
    return call;
  }

  async #place(call: PhoneCall): Promise<void> {
    const endpoint = dialString(this.#options.accounts, call.far);
    if (endpoint === null) {
      this.#ended(call, "unobtainable");
      return;
    }
    await call.openMedia();
    if (!this.#calls.has(call.id)) return;
    const query = { endpoint, app: APPLICATION, appArgs: "outgoing", channelId: call.channelId, formats: "alaw,ulaw" };
    await this.#asterisk.request("POST", "/channels/create", query);
    await call.join();
    // It may have been hung up meanwhile, when there was no channel to end.
    if (this.#calls.has(call.id)) await this.#asterisk.request("POST", `/channels/${call.channelId}/dial`);
    else await this.#clear(call.channelId, "normal");
  }

  #receive(event: EventAriEvent): void {
    if (event.type === "StasisStart") {
      const [kind, number, account] = event.args;
      if (kind === "incoming" && number !== undefined) this.#incoming(event.channel, number, account ?? "");
      for (const call of this.#calls.values()) call.entered(event.channel.id);
      return;
    }
    const channelId = event.type === "Dial" ? event.peer.id : event.channel.id;
    const call = [...this.#calls.values()].find((each) => each.channelId === channelId);
    if (call === undefined) return;
    switch (event.type) {
      case "ChannelDestroyed":
        this.#ended(call, endCause(event.cause));
        break;
      case "ChannelDtmfReceived":
        this.#emit({ type: "dtmf", call: call.id, digit: event.digit });
        break;
      case "Dial":
        if (event.dialstatus === "RINGING") this.#ringing(call);
        if (event.dialstatus === "PROGRESS") this.#emit({ type: "early-media", call: call.id });
        if (event.dialstatus === "ANSWER") this.#answered(call);
        break;
      case "ChannelStateChange":
        if (call.direction === "outgoing" && event.channel.state === "Up") this.#answered(call);
        break;
      case "StasisEnd":
        // Of a channel that came through the dialplan this is the last that Asterisk tells the application.
        if (call.direction === "incoming") this.#ended(call, call.clearedWith ?? "normal");
        break;
      default:
        assertNever(event);
    }
  }

  #incoming(channel: EventChannel, number: string, account: string): void {
    const caller = channel.caller.number.replace(/[^0-9]/g, "") || account;
    const phone = this.#phones.get(number);
    const refusal = this.#refusal(phone);
    if (phone === undefined || refusal !== null) {
      const cause = refusal ?? "unobtainable";
      this.#emit({ type: "refused", number, caller, cause });
      this.#attempt("refuse a call", this.#clear(channel.id, cause));
      return;
    }
    const id = this.#nextId();
    const call = new PhoneCall(
      { id, channelId: channel.id, phone: number, far: caller, direction: "incoming" },
      this.#asterisk,
      this.#clock,
    );
    this.#calls.set(id, call);
    this.#emit({ type: "incoming", call: id, phone: number, caller });
    this.#behave(call, phone.behaviour);
  }

  #refusal(phone: PhoneOptions | undefined): EndCause | null {
    if (phone === undefined) return "unobtainable";
    const calls = [...this.#calls.values()].filter((call) => call.phone === phone.number).length;
    if (phone.behaviour.kind === "busy" || calls >= (phone.lines ?? 1)) return "busy";
    if (phone.behaviour.kind === "reject") return "rejected";
    return phone.behaviour.kind === "congestion" ? "congestion" : null;
  }

  #behave(call: PhoneCall, behaviour: PhoneBehaviour): void {
    switch (behaviour.kind) {
      case "answer":
        call.media.play(behaviour.sound ?? { kind: "silence" });
        this.#attempt("prepare audio", call.openMedia());
        this.#ring(call);
        this.#later(call, behaviour.afterMs, () => this.answer(call.id));
        break;
      case "echo":
        call.media.play({ kind: "echo" });
        this.#attempt("answer", this.answer(call.id));
        break;
      case "no-answer":
        this.#ring(call);
        if (behaviour.ringMs !== undefined) {
          this.#later(call, behaviour.ringMs, () => this.hangup(call.id, "no-answer"));
        }
        break;
      case "busy":
      case "reject":
      case "congestion":
        break; // refused before it became a call
      default:
        assertNever(behaviour);
    }
  }

  #ring(call: PhoneCall): void {
    this.#attempt("ring", this.#asterisk.request("POST", `/channels/${call.channelId}/ring`));
    this.#ringing(call);
  }

  #later(call: PhoneCall, ms: number, action: () => Promise<void>): void {
    call.cancelPlan = this.#clock.at(this.#clock.now() + ms, () => this.#attempt("a telephone's act", action()));
  }

  #ringing(call: PhoneCall): void {
    if (call.rings || call.state !== "ringing") return;
    call.rings = true;
    this.#emit({ type: "ringing", call: call.id });
  }

  #answered(call: PhoneCall): void {
    if (call.state !== "ringing" || !this.#calls.has(call.id)) return;
    call.state = "talking";
    this.#emit({ type: "answered", call: call.id });
  }

  #ended(call: PhoneCall, cause: EndCause): void {
    if (!this.#calls.delete(call.id)) return;
    call.state = "ended";
    const closing = call.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    this.#emit({ type: "ended", call: call.id, cause });
  }

  #lost(): void {
    for (const call of [...this.#calls.values()]) this.#ended(call, "lost");
  }

  /** Nothing happens when the channel has gone, as when both sides hang up. */
  async #clear(channelId: string, cause: EndCause): Promise<void> {
    try {
      await this.#asterisk.request("DELETE", `/channels/${channelId}`, { reason: hangupReason(cause) });
    } catch (error) {
      if (!(error instanceof GatewayError && error.details["status"] === 404)) throw error;
    }
  }

  #attempt(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#log.debug(what, { error: describeError(error) }));
  }

  #nextId(): CallId {
    return `${this.#run}-${++this.#serial}`;
  }

  #emit(event: EventNetworkEvent): void {
    this.#emitter.emit("event", event);
  }
}
