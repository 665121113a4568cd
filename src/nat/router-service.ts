import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { RouterConfig } from "../config/schema.ts";
import {
  changedForwards,
  type DesiredRouter,
  desiredRouter,
  type Forward,
  type ObservedRouter,
  planRouter,
  type RouterStep,
} from "./router.ts";
import type { DnsmasqPlaces } from "./router-dnsmasq.ts";
import { forwardFault, routerFaults, uplinkAddress } from "./router-faults.ts";
import { emptyNote, noteStep, packNote, planUndo, type RouterNote, unpackNote } from "./router-note.ts";
import type { ConntrackPort, DhcpServerPort, InterfacePort, NotePort, SysctlPort } from "./router-port.ts";
import type { NatView } from "./types.ts";

export interface RouterPorts {
  readonly interfaces: InterfacePort;
  readonly sysctls: SysctlPort;
  readonly dhcp: DhcpServerPort;
  readonly conntrack: ConntrackPort;
  readonly note: NotePort;
}

export interface RouterOptions extends DnsmasqPlaces {
  readonly config: RouterConfig;
  /** SIP's port at the uplink. */
  readonly sipPort: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often everything is looked at, ms. */
const CHECK_MS = 10_000;
/** Waits before dnsmasq is started again: doubled from the first to the last, ms. */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 60_000;

/**
 * Makes and keeps this machine the router. What is missing (an interface, dnsmasq) is a fault in words and no failure:
 * calls on the uplink go on. The firewall lets the packets through; tell us with `forwardsInForce` what it has.
 */
export class RouterService implements Service {
  readonly name = "router";
  readonly #options: RouterOptions;
  readonly #ports: RouterPorts;
  readonly #desired: DesiredRouter;
  readonly #disposers: Dispose[] = [];
  #note: RouterNote = emptyNote;
  #observed: ObservedRouter | null = null;
  #failed = new Map<string, string>();
  #dhcpFault: string | null = null;
  #dhcpDueMs = 0;
  #dhcpWaitMs = FIRST_WAIT_MS;
  #dhcpSinceMs = 0;
  #timer: Dispose = () => undefined;
  #running = false;
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws GatewayError `nat-router`: the LAN cannot be as configured */
  constructor(options: RouterOptions, ports: RouterPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#desired = desiredRouter(options.config, options);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#note = unpackNote(await this.#ports.note.read().catch((error: unknown) => this.#complain("its note", error)));
    signal.throwIfAborted();
    this.#running = true;
    this.#disposers.push(this.#ports.dhcp.onExit((how) => this.#dhcpEnded(how)));
    await this.check();
  }

  /** Puts back everything that was changed; forwarding ends first. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#timer();
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#inTurn(async () => {
      for (const step of planUndo(this.#note)) await this.#perform(step);
      this.#note = { ...emptyNote, forwards: this.#note.forwards };
      await this.#keepNote();
    });
  }

  /** Looks and repairs; the steps that were needed. */
  check(): Promise<readonly RouterStep[]> {
    return this.#inTurn(() => this.#check());
  }

  /**
   * The firewall has these forwards in force now. What the kernel remembers of flows to ports whose forward changed is
   * forgotten, or it would go on sending them to the old place for as long as they last.
   */
  forwardsInForce(forwards: readonly Forward[]): Promise<void> {
    return this.#inTurn(async () => {
      const addresses = this.#observed?.interfaces.get(this.#desired.uplink)?.addresses ?? [];
      for (const { protocol, port } of changedForwards(this.#note.forwards, forwards)) {
        for (const text of addresses) {
          const [address = ""] = text.split("/");
          const count = await this.#ports.conntrack
            .forget({ protocol, address, port })
            .catch((error: unknown) => this.#complain("forgetting old flows", error));
          if (count) this.#options.log.info("old flows forgotten", { protocol, port, count });
        }
      }
      this.#note = { ...this.#note, forwards };
      await this.#keepNote();
    });
  }

  view(): NatView {
    const { config, sipPort } = this.#options;
    const observed = this.#observed;
    const address = observed === null ? null : uplinkAddress(this.#desired, observed);
    return {
      mode: "router",
      protocol: null,
      router: null,
      external: address === null ? null : { address, sipPort },
      stunAddress: null,
      doubleNat: false,
      mappings: config.forwards.map((forward) => ({
        name: forward.name,
        externalPort: forward.port,
        expiresS: null,
        fault: forwardFault(config, this.#desired, forward),
      })),
      faults: [
        ...(observed === null ? [] : routerFaults(this.#desired, observed)),
        ...(this.#dhcpFault === null ? [] : [`DHCP and DNS on the LAN: ${this.#dhcpFault}`]),
        ...this.#failed.values(),
      ],
    };
  }

  async #check(): Promise<readonly RouterStep[]> {
    this.#timer();
    if (!this.#running) return [];
    let steps: readonly RouterStep[] = [];
    try {
      const observed = await this.#observe();
      steps = planRouter(this.#desired, observed);
      let note = this.#note;
      for (const step of steps) note = noteStep(note, step, observed.sysctls);
      // Written down before it is done: whoever comes after a crash puts it back all the same.
      if (note !== this.#note) {
        this.#note = note;
        await this.#keepNote();
      }
      this.#failed = new Map();
      for (const step of steps) await this.#perform(step);
      this.#observed = steps.length === 0 ? observed : await this.#observe();
    } catch (error) {
      this.#failed.set("look", `the network's state cannot be read: ${describeError(error)}`);
    }
    const { clock } = this.#options;
    const due = this.#dhcpFault === null ? Number.POSITIVE_INFINITY : this.#dhcpDueMs;
    this.#timer = clock.at(Math.min(clock.now() + CHECK_MS, Math.max(due, clock.now())), () => void this.check());
    return steps;
  }

  async #observe(): Promise<ObservedRouter> {
    const { interfaces, sysctls, dhcp } = this.#ports;
    const [links, values] = await Promise.all([interfaces.look(), sysctls.read([...this.#desired.sysctls.keys()])]);
    const dhcpMayStart = this.#options.clock.now() >= this.#dhcpDueMs;
    return { interfaces: links, sysctls: values, dhcp: dhcp.running, dhcpMayStart };
  }

  async #perform(step: RouterStep): Promise<void> {
    const { interfaces, sysctls, dhcp } = this.#ports;
    try {
      switch (step.kind) {
        case "sysctl":
          return await sysctls.write(step.key, step.value);
        case "add-address":
          return await interfaces.addAddress(step.interface, step.address);
        case "remove-address":
          return await interfaces.removeAddress(step.interface, step.address);
        case "link":
          return await interfaces.setUp(step.interface, step.up);
        case "dhcp-stop":
          return await dhcp.stop();
        case "dhcp-start":
          await dhcp.start(step.configuration);
          this.#dhcpFault = null;
          this.#dhcpSinceMs = this.#options.clock.now();
          return;
      }
    } catch (error) {
      const what = describeError(error);
      if (step.kind === "dhcp-start") this.#putOff(what);
      else this.#failed.set(JSON.stringify(step), what);
      this.#complain(`a step (${step.kind})`, error);
    }
  }

  #dhcpEnded(how: string): void {
    const { clock } = this.#options;
    if (clock.now() - this.#dhcpSinceMs > LAST_WAIT_MS) this.#dhcpWaitMs = FIRST_WAIT_MS;
    this.#options.log.warn("dnsmasq ended", { how });
    this.#putOff(`dnsmasq ended: ${how}`);
    this.#timer();
    this.#timer = clock.at(this.#dhcpDueMs, () => void this.check());
  }

  #putOff(why: string): void {
    this.#dhcpFault = why;
    this.#dhcpDueMs = this.#options.clock.now() + this.#dhcpWaitMs;
    this.#dhcpWaitMs = Math.min(2 * this.#dhcpWaitMs, LAST_WAIT_MS);
  }

  async #keepNote(): Promise<void> {
    await this.#ports.note.write(packNote(this.#note)).catch((error: unknown) => this.#complain("its note", error));
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  #complain(what: string, error: unknown): null {
    this.#options.log.warn(`router: ${what} failed`, { error: describeError(error) });
    return null;
  }
}
