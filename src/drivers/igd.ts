import type { Dispose } from "../base/events.ts";
import type {
  Checked,
  DefaultRoute,
  Mapped,
  MapperMemory,
  MapperPort,
  MapRequest,
  Opened,
  Refused,
} from "../nat/port.ts";
import { type IgdDescription, type IgdService, parseDescription } from "./igd-description.ts";
import { askRouter } from "./igd-http.ts";
import {
  mappingArguments,
  mappingKey,
  parseSoap,
  readAddress,
  readEntry,
  refusalOf,
  renderSoap,
  SOAP_ERROR,
  type SoapAnswer,
} from "./igd-soap.ts";
import { SsdpDiscovery } from "./ssdp.ts";

/** Longest for finding the router with its description, and for one mapping with its checks, ms. */
const CALL_LIMIT_MS = 5_000;

interface Found {
  readonly route: DefaultRoute;
  readonly service: IgdService;
}

/** Asks the router for ports by UPnP's Internet Gateway Device, version 1 or 2. */
export class IgdMapper implements MapperPort {
  readonly protocol = "upnp";
  readonly #discovery = new SsdpDiscovery();
  #found: Found | null = null;

  async open(memory: MapperMemory, signal: AbortSignal): Promise<Opened | Refused> {
    const life = bounded(signal);
    const { route, identity } = memory;
    this.#found = null;
    await this.#discovery.listen(route);
    const described: IgdDescription[] = [];
    for (const location of await this.#discovery.search(route, life)) {
      const answer = await askRouter({ url: location, from: route.address, soap: null }, life);
      if (answer === null || answer.status !== 200) continue;
      const description = parseDescription(answer.body, location, route.gateway);
      if (description !== null) described.push(description);
    }
    if (described.length === 0) return { ok: false, why: "no-answer" };
    const known = identity === null ? described[0] : described.find((one) => one.udn === identity);
    if (known === undefined) return { ok: false, why: "other-router" };
    const service = await this.#connected(route, known.services, life);
    if (service === null) return { ok: false, why: "no-answer" };
    this.#found = { route, service };
    const address = await this.#address(life);
    return address === null ? { ok: false, why: "no-answer" } : { ok: true, identity: known.udn, address };
  }

  async map(request: MapRequest, signal: AbortSignal): Promise<Mapped | Refused> {
    const life = bounded(signal);
    const found = this.#found;
    if (found === null) return { ok: false, why: "no-answer" };
    // Some routers take a port from one host for the next.
    if (request.careful && (await this.#entry(request, life)) === "foreign") {
      return request.otherPort ? this.#mapAny(found, request, life) : { ok: false, why: "conflict" };
    }
    const done = await this.#call("AddPortMapping", mappingArguments(request, found.route.address), life);
    if (done?.kind === "values") return this.#mapped(request, life);
    if (done === null) return { ok: false, why: "no-answer" };
    const why = refusalOf(done.code);
    if (why === "conflict" && request.otherPort) return this.#mapAny(found, request, life);
    if (done.code !== SOAP_ERROR.actionFailed) return { ok: false, why };
    return { ok: false, why: (await this.#address(life)) === "" ? "no-address" : "failed" };
  }

  async unmap(request: MapRequest, signal: AbortSignal): Promise<boolean> {
    const done = await this.#call("DeletePortMapping", mappingKey(request), bounded(signal));
    return done?.kind === "values" || done?.code === SOAP_ERROR.noSuchEntry;
  }

  async check(requests: readonly MapRequest[], signal: AbortSignal): Promise<Checked | Refused> {
    const life = bounded(signal);
    const address = await this.#address(life);
    if (address === null) return { ok: false, why: "no-answer" };
    const gone: MapRequest[] = [];
    for (const request of requests) {
      const entry = await this.#entry(request, life);
      if (entry === null) return { ok: false, why: "no-answer" };
      if (entry === "none" || entry === "foreign") gone.push(request);
    }
    return { ok: true, address, gone };
  }

  /** UPnP has no clock to tell it by: `check` finds out. */
  onLost(_listener: () => void): Dispose {
    return () => undefined;
  }

  onHint(listener: () => void): Dispose {
    return this.#discovery.onChanged(listener);
  }

  close(): void {
    this.#found = null;
    this.#discovery.stop();
  }

  /** Version 2 gives a free port by itself; version 1 leaves it to us to find one. */
  async #mapAny(found: Found, request: MapRequest, signal: AbortSignal): Promise<Mapped | Refused> {
    if (!found.service.type.endsWith(":2")) return { ok: false, why: "conflict" };
    const done = await this.#call("AddAnyPortMapping", mappingArguments(request, found.route.address), signal);
    if (done === null) return { ok: false, why: "no-answer" };
    if (done.kind === "fault") {
      const why = refusalOf(done.code);
      return { ok: false, why: why === "permanent-only" || why === "denied" ? why : "conflict" };
    }
    const port = Number(done.values.get("NewReservedPort"));
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return { ok: false, why: "failed" };
    return this.#mapped({ ...request, externalPort: port }, signal);
  }

  /** A router may say yes and do otherwise: SIP's mapping is looked at. Audio ports take their turn at the checks. */
  async #mapped(request: MapRequest, signal: AbortSignal): Promise<Mapped | Refused> {
    const { externalPort, leaseS } = request;
    if (!request.careful) return { ok: true, externalPort, leaseS, address: null };
    const entry = await this.#entry(request, signal);
    if (entry === "foreign") return { ok: false, why: "conflict" };
    if (entry === "none") return { ok: false, why: "failed" };
    // A router that cannot tell is believed. A lease that it made shorter counts; one without an end stays.
    const told = entry === null || entry === "unknown" || entry.leaseS === 0 ? leaseS : entry.leaseS;
    return { ok: true, externalPort, leaseS: leaseS === 0 ? 0 : Math.min(leaseS, told), address: null };
  }

  /** What is at that outside port; null without an answer. */
  async #entry(
    request: MapRequest,
    signal: AbortSignal,
  ): Promise<{ readonly leaseS: number } | "none" | "foreign" | "unknown" | null> {
    const found = this.#found;
    if (found === null) return null;
    const answer = await this.#call("GetSpecificPortMappingEntry", mappingKey(request), signal);
    if (answer === null) return null;
    if (answer.kind === "fault") return answer.code === SOAP_ERROR.noSuchEntry ? "none" : "unknown";
    const entry = readEntry(answer.values, request, found.route.address);
    return entry.ours ? entry : "foreign";
  }

  /** The router's outside address, "" for none; null without an answer. */
  async #address(signal: AbortSignal): Promise<string | null> {
    const answer = await this.#call("GetExternalIPAddress", [], signal);
    if (answer === null) return null;
    return answer.kind === "values" ? readAddress(answer.values) : "";
  }

  /** Of several connections the one that is up; one alone is taken as it is. */
  async #connected(
    route: DefaultRoute,
    services: readonly IgdService[],
    signal: AbortSignal,
  ): Promise<IgdService | null> {
    if (services.length === 1) return services[0] ?? null;
    for (const service of services) {
      this.#found = { route, service };
      const answer = await this.#call("GetStatusInfo", [], signal);
      if (answer?.kind === "values" && answer.values.get("NewConnectionStatus") === "Connected") return service;
    }
    return services[0] ?? null;
  }

  async #call(
    action: string,
    values: readonly (readonly [string, string])[],
    signal: AbortSignal,
  ): Promise<SoapAnswer | null> {
    const found = this.#found;
    if (found === null) return null;
    const soap = renderSoap(found.service.type, action, values);
    const answer = await askRouter({ url: found.service.controlUrl, from: found.route.address, soap }, signal);
    if (answer === null || (answer.status !== 200 && answer.status !== 500)) return null;
    return parseSoap(answer.body, action);
  }
}

function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(CALL_LIMIT_MS)]);
}
