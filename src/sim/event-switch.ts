import { assertNever } from "../base/assert-never.ts";
import type { Clock } from "../base/clock.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { PhoneCall } from "./event-call.ts";
import { failureCause, goneCause, hangupReason, isFailure } from "./event-cause.ts";
import { dialString, isNumber, refusalOf } from "./event-numbers.ts";
import type { EventAri, EventAriEvent, EventChannel } from "./event-port.ts";
import { APPLICATION } from "./event-render.ts";
import type {
  AccountOptions,
  CallId,
  CallView,
  EndCause,
  EventNetworkEvent,
  Heard,
  PhoneBehaviour,
  PhoneOptions,
  PhoneSound,
} from "./event-types.ts";

export interface EventSwitchOptions {
  /** Begins the calls' names: no two runs have the same. */
  readonly run: string;
  readonly accounts: readonly AccountOptions[];
  /** By number; looked at when a call comes. */
  readonly phones: ReadonlyMap<string, PhoneOptions>;
  readonly emit: (event: EventNetworkEvent) => void;
}

/**
 * The event network's calls: telephones that do as they are told, and channels in Asterisk. A call has ended when it
 * is no longer in the map; whatever Asterisk still says about it is then nobody's. Asterisk looks only every 200 ms
 * whether there is a command for a channel that gets no audio, so ringing and answering come that much later.
 */
export class EventSwitch {
  readonly #options: EventSwitchOptions;
  readonly #ari: EventAri;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #calls = new Map<CallId, PhoneCall>();
  readonly #closing = new Set<Promise<void>>();
  readonly #subscriptions: Dispose[];
  #serial = 0;

  constructor(options: EventSwitchOptions, ari: EventAri, log: Log, clock: Clock) {
    this.#options = options;
    this.#ari = ari;
    this.#log = log;
    this.#clock = clock;
    this.#subscriptions = [ari.on("event", (event) => this.#receive(event)), ari.on("down", () => this.#lost())];
  }

  /** Ends every call. */
  async close(): Promise<void> {
    const calls = [...this.#calls.values()];
    await Promise.allSettled(calls.map((call) => this.hangup(call.id)));
    for (const call of calls) this.#ended(call, "normal");
    await Promise.allSettled([...this.#closing]);
    for (const dispose of this.#subscriptions.splice(0)) dispose();
  }

  get calls(): readonly CallView[] {
    return [...this.#calls.values()].map((call) => call.view);
  }

  /**
   * A telephone calls a number. Answers as soon as it has dialled; how the call fares comes as events, also that
   * nobody has the number.
   */
  call(from: string, to: string, sound: PhoneSound): CallId {
    if (!isNumber(from)) throw new GatewayError("bad-number", `not 4 to 8 digits: ${from}`);
    const id = `${this.#options.run}-${++this.#serial}`;
    const call = new PhoneCall(
      { id, channelId: `${id}-sip`, phone: from, far: to, direction: "outgoing" },
      this.#ari,
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
    // Not the other way round, or the caller would be sent early media.
    await this.#ari.request("POST", `/channels/${call.channelId}/answer`);
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
    await this.#ari.request("POST", `/channels/${this.#find(id).channelId}/dtmf`, query);
  }

  play(id: CallId, sound: PhoneSound): void {
    this.#find(id).media.play(sound);
  }

  /** What the telephone heard in the last `ms` ms (at most 3000), with the level at each of the frequencies. */
  hear(id: CallId, ms: number, frequenciesHz: readonly number[]): Heard {
    return this.#find(id).media.heard(ms, frequenciesHz);
  }

  /** As `PhoneMedia.hearTone`. */
  async hearTone(id: CallId, frequencyHz: number, levelDb: number, withinMs: number): Promise<Heard> {
    return await this.#find(id).media.hearTone(frequencyHz, levelDb, withinMs);
  }

  #find(id: CallId): PhoneCall {
    const call = this.#calls.get(id);
    if (call === undefined) throw new GatewayError("no-such-call", `there is no call ${id}`);
    return call;
  }

  async #place(call: PhoneCall): Promise<void> {
    const endpoint = dialString(this.#options.accounts, call.far);
    if (endpoint === null) return this.#ended(call, "unobtainable");
    await call.openMedia();
    if (!this.#calls.has(call.id)) return;
    const query = { endpoint, app: APPLICATION, appArgs: "outgoing", channelId: call.channelId, formats: "alaw,ulaw" };
    await this.#ari.request("POST", "/channels/create", query);
    await call.join();
    // It may have been hung up meanwhile, when there was no channel to end.
    if (this.#calls.has(call.id)) await this.#ari.request("POST", `/channels/${call.channelId}/dial`);
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
      case "ChannelHangupRequest":
        if (event.soft !== true) call.farCause = event.cause ?? 0;
        break;
      case "ChannelDestroyed":
        this.#ended(call, goneCause(event.cause, call.farCause));
        break;
      case "ChannelDtmfReceived":
        this.#emit({ type: "dtmf", call: call.id, digit: event.digit });
        break;
      case "Dial":
        if (event.dialstatus === "RINGING") this.#ringing(call);
        if (event.dialstatus === "PROGRESS") this.#emit({ type: "early-media", call: call.id });
        if (event.dialstatus === "ANSWER") this.#answered(call);
        if (isFailure(event.dialstatus)) this.#attempt("end a call", this.#failed(call, event.dialstatus));
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

  /** The far end refused. Asterisk leaves the channel where it is, in the bridge; but it knows the cause. */
  async #failed(call: PhoneCall, dialStatus: string): Promise<void> {
    const path = `/channels/${call.channelId}/variable`;
    const answer = (await this.#ari.request("GET", path, { variable: "HANGUPCAUSE" })) as { value?: unknown };
    this.#ended(call, failureCause(dialStatus, Number(answer.value)));
    await this.#clear(call.channelId, "normal");
  }

  #incoming(channel: EventChannel, number: string, account: string): void {
    const caller = channel.caller.number.replace(/[^0-9]/g, "") || account;
    const phone = this.#options.phones.get(number);
    const engaged = this.calls.filter((call) => call.phone === number).length;
    const refusal = refusalOf(phone, engaged);
    if (phone === undefined || refusal !== null) {
      const cause = refusal ?? "unobtainable";
      this.#emit({ type: "refused", number, caller, cause });
      this.#attempt("refuse a call", this.#clear(channel.id, cause));
      return;
    }
    const id = `${this.#options.run}-${++this.#serial}`;
    const call = new PhoneCall(
      { id, channelId: channel.id, phone: number, far: caller, direction: "incoming" },
      this.#ari,
      this.#clock,
    );
    this.#calls.set(id, call);
    this.#emit({ type: "incoming", call: id, phone: number, caller });
    this.#behave(call, phone.behaviour);
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
    this.#attempt("ring", this.#ari.request("POST", `/channels/${call.channelId}/ring`));
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
      await this.#ari.request("DELETE", `/channels/${channelId}`, { reason: hangupReason(cause) });
    } catch (error) {
      if (!(error instanceof GatewayError && error.details["status"] === 404)) throw error;
    }
  }

  #attempt(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#log.debug(what, { error: describeError(error) }));
  }

  #emit(event: EventNetworkEvent): void {
    this.#options.emit(event);
  }
}
