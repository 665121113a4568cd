import { randomBytes, randomInt } from "node:crypto";
import { type Clock, systemClock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { type Service, ServiceGroup, within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { isNumber } from "./event-numbers.ts";
import type { EventAri, EventDrivers } from "./event-port.ts";
import { freeTcpPort, freeUdpPort } from "./event-ports.ts";
import { APPLICATION, renderEventNetwork } from "./event-render.ts";
import { EventSwitch } from "./event-switch.ts";
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
  readonly #subscriptions: Dispose[] = [];
  #sipPort = 0;
  #running: { readonly ari: EventAri; readonly calls: EventSwitch } | undefined;
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
    const asterisk = this.#drivers.asterisk({ directory, files });
    const ari = this.#drivers.ari({
      port: httpPort,
      username: APPLICATION,
      password: ariPassword,
      application: APPLICATION,
    });
    const run = randomBytes(4).toString("hex");
    const emit = (event: EventNetworkEvent) => this.#emitter.emit("event", event);
    const calls = new EventSwitch({ run, accounts, phones: this.#phones, emit }, ari, this.#log, this.#clock);
    this.#running = { ari, calls };
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
    const running = this.#running;
    this.#running = undefined;
    await running?.calls.close();
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
    return this.#running?.calls.calls ?? [];
  }

  /** Whether somebody is registered with the account. */
  async registered(account: string): Promise<boolean> {
    const endpoint = (await this.#started.ari.request("GET", `/endpoints/SIP/${account}`)) as { state?: unknown };
    return endpoint.state === "online";
  }

  /**
   * A telephone calls a number. Answers as soon as it has dialled; how the call fares comes as events, also that
   * nobody has the number.
   * @throws GatewayError `bad-number`, or `not-started`
   */
  call(from: string, to: string, sound: PhoneSound = { kind: "silence" }): CallId {
    return this.#started.calls.call(from, to, sound);
  }

  /** Lifts the receiver of a telephone that rings. @throws GatewayError `no-such-call` */
  async answer(id: CallId): Promise<void> {
    await this.#started.calls.answer(id);
  }

  /** Hangs up; a telephone that rings refuses the call. Nothing happens when the call has ended. */
  async hangup(id: CallId, cause?: EndCause): Promise<void> {
    await this.#started.calls.hangup(id, cause);
  }

  /**
   * Sends keys (0-9, *, #, A-D) as RFC 4733 events, 100 ms each with 100 ms between.
   * @throws GatewayError `no-such-call`, `bad-digits`
   */
  async dtmf(id: CallId, digits: string): Promise<void> {
    await this.#started.calls.dtmf(id, digits);
  }

  /** What the telephone puts on the line from now on. @throws GatewayError `no-such-call` */
  play(id: CallId, sound: PhoneSound): void {
    this.#started.calls.play(id, sound);
  }

  /**
   * What the telephone heard in the last `ms` ms (at most 3000), with the level at each of the frequencies.
   * @throws GatewayError `no-such-call`
   */
  hear(id: CallId, ms: number, frequenciesHz: readonly number[] = []): Heard {
    return this.#started.calls.hear(id, ms, frequenciesHz);
  }

  /**
   * Listens until a tone has been there for 200 ms, at `levelDb` dB or more.
   * @throws GatewayError `no-such-call`; `not-heard` after `withinMs` ms, with what was heard in `details`.
   */
  async hearTone(id: CallId, frequencyHz: number, levelDb = -40, withinMs = 5_000): Promise<Heard> {
    return await this.#started.calls.hearTone(id, frequencyHz, levelDb, withinMs);
  }

  get #started(): { readonly ari: EventAri; readonly calls: EventSwitch } {
    if (this.#running === undefined) throw new GatewayError("not-started", "the event network is not running");
    return this.#running;
  }
}
