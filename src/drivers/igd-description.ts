import { childText, descendants, parseXml, type XmlElement } from "./igd-xml.ts";

/** Services that map ports, best first: UPnP IGD v2, v1, and v1 over PPP. */
const SERVICES = [
  "urn:schemas-upnp-org:service:WANIPConnection:2",
  "urn:schemas-upnp-org:service:WANIPConnection:1",
  "urn:schemas-upnp-org:service:WANPPPConnection:1",
] as const;
/** Routers have one or two; the rest is no router's. */
const MAX_SERVICES = 8;

export type IgdServiceType = (typeof SERVICES)[number];

/** A service to ask for ports. */
export interface IgdService {
  readonly type: IgdServiceType;
  readonly controlUrl: string;
}

export interface IgdDescription {
  /** The root device's unique name. */
  readonly udn: string;
  /** Best first, never empty. */
  readonly services: readonly IgdService[];
}

/**
 * Whether a URL leads to the router: http, its address as four numbers, no user, and no port of another kind of
 * service. Port 80 and those that no system service has.
 */
export function leadsToRouter(url: string, router: string): boolean {
  if (url.length > 512 || !URL.canParse(url)) return false;
  const parsed = new URL(url);
  const port = parsed.port === "" ? 80 : Number(parsed.port);
  // The parser turns 0x7f.1 and the like into an address: only the plain spelling is taken.
  const literal = url.slice("http://".length).startsWith(router);
  return (
    parsed.protocol === "http:" &&
    parsed.hostname === router &&
    literal &&
    parsed.username === "" &&
    parsed.password === "" &&
    (port === 80 || port >= 1024)
  );
}

/** What a router's description at `location` offers; null when it is none, or leads elsewhere. */
export function parseDescription(text: string, location: string, router: string): IgdDescription | null {
  const root = parseXml(text);
  const device = root?.name === "root" ? root.children.find((child) => child.name === "device") : undefined;
  if (root === null || device === undefined) return null;
  const udn = childText(device, "UDN");
  if (udn === null || !/^uuid:[\x21-\x7e]{1,128}$/.test(udn)) return null;
  const urlBase = childText(root, "URLBase");
  const base = urlBase !== null && leadsToRouter(urlBase, router) ? urlBase : location;
  const services = descendants(device, "service")
    .slice(0, MAX_SERVICES * 4)
    .flatMap((service) => serviceOf(service, base, router))
    .slice(0, MAX_SERVICES)
    .sort((one, other) => SERVICES.indexOf(one.type) - SERVICES.indexOf(other.type));
  return services.length === 0 ? null : { udn, services };
}

function serviceOf(service: XmlElement, base: string, router: string): IgdService[] {
  const type = SERVICES.find((one) => one === childText(service, "serviceType"));
  const path = childText(service, "controlURL");
  if (type === undefined || path === null || path === "" || !URL.canParse(path, base)) return [];
  const controlUrl = new URL(path, base).href;
  return leadsToRouter(controlUrl, router) ? [{ type, controlUrl }] : [];
}
