import type { Socket } from "node:dgram";
import type { EventEmitter } from "node:events";
import { networkInterfaces } from "node:os";
import ssdp from "node-ssdp";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import type { DefaultRoute } from "../nat/port.ts";
import { leadsToRouter } from "./igd-description.ts";

/** What is searched for; a device of version 2 answers to version 1 too, but not every one does. */
const TARGETS = [
  "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
  "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
  "urn:schemas-upnp-org:service:WANIPConnection:1",
  "urn:schemas-upnp-org:service:WANPPPConnection:1",
];
/** Datagrams get lost, and the package sends each search once, ms. */
const SEARCH_EVERY_MS = 500;
const SEARCH_LIMIT_MS = 2_500;
/** Time for the description of a second router at the same address, ms. */
const SETTLE_MS = 150;
const BIND_LIMIT_MS = 500;
const MAX_LOCATIONS = 4;
const NOTIFY_PORT = 1900;
/** Descriptions of one router that are told apart: it announces each of its devices. */
const MAX_KNOWN = 16;

/** Where to read what the router offers, as told by the router's address. */
type Heard = { readonly location: string | null; readonly boot: string };

/**
 * Discovery of UPnP devices, of which only the default gateway is listened to. Whoever forges the gateway's address
 * can name no place but on the gateway itself.
 */
export class SsdpDiscovery {
  readonly #emitter = new TypedEmitter<{ changed: [] }>();
  #ears: ssdp.Client | null = null;
  /**
   * Location → number of the router's start (UPnP Device Architecture 1.1, section 1.2.2), "" where it has none. From
   * its answers too: the first announcement heard may be the one of a restart.
   */
  readonly #known = new Map<string, string>();

  /** Locations on the router, in the order heard; none when nothing came within 2.5 s. */
  async search(route: DefaultRoute, signal: AbortSignal): Promise<readonly string[]> {
    if (!isThere(route)) return [];
    const client = clientFor(route, 0);
    const found = new Set<string>();
    const disposers: Dispose[] = [];
    try {
      await started(client);
      await new Promise<void>((resolve) => {
        const again = setInterval(() => this.#ask(client), SEARCH_EVERY_MS);
        const limit = setTimeout(resolve, SEARCH_LIMIT_MS);
        disposers.push(
          () => clearInterval(again),
          () => clearTimeout(limit),
        );
        client.on("response", (headers, code, from) => {
          const heard = readAnswer(headers, from, route);
          if (code !== 200 || heard === null || heard.location === null || found.size >= MAX_LOCATIONS) return;
          if (found.size === 0) {
            const settled = setTimeout(resolve, SETTLE_MS);
            disposers.push(() => clearTimeout(settled));
          }
          found.add(heard.location);
          this.#learn(heard.location, heard.boot);
        });
        signal.addEventListener("abort", () => resolve(), { once: true });
        this.#ask(client);
      });
    } catch {
      // No socket on that interface now: the same as nothing heard.
    } finally {
      for (const dispose of disposers) dispose();
      client.stop();
    }
    return [...found];
  }

  /** Listens to what the router announces; `onChanged` tells when it goes, or comes back after a restart. */
  async listen(route: DefaultRoute): Promise<void> {
    this.stop();
    if (!isThere(route)) return;
    const ears = clientFor(route, NOTIFY_PORT);
    this.#ears = ears;
    // The package's types know of its answers only.
    const events: EventEmitter = ears;
    events.on("advertise-alive", (headers: Headers, from: Source) => {
      const heard = readAnswer(headers, from, route);
      if (heard === null || heard.location === null) return;
      if (this.#learn(heard.location, heard.boot)) this.#emitter.emit("changed");
    });
    events.on("advertise-bye", (headers: Headers, from: Source) => {
      if (readAnswer(headers, from, route) === null) return;
      this.#known.clear();
      this.#emitter.emit("changed");
    });
    // Where the port is taken there are no announcements, and the look from time to time has to do.
    await started(ears).catch(() => undefined);
  }

  onChanged(listener: () => void): Dispose {
    return this.#emitter.on("changed", listener);
  }

  stop(): void {
    const ears = this.#ears;
    this.#ears = null;
    this.#known.clear();
    ears?.stop();
  }

  /** Whether that is new: a device not heard of before, or another start of it. */
  #learn(location: string, boot: string): boolean {
    const before = this.#known.get(location);
    if (before === undefined && this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(location, boot);
    return before !== boot;
  }

  #ask(client: ssdp.Client): void {
    for (const target of TARGETS) void client.search(target);
  }
}

type Headers = Readonly<Record<string, unknown>>;
type Source = { readonly address: string };
/** What of the package is used besides its interface; its version is pinned. */
type Insides = { sockets: Record<string, Socket> | null; _createSockets: () => void };

function clientFor(route: DefaultRoute, sourcePort: number): ssdp.Client {
  const options = {
    interfaces: [route.interface],
    // Otherwise a search leaves by the default route; but what is sent to a group comes in to no single address.
    explicitSocketBind: sourcePort === 0,
    sourcePort,
    reuseAddr: true,
    // Never leave this out: unset, the package asks the package `ip` for an address of our own. That one is replaced
    // by ipaddr.js here, because of its faults, which has no address() and would throw.
    location: "http://0.0.0.0/",
  };
  const client = new ssdp.Client(options);
  const insides = client as unknown as Insides;
  const create = insides._createSockets.bind(client);
  // The package joins the group where nobody can catch it: an interface that goes just then would end the process.
  insides._createSockets = () => {
    create();
    for (const socket of Object.values(insides.sockets ?? {})) {
      const join = socket.addMembership.bind(socket);
      socket.addMembership = (group, own) => {
        try {
          join(group, own);
        } catch {
          // Not a member: nothing is heard, as if nobody spoke.
        }
      };
    }
  };
  return client;
}

/** A socket that cannot be bound never tells the package's promise. */
async function started(client: ssdp.Client): Promise<void> {
  await within(BIND_LIMIT_MS, Promise.resolve(client.start()), "no socket for UPnP");
}

function isThere(route: DefaultRoute): boolean {
  return networkInterfaces()[route.interface]?.some((one) => one.address === route.address) ?? false;
}

/** What the router said; null when it was not the router, or no gateway device of its. */
function readAnswer(headers: Headers, from: Source, route: DefaultRoute): Heard | null {
  if (from.address !== route.gateway) return null;
  const target = headers["ST"] ?? headers["NT"];
  if (typeof target !== "string" || !/InternetGatewayDevice|WAN(?:IP|PPP)Connection/.test(target)) return null;
  const location = headers["LOCATION"];
  const boot = headers["BOOTID.UPNP.ORG"];
  const good = typeof location === "string" && leadsToRouter(location, route.gateway);
  return { location: good && location.length <= 500 ? location : null, boot: String(boot ?? "").slice(0, 20) };
}
