import { createHmac } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { Checked, Mapped, MapperMemory, MapperPort, MapRequest, Opened, Refusal, Refused } from "../nat/port.ts";
import {
  answersMap,
  decodePcp,
  encodeAnnounce,
  encodeMap,
  NONCE_BYTES,
  PCP_RESULT,
  type PcpAnswer,
  type PcpMapAnswer,
  refusesVersion,
} from "./pcp-codec.ts";
import { pcpLost } from "./pcp-epoch.ts";
import { PcpLink } from "./pcp-link.ts";
import { ADDRESS_QUESTION, decodeNatPmp, NAT_PMP_RESULT } from "./pcp-nat-pmp-codec.ts";

type MapResult = { readonly ok: true; readonly answer: PcpAnswer; readonly map: PcpMapAnswer } | Refused;

/** Asks the router for ports by PCP (RFC 6887). */
export class PcpMapper implements MapperPort {
  readonly protocol = "pcp";
  readonly #link: PcpLink;
  #seed = "";

  constructor(clock: Clock) {
    this.#link = new PcpLink(clock, pcpLost);
  }

  async open(memory: MapperMemory, signal: AbortSignal): Promise<Opened | Refused> {
    this.#seed = memory.seed;
    try {
      await this.#link.open(memory.route, signal);
    } catch {
      return { ok: false, why: "no-answer" };
    }
    const alive = await this.#announce(signal);
    return alive.ok ? { ok: true, identity: null, address: null } : alive;
  }

  async map(request: MapRequest, signal: AbortSignal): Promise<Mapped | Refused> {
    if (request.leaseS === 0) return { ok: false, why: "unsupported" };
    const done = await this.#map(request, request.leaseS, signal);
    if (!done.ok) return done.why === "full" || done.why === "failed" ? this.#why(done, signal) : done;
    const { externalPort, address } = done.map;
    if (!request.otherPort && externalPort !== request.externalPort) {
      // A server that does not know the option gives another port all the same.
      await this.#map({ ...request, externalPort }, 0, signal);
      return { ok: false, why: "conflict" };
    }
    return { ok: true, externalPort, leaseS: Math.max(1, done.answer.lifetimeS), address };
  }

  async unmap(request: MapRequest, signal: AbortSignal): Promise<boolean> {
    return (await this.#map(request, 0, signal)).ok;
  }

  /**
   * PCP cannot ask for a mapping without making it: the router's clock tells whether it lost any, and the address
   * comes with SIP's mapping, which is renewed.
   */
  async check(requests: readonly MapRequest[], signal: AbortSignal): Promise<Checked | Refused> {
    const lead = requests[0];
    if (lead === undefined) {
      const alive = await this.#announce(signal);
      return alive.ok ? { ok: true, address: null, gone: [] } : alive;
    }
    const renewed = await this.map(lead, signal);
    if (renewed.ok) {
      const moved = renewed.externalPort !== lead.externalPort;
      return { ok: true, address: renewed.address, gone: moved ? [lead] : [] };
    }
    return renewed.why === "conflict" ? { ok: true, address: null, gone: [lead] } : renewed;
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

  async #announce(signal: AbortSignal): Promise<{ readonly ok: true } | Refused> {
    const read = (bytes: Uint8Array) => (refusesVersion(bytes) ? "unsupported" : decodePcp(bytes));
    const found = await this.#link.ask(encodeAnnounce(this.#link.client), read, signal);
    if (found.kind !== "answer") return { ok: false, why: "no-answer" };
    if (found.value === "unsupported") return { ok: false, why: "unsupported" };
    // Any answer of PCP will do: not every server knows ANNOUNCE as a request.
    this.#link.heard(found.value.epochS);
    return { ok: true };
  }

  async #map(request: MapRequest, lifetimeS: number, signal: AbortSignal): Promise<MapResult> {
    const question = {
      client: this.#link.client,
      protocol: request.protocol,
      internalPort: request.internalPort,
      externalPort: request.externalPort,
      lifetimeS,
      nonce: this.#nonce(request),
      preferFailure: !request.otherPort && lifetimeS > 0,
    };
    const read = (bytes: Uint8Array) => {
      if (refusesVersion(bytes)) return "unsupported";
      const answer = decodePcp(bytes);
      if (answer === null || answer.map === null || !answersMap(question, answer.map)) return null;
      // A late answer to an earlier question about the same port.
      const taken = answer.result === PCP_RESULT.success && answer.lifetimeS === 0;
      if (answer.result === PCP_RESULT.success && taken !== (lifetimeS === 0)) return null;
      return { answer, map: answer.map };
    };
    const found = await this.#link.ask(encodeMap(question), read, signal);
    if (found.kind !== "answer") return { ok: false, why: "no-answer" };
    if (found.value === "unsupported") return { ok: false, why: "unsupported" };
    const { answer, map } = found.value;
    this.#link.heard(answer.epochS);
    if (answer.result !== PCP_RESULT.success) return { ok: false, why: refusalOf(answer.result) };
    return { ok: true, answer, map };
  }

  /** Some servers that have no public address blame their room for it. The older protocol at the same port tells. */
  async #why(refused: Refused, signal: AbortSignal): Promise<Refused> {
    const read = (bytes: Uint8Array) => {
      const answer = decodeNatPmp(bytes);
      return answer?.kind === "address" ? answer : null;
    };
    const found = await this.#link.ask(ADDRESS_QUESTION, read, signal, [400]);
    if (found.kind !== "answer") return refused;
    const none = found.value.result !== NAT_PMP_RESULT.success || found.value.address === "0.0.0.0";
    return none ? { ok: false, why: "no-address" } : refused;
  }

  /** The same for a port for ever, and nobody else's to guess: whoever knows it can take the mapping away. */
  #nonce(request: MapRequest): Uint8Array {
    const text = `${request.protocol}:${request.internalPort}`;
    return createHmac("sha256", this.#seed).update(text).digest().subarray(0, NONCE_BYTES);
  }
}

function refusalOf(result: number): Refusal {
  switch (result) {
    case PCP_RESULT.notAuthorized:
      return "denied";
    case PCP_RESULT.networkFailure:
      return "no-address";
    case PCP_RESULT.noResources:
    case PCP_RESULT.userQuota:
      return "full";
    case PCP_RESULT.cannotProvide:
      return "conflict";
    case PCP_RESULT.unsupportedVersion:
    case PCP_RESULT.unsupportedOpcode:
    case PCP_RESULT.unsupportedProtocol:
      return "unsupported";
    default:
      return "failed";
  }
}
