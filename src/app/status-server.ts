import { join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { JsonLinesServer } from "../base/json-lines.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Call } from "../calls/state.ts";
import type { Config } from "../config/schema.ts";
import type { AudioCounts } from "../drivers/rtp.ts";
import { noGuard } from "../firewall/no-guard.ts";
import { guardRequest, isGuardMethod } from "../firewall/requests.ts";
import type { NatView } from "../nat/types.ts";
import type { BrokerState } from "../status/types.ts";
import type { Gateway } from "./gateway.ts";
import { setBlocked } from "./line-operations.ts";

/** Name of the socket, in the runtime directory, by which commands ask a running gateway. */
export const STATUS_SOCKET = "gateway.sock";

/** One line as `paxgate lines` shows it. */
export interface LineView {
  readonly name: string;
  readonly type: string;
  readonly group: string;
  readonly status: string;
  /** Taken out of service by hand. */
  readonly blocked: boolean;
  /** Health of the dials heard on the line; null before any digit. */
  readonly ips: number | null;
  readonly breakPercent: number | null;
  readonly digits: number;
  /** Digits that were not understood, and false extra impulses that were left out. */
  readonly digitErrors: number;
  readonly falseBreaks: number;
  /** A dial's speed or break is outside what it should be. */
  readonly warn: boolean;
  /** Audio from the network, all calls together, in frames of 20 ms; `missing`: none was there when it was wanted. */
  readonly audio: AudioCounts;
}

/** One trunk as `paxgate lines` shows it. */
export interface TrunkView {
  readonly name: string;
  /** Whether its server knows of us; null when the trunk does not register. */
  readonly registered: boolean | null;
  /** Calls through it now, in both directions. */
  readonly calls: number;
}

/** Answer to `nat`; null while the gateway starts. */
export type NatAnswer = NatView | null;

/** The page and the broker, which calls can do without. */
export interface FrontView {
  /** Null: none is wanted. `url`: null while no address of the LAN is known. `fault`: why it is not served. */
  readonly page: { readonly url: string | null; readonly fault: string | null } | null;
  /** Null: there is none. */
  readonly broker: BrokerState | null;
}

export interface GatewayView extends FrontView {
  readonly ready: boolean;
  /** What is wrong, though the gateway runs: Asterisk does not come up, or the configuration has faults. */
  readonly fault: string | null;
  /** What people should know of the firewall and of port forwarding; none of it keeps calls away. */
  readonly alerts: readonly string[];
  readonly lines: readonly LineView[];
  readonly trunks: readonly TrunkView[];
  readonly calls: readonly { id: string; direction: string; line: string | null; phase: string; number: string }[];
}

/** Answers commands about the running gateway and its firewall, on a local socket that only its owner may open. */
export class StatusServer implements Service {
  readonly name = "status";
  readonly #server: JsonLinesServer;
  readonly #life = new AbortController();

  constructor(config: Config, gateway: Gateway) {
    this.#server = new JsonLinesServer(join(config.paths.runtime, STATUS_SOCKET), (method, params) => {
      if (isGuardMethod(method)) {
        return guardRequest(gateway.guard ?? noGuard(Date.now), method, params, this.#life.signal);
      }
      if (method === "status") return viewOf(config, gateway);
      if (method === "line.block") return setBlocked(gateway, params, true);
      if (method === "line.unblock") return setBlocked(gateway, params, false);
      if (method === "nat") return gateway.nat?.view() ?? null;
      throw new GatewayError("unknown-method", `there is no method "${method}"`);
    });
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    this.#life.abort();
    return this.#server.stop();
  }
}

function viewOf(config: Config, gateway: Gateway): GatewayView {
  return {
    ready: gateway.ready,
    fault: gateway.fault,
    alerts: gateway.alerts,
    ...gateway.front(),
    lines: config.lines.map(({ name, type, group }) => {
      const line = gateway.lines.services.get(name);
      const health = line?.health;
      const known = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
      return {
        name,
        type,
        group,
        status: line?.status ?? "starting",
        blocked: line?.blocked ?? false,
        ips: known(health?.ips),
        breakPercent: known(health?.breakPercent),
        digits: health?.digits ?? 0,
        digitErrors: health?.errors ?? 0,
        falseBreaks: health?.falseBreaks ?? 0,
        warn: health?.warn ?? false,
        audio: gateway.sip.audioOf(name),
      };
    }),
    trunks: config.trunks.map(({ name }) => ({
      name,
      registered: gateway.trunks.registered(name),
      calls: gateway.calls.calls.filter((call) => call.leg !== null && trunkOf(call) === name).length,
    })),
    calls: gateway.calls.calls.map((call) => ({
      id: call.id,
      direction: call.direction,
      line: call.line,
      phase: call.phase,
      number: call.direction === "from-pax" ? call.digits : call.number,
    })),
  };
}

/** Trunk that a call uses; null: none. */
export function trunkOf(call: Call): string | null {
  if (call.direction === "from-pax") return call.trunk;
  return call.from.kind === "trunk" ? call.from.name : null;
}
