import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { Checked, Mapped, MapperMemory, MapperPort, MapRequest, Opened, Refusal, Refused } from "../nat/port.ts";
import { refusesVersion } from "./pcp-codec.ts";
import { natPmpLost } from "./pcp-epoch.ts";
import { PcpLink } from "./pcp-link.ts";
import {
  ADDRESS_QUESTION,
  decodeNatPmp,
  encodeNatPmpMap,
  NAT_PMP_RESULT,
  type NatPmpAnswer,
  type NatPmpMapRequest,
} from "./pcp-nat-pmp-codec.ts";

type MapAnswer = Extract<NatPmpAnswer, { kind: "map" }>;
type Address = { readonly ok: true; readonly address: string } | Refused;

/** Asks the router for ports by NAT-PMP (RFC 6886), the older sibling of PCP. */
export class NatPmpMapper implements MapperPort {
  readonly protocol = "nat-pmp";
  readonly #link: PcpLink;

  constructor(clock: Clock) {
    this.#link = new PcpLink(clock, natPmpLost);
  }

  async open(memory: MapperMemory, signal: AbortSignal): Promise<Opened | Refused> {
    try {
      await this.#link.open(memory.route, signal);
    } catch {
      return { ok: false, why: "no-answer" };
    }
    const address = await this.#address(signal);
    return address.ok ? { ok: true, identity: null, address: address.address } : address;
  }

  async map(request: MapRequest, signal: AbortSignal): Promise<Mapped | Refused> {
    if (request.leaseS === 0) return { ok: false, why: "unsupported" };
    const done = await this.#map({ ...request, lifetimeS: request.leaseS }, signal);
    if ("ok" in done) return done;
    if (!request.otherPort && done.externalPort !== request.externalPort) {
      await this.unmap(request, signal);
      return { ok: false, why: "conflict" };
    }
    return { ok: true, externalPort: done.externalPort, leaseS: Math.max(1, done.lifetimeS), address: null };
  }

  async unmap(request: MapRequest, signal: AbortSignal): Promise<boolean> {
    return !("ok" in (await this.#map({ ...request, externalPort: 0, lifetimeS: 0 }, signal)));
  }

  /** NAT-PMP cannot ask for a mapping: the router's clock tells whether it lost any. */
  async check(_requests: readonly MapRequest[], signal: AbortSignal): Promise<Checked | Refused> {
    const address = await this.#address(signal);
    return address.ok ? { ok: true, address: address.address, gone: [] } : address;
  }

  onLost(listener: () => void): Dispose {
    return this.#link.onLost(listener);
  }

  onHint(listener: () => void): Dispose {
    return this.#link.onHint(listener);
  }

  close(): void {
    this.#link.close();
  }

  async #address(signal: AbortSignal): Promise<Address> {
    const read = (bytes: Uint8Array) => {
      if (refusesVersion(bytes)) return "unsupported";
      const answer = decodeNatPmp(bytes);
      return answer === null || answer.kind === "map" ? null : answer;
    };
    const found = await this.#link.ask(ADDRESS_QUESTION, read, signal);
    if (found.kind !== "answer") return { ok: false, why: "no-answer" };
    if (found.value === "unsupported") return { ok: false, why: "unsupported" };
    const answer = found.value;
    if (answer.kind === "refused") return { ok: false, why: refusalOf(answer.result) };
    this.#link.heard(answer.epochS);
    // It has no address (yet), section 3.5: what it is asked for then fails too.
    if (answer.result === NAT_PMP_RESULT.networkFailure) return { ok: true, address: "" };
    if (answer.result !== NAT_PMP_RESULT.success) return { ok: false, why: refusalOf(answer.result) };
    return { ok: true, address: answer.address === "0.0.0.0" ? "" : answer.address };
  }

  async #map(request: NatPmpMapRequest, signal: AbortSignal): Promise<MapAnswer | Refused> {
    const read = (bytes: Uint8Array): MapAnswer | Refused | null => {
      if (refusesVersion(bytes)) return { ok: false, why: "unsupported" };
      const answer = decodeNatPmp(bytes);
      if (answer === null || answer.kind === "address") return null;
      if (answer.kind === "refused") return { ok: false, why: refusalOf(answer.result) };
      if (answer.protocol !== request.protocol || answer.internalPort !== request.internalPort) return null;
      if (answer.result !== NAT_PMP_RESULT.success) return { ok: false, why: refusalOf(answer.result) };
      // A late answer to an earlier question about the same port.
      return (answer.lifetimeS === 0) === (request.lifetimeS === 0) ? answer : null;
    };
    const found = await this.#link.ask(encodeNatPmpMap(request), read, signal);
    if (found.kind !== "answer") return { ok: false, why: "no-answer" };
    if (!("ok" in found.value)) this.#link.heard(found.value.epochS);
    return found.value;
  }
}

function refusalOf(result: number): Refusal {
  switch (result) {
    case NAT_PMP_RESULT.refused:
      return "denied";
    case NAT_PMP_RESULT.networkFailure:
      return "no-address";
    case NAT_PMP_RESULT.noResources:
      return "full";
    case NAT_PMP_RESULT.unsupportedVersion:
    case NAT_PMP_RESULT.unsupportedOpcode:
      return "unsupported";
    default:
      return "failed";
  }
}
