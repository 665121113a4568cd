import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import { type Dispose, TypedEmitter } from "../../base/events.ts";
import { type Service, STOP_LIMIT_MS, within } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import { ButtonService } from "../../credentials/button-service.ts";
import type { LedPort } from "../../credentials/port.ts";
import { ResetService } from "../../credentials/reset-service.ts";
import { CredentialsFile } from "../../drivers/handout-file.ts";
import { StateFileAdapter } from "../../drivers/state-file.ts";
import { SystemFigures } from "../../drivers/system-figures.ts";
import { CallLog } from "../../status/call-log.ts";
import { HomeAssistantService } from "../../status/home-assistant-service.ts";
import { InputsService } from "../../status/inputs-service.ts";
import type { Operations } from "../../status/port.ts";
import { Publisher } from "../../status/publisher-service.ts";
import { Requests } from "../../status/requests-service.ts";
import { StatusService } from "../../status/service.ts";
import { siteIdOf } from "../../status/site-id.ts";
import type { RaisedAlert } from "../../status/types.ts";
import type { Gateway } from "../gateway.ts";
import { GatewayOperations, type HomeAssistantOperations } from "../operations.ts";
import type { Prepared } from "../prepare.ts";
import type { FrontView } from "../status-server.ts";
import { VERSION } from "../version.ts";
import { audited } from "./audited-store.ts";
import { buttonContact, inputContact, statusLed } from "./contacts.ts";
import { SiteFeed } from "./feed.ts";
import { type FleetParts, fleetParts } from "./fleet-parts.ts";
import { frontAlerts } from "./front-alerts.ts";
import type { FrontPorts } from "./front-ports.ts";
import { Kept } from "./kept.ts";
import { type Link, makeLink } from "./link.ts";
import { metricsText } from "./metrics-text.ts";
import { admits, type KnownNames, lanAddress } from "./networks.ts";
import { PageService, pagePasswords, pageUrl } from "./page.ts";
import { partsOf } from "./parts-of.ts";
import { Readmission } from "./readmission.ts";
import { SessionFile } from "./session-file.ts";
import { GatewaySources } from "./sources.ts";

/**
 * What the operator sees and holds in his hands: status, broker, page, inputs, button, credentials. Calls can do
 * without all of it: whatever fails here is an alert, and nothing else.
 */
export class Front implements Service {
  readonly name = "front";
  readonly #prepared: Prepared;
  readonly #gateway: Gateway;
  readonly #ports: FrontPorts;
  readonly #log: Log;
  readonly #status: StatusService;
  readonly #sources: GatewaySources;
  readonly #inputs: InputsService;
  readonly #led: LedPort | null;
  readonly #button: ButtonService;
  readonly #resets: ResetService;
  readonly #readmission: Readmission;
  readonly #operations: GatewayOperations;
  readonly #passwords = new TypedEmitter<{ changed: [] }>();
  readonly #disposers: Dispose[] = [];
  #link: Link | null = null;
  #linkFault: string | null = null;
  #publisher: Publisher | null = null;
  #homeAssistant: HomeAssistantService | null = null;
  #fleet: FleetParts | null = null;
  #kept: readonly Kept[] = [];

  constructor(prepared: Prepared, gateway: Gateway, ports: FrontPorts, log: Log) {
    const { config } = prepared.loaded;
    const { runtime, state } = config.paths;
    this.#prepared = prepared;
    this.#gateway = gateway;
    this.#ports = ports;
    this.#log = log.child("status");
    this.#status = new StatusService({
      site: siteIdOf(config.site),
      sources: { read: (part) => this.#sources.read(part) },
      counts: new StateFileAdapter(join(state, "counts.json"), ({ path, reason }) =>
        this.#log.warn("the counts of today may be a little old", { path, reason }),
      ),
      clock: systemClock,
      wallClock: Date.now,
      log: this.#log,
    });
    this.#inputs = new InputsService({
      inputs: config.inputs.map((input) => ({ config: input, contact: inputContact(input, runtime) })),
      counts: this.#status.counts,
      log: this.#log,
    });
    this.#led = statusLed(config.button, runtime, this.#log);
    const credentialsLog = log.child("credentials");
    this.#button = new ButtonService(buttonContact(config.button, runtime), this.#led, systemClock, credentialsLog);
    const { file, windowMinutes } = config.credentials;
    this.#resets = new ResetService(
      {
        store: audited(prepared.repository, (entry) => this.#status.event("credentials/event", entry)),
        takers: [
          { name: "Asterisk", take: (issued) => gateway.asterisk.setAccounts(issued.accounts) },
          { name: "the page", take: async () => this.#passwords.emit("changed") },
          { name: "the broker", take: async () => this.#link?.broker?.kick() },
        ],
        file: file === undefined ? null : new CredentialsFile(file),
        factory: ports.factory,
        clock: systemClock,
        wallMs: Date.now,
        sip: () => ({ host: lanAddress(config.sip.bindAddress), port: config.sip.port }),
        indicate: (pattern) => this.#button.indicate(pattern === "on" && this.#wrong() ? "fault" : pattern),
        restart: ports.restart,
      },
      windowMinutes,
      credentialsLog,
    );
    this.#readmission = new Readmission(() => gateway.guard, systemClock, credentialsLog);
    this.#operations = new GatewayOperations(
      () => gateway,
      () => this.#homeAssistantOperations(),
      log.child("operations"),
    );
    const figures = new SystemFigures({ stateDirectory: state });
    this.#sources = new GatewaySources(config, gateway, new CallLog(this.#status.counts), {
      site: this.#status.site,
      version: VERSION,
      running: ports.running,
      system: async () => figures.read(),
      inputs: () => this.#inputs.read(),
      credentials: () => this.#resets.view(),
      broker: () => this.#link?.link.state ?? null,
      concerns: () => this.#concerns(),
    });
  }

  /** Resolves when everything was tried once. */
  async start(signal: AbortSignal): Promise<void> {
    const onLink = this.#makeLink();
    // What comes later stops earlier: the status says that it stops while there is still a broker to tell.
    const services = [...onLink, this.#status, this.#inputs, this.#resets, this.#button, ...this.#page()];
    const alerts = () => this.#status.changed("alerts");
    this.#kept = services.map((service) => new Kept(service, alerts, this.#log));
    this.#disposers.push(
      this.#sources.follow(this.#status),
      this.#inputs.onChange(() => this.#status.changed("inputs")),
      this.#button.onMeaning((meaning) => {
        if (meaning === "reset") this.#readmission.note();
        void this.#resets.press(meaning);
      }),
      this.#resets.on("change", () => {
        this.#readmission.follow(this.#resets.openUntilMs() !== null);
        this.#status.changed("credentials");
        alerts();
      }),
      this.#resets.on("button", (type, atMs) => this.#status.event("button", { type, atMs: Math.round(atMs) })),
    );
    this.#gateway.front = () => this.#view();
    if (this.#wrong()) this.#button.indicate("fault");
    for (const kept of this.#kept) await kept.start(signal);
  }

  async stop(): Promise<void> {
    this.#operations.stop();
    this.#readmission.stop();
    for (const kept of this.#kept.toReversed()) {
      await within(STOP_LIMIT_MS, kept.stop(), `${kept.name} did not stop`).catch((error: unknown) => {
        this.#log.warn("did not stop cleanly", { service: kept.name, error: describeError(error) });
      });
    }
    for (const dispose of this.#disposers.splice(0)) dispose();
    if (this.#led !== null && "close" in this.#led && typeof this.#led.close === "function") this.#led.close();
  }

  /** Whoever looks at the LED sees that there was no good start, or that not the configuration runs that he wrote. */
  #wrong(): boolean {
    return this.#gateway.configFault !== null || this.#ports.earlier().length > 0;
  }

  /** What was asked for shows at once: the rooms tell what calls and attackers do, not what people do by hand. */
  readonly #performed: Operations = {
    perform: async (name, params, by) => {
      try {
        return await this.#operations.perform(name, params, by);
      } finally {
        for (const part of ["lines", "guard"] as const) this.#status.changed(part);
      }
    },
  };

  /** Everything that talks to the broker, and the connection to it. */
  #makeLink(): readonly Service[] {
    const { config } = this.#prepared.loaded;
    const { status, web } = config;
    const { site } = this.#status;
    const root = `${status.topic}/${site}`;
    try {
      this.#link = makeLink(this.#prepared, root, (address) => this.#admits(address), this.#log);
    } catch (error) {
      this.#linkFault = describeError(error);
      this.#log.error("nothing is published", { error: this.#linkFault });
    }
    if (this.#link === null) return [];
    const { link } = this.#link;
    this.#publisher = new Publisher(this.#status, link, {
      root,
      heartbeatSeconds: status.heartbeatSeconds,
      clock: systemClock,
      wall: Date.now,
      log: this.#log,
    });
    const { guard } = this.#gateway;
    const nat = () => this.#gateway.nat?.view() ?? null;
    this.#fleet = fleetParts(this.#prepared, site, link, { guard, nat }, this.#log);
    this.#homeAssistant = new HomeAssistantService(
      {
        enabled: status.homeAssistant,
        prefix: status.homeAssistantTopic,
        base: status.topic,
        site,
        requests: status.requests,
        url: web.enabled && web.listen === "lan" ? pageUrl(web) : null,
        clock: systemClock,
        random: Math.random,
      },
      link,
      () => partsOf(this.#status.snapshot()),
      this.#log,
    );
    const requests = status.requests
      ? [new Requests(link, this.#performed, { root, clock: systemClock, log: this.#log })]
      : [];
    this.#disposers.push(
      link.onState(() => this.#status.changed("alerts")),
      this.#publisher.onForeign(() => this.#status.changed("alerts")),
    );
    const transport = { name: "broker", start: (life: AbortSignal) => link.start(life), stop: () => link.stop() };
    // The connection comes last: by then it is known what to subscribe to.
    return [this.#publisher, ...this.#fleet.services, this.#homeAssistant, ...requests, transport];
  }

  #page(): readonly Service[] {
    const { config } = this.#prepared.loaded;
    if (!config.web.enabled) return [];
    // A broker for this machine alone is not for the LAN by way of the page.
    const broker = config.status.broker.listen === "lan" ? this.#link?.broker : null;
    const page = new PageService(
      config.web,
      this.#prepared.webFiles,
      {
        feed: new SiteFeed(this.#status, this.#fleet?.fleet ?? null, this.#link?.link ?? null),
        passwords: pagePasswords(this.#prepared.repository, (listener) => this.#passwords.on("changed", listener)),
        handout: this.#resets,
        operations: this.#performed,
        metrics: () => metricsText(this.#status.snapshot(), this.#link?.link.state, this.#fleet),
        admits: (address) => this.#admits(address),
        sessions: new SessionFile(config.paths.state, () => this.#prepared.repository.issued.dashboard),
        ...(broker == null ? {} : { broker: (stream, address) => broker.handleStream(stream, address) }),
      },
      this.#log,
    );
    return [page];
  }

  #view(): FrontView {
    const { web } = this.#prepared.loaded.config;
    const fault = this.#kept.find(({ name }) => name === "page")?.fault ?? null;
    return { page: web.enabled ? { url: pageUrl(web), fault } : null, broker: this.#link?.link.state ?? null };
  }

  #admits(address: string): boolean {
    const { config } = this.#prepared.loaded;
    const names: KnownNames = this.#gateway.guard?.names ?? new Map();
    return admits(config, address, names);
  }

  #homeAssistantOperations(): HomeAssistantOperations | null {
    const service = this.#homeAssistant;
    if (service === null || !this.#prepared.loaded.config.status.homeAssistant) return null;
    return { announce: async () => service.announce(), remove: async () => ({ removed: service.remove() }) };
  }

  #concerns(): readonly RaisedAlert[] {
    return [
      ...this.#ports.earlier(),
      ...this.#resets.alerts().map((alert): RaisedAlert => ({ ...alert, source: "credentials" })),
      ...frontAlerts({
        site: this.#status.site,
        foreign: this.#publisher?.foreign === true,
        button: this.#button.fault,
        link: this.#linkFault,
        brokerPort: this.#link?.broker == null ? null : this.#link.link.state.fault,
        services: this.#kept,
      }),
    ];
  }
}
