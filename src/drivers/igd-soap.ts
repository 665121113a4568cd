import { formatNetwork, parseAddress } from "../base/ip.ts";
import type { MapRequest, Refusal } from "../nat/port.ts";
import { childText, descendants, escapeXml, parseXml } from "./igd-xml.ts";

/** SOAP as UPnP's device architecture has it (1.1, section 3.1), for the actions of WANIPConnection that are used here. */

/** Error codes: device architecture table 3-3, WANIPConnection:2 table 2-22. */
export const SOAP_ERROR = {
  invalidAction: 401,
  actionFailed: 501,
  notAuthorized: 606,
  specifiedArrayIndexInvalid: 713,
  noSuchEntry: 714,
  wildCardNotPermitted: 716,
  conflict: 718,
  samePortValuesRequired: 724,
  onlyPermanentLeases: 725,
  noPortMapsAvailable: 728,
  conflictWithOther: 729,
} as const;

export interface SoapRequest {
  readonly action: string;
  readonly body: string;
}

/** A fault's code is null when the router gave none. */
export type SoapAnswer =
  | { readonly kind: "values"; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: "fault"; readonly code: number | null };

export function renderSoap(
  service: string,
  action: string,
  values: readonly (readonly [string, string])[],
): SoapRequest {
  const inside = values.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join("");
  const body =
    '<?xml version="1.0"?>\r\n' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body><u:${action} xmlns:u="${service}">${inside}</u:${action}></s:Body></s:Envelope>\r\n`;
  return { action: `"${service}#${action}"`, body };
}

/** The answer to an action; null when it is none. */
export function parseSoap(text: string, action: string): SoapAnswer | null {
  const root = parseXml(text);
  const body = root?.name === "Envelope" ? root.children.find((child) => child.name === "Body") : undefined;
  const first = body?.children[0];
  if (first === undefined) return null;
  if (first.name === `${action}Response`) {
    return { kind: "values", values: new Map(first.children.map((child) => [child.name, child.text])) };
  }
  if (first.name !== "Fault") return null;
  const error = descendants(first, "UPnPError")[0];
  const code = error === undefined ? null : childText(error, "errorCode");
  return { kind: "fault", code: code !== null && /^[0-9]{3}$/.test(code) ? Number(code) : null };
}

/** Arguments of AddPortMapping and AddAnyPortMapping, in the order in which the standard has them. */
export function mappingArguments(request: MapRequest, client: string): readonly (readonly [string, string])[] {
  return [
    ["NewRemoteHost", ""],
    ["NewExternalPort", String(request.externalPort)],
    ["NewProtocol", request.protocol.toUpperCase()],
    ["NewInternalPort", String(request.internalPort)],
    ["NewInternalClient", client],
    ["NewEnabled", "1"],
    ["NewPortMappingDescription", "paxgate"],
    ["NewLeaseDuration", String(request.leaseS)],
  ];
}

/** What names a mapping in DeletePortMapping and GetSpecificPortMappingEntry. */
export function mappingKey(request: MapRequest): readonly (readonly [string, string])[] {
  return mappingArguments(request, "").slice(0, 3);
}

/** Whether an entry as the router lists it leads to that port of ours, and for how long, s (0: for ever). */
export function readEntry(
  values: ReadonlyMap<string, string>,
  request: MapRequest,
  client: string,
): { readonly ours: boolean; readonly leaseS: number } {
  const lease = values.get("NewLeaseDuration") ?? "";
  return {
    ours:
      values.get("NewInternalClient") === client &&
      values.get("NewInternalPort") === String(request.internalPort) &&
      values.get("NewEnabled") !== "0",
    leaseS: /^[0-9]{1,8}$/.test(lease) ? Number(lease) : 0,
  };
}

/** The router's outside address; "" when it has none. */
export function readAddress(values: ReadonlyMap<string, string>): string {
  const address = parseAddress(values.get("NewExternalIPAddress") ?? "");
  return address === null || address.first === 0n ? "" : formatNetwork(address);
}

/** What a fault means for a mapping. 501 wants a closer look by the caller. */
export function refusalOf(code: number | null): Refusal {
  switch (code) {
    case SOAP_ERROR.conflict:
    case SOAP_ERROR.conflictWithOther:
      return "conflict";
    case SOAP_ERROR.onlyPermanentLeases:
      return "permanent-only";
    case SOAP_ERROR.notAuthorized:
      return "denied";
    case SOAP_ERROR.noPortMapsAvailable:
      return "full";
    case SOAP_ERROR.invalidAction:
      return "unsupported";
    default:
      return "failed";
  }
}
