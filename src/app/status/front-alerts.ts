import type { RaisedAlert } from "../../status/types.ts";

/** What is wrong with the front's own parts; null: nothing. */
export interface FrontFaults {
  readonly site: string;
  /** Another gateway publishes under our identifier. */
  readonly foreign: boolean;
  readonly button: string | null;
  /** The link to the broker could not be made. */
  readonly link: string | null;
  /** Our own broker cannot listen. */
  readonly brokerPort: string | null;
  readonly services: readonly { readonly name: string; readonly fault: string | null }[];
}

/** Alerts of the front's own parts. */
export function frontAlerts({ site, foreign, button, link, brokerPort, services }: FrontFaults): RaisedAlert[] {
  const warning = (alert: string, source: string, text: string | null): readonly RaisedAlert[] =>
    text === null ? [] : [{ alert, severity: "warning", source, text }];
  const taken = `another gateway on the broker has the identifier ${site} too: give each a site.id`;
  return [
    ...warning("button", "button", button),
    ...warning("broker-files", "broker", link),
    ...warning("site-id", "broker", foreign ? taken : null),
    ...warning("broker-port", "broker", brokerPort),
    ...services.flatMap(({ name, fault }) => warning(`service-${name.replace(/[^a-z]+/g, "-")}`, name, fault)),
  ];
}
