import { FILE_MARK } from "./port.ts";
import type { Credentials, Issued } from "./types.ts";

/** New credentials as they are handed out. */

/** One thing that was issued (the web room's `IssuedCredential`). */
export interface HandedOut {
  readonly kind: "sip" | "dashboard" | "broker";
  /** Name of the account, or of the thing. */
  readonly name: string;
  readonly username: string;
  readonly secret: string;
  /** What a softphone's QR code says; null where there is none. */
  readonly uri: string | null;
}

/** Where telephones find the gateway. */
export interface SipAddress {
  /** An IP address of the gateway on the LAN, or a name; null when it has none now: then there is no URI. */
  readonly host: string | null;
  readonly port: number;
}

/** The page asks for a password only; its user is called this where a form wants one. */
export const PAGE_USER = "admin";

/**
 * The SIP URI of an account with its password, as RFC 3261 (section 19.1.1) writes it: `sip:USER:PASSWORD@HOST:PORT`.
 * There is no standard for softphones' QR codes: Linphone's, Zoiper's and Acrobits' hold addresses or codes of a
 * provisioning service that we do not run. This form is the only one that a standard names; any camera shows it, and
 * what it says can be typed in. Secrets and usernames hold only letters, digits and `-`, which need no escape.
 */
export function softphoneUri({ username, secret }: Credentials, { host, port }: SipAddress): string | null {
  if (host === null) return null;
  return `sip:${username}:${secret}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Everything that was issued, in the order in which people look for it. */
export function handedOut({ accounts, dashboard, broker }: Issued, sip: SipAddress): HandedOut[] {
  const users = Object.entries(broker).map(
    ([name, { username, secret }]): HandedOut => ({ kind: "broker", name, username, secret, uri: null }),
  );
  return [
    { kind: "dashboard", name: "dashboard", username: PAGE_USER, secret: dashboard, uri: null },
    ...[...accounts].map(
      ([name, { username, secret }]): HandedOut => ({
        kind: "sip",
        name,
        username,
        secret,
        uri: softphoneUri({ username, secret }, sip),
      }),
    ),
    ...users,
  ];
}

/** The file on the boot partition; read on any computer, so its lines end as all of them can show. */
export function handoutText(items: readonly HandedOut[], minutes: number): string {
  const lines = items.flatMap(({ kind, name, username, secret, uri }) => [
    "",
    kind === "sip" ? `Telephone ${name}` : kind === "dashboard" ? "Status page" : `MQTT broker, ${name}`,
    ...(kind === "dashboard" ? [] : [`  Username: ${username}`]),
    `  Password: ${secret}`,
    ...(uri === null ? [] : [`  Address:  ${uri}`]),
  ]);
  const head = [FILE_MARK, `The gateway deletes this file ${minutes} minutes after the reset, and whenever it starts.`];
  return [...head, ...lines, ""].join("\r\n");
}
