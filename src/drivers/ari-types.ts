/** What the gateway and the simulated event network use of Asterisk's REST Interface, from its published API description (rest-api/, version 16). */

export interface AriChannel {
  readonly id: string;
  readonly name: string;
  /** Down, Reserved, OffHook, Dialing, Ring, Ringing, Up, Busy … */
  readonly state: string;
  readonly caller: { readonly number: string; readonly name: string };
  readonly channelvars?: Readonly<Record<string, string>>;
}

/** Events of the WebSocket that somebody acts on; of state changes and hangup requests only the event network does. */
export type AriEvent =
  | { readonly type: "StasisStart"; readonly channel: AriChannel; readonly args: readonly string[] }
  | { readonly type: "StasisEnd"; readonly channel: AriChannel }
  | { readonly type: "ChannelDestroyed"; readonly channel: AriChannel; readonly cause: number }
  | {
      readonly type: "ChannelHangupRequest";
      readonly channel: AriChannel;
      readonly cause?: number;
      /** It is Asterisk's own, and `cause` says nothing. */
      readonly soft?: boolean;
    }
  | { readonly type: "ChannelStateChange"; readonly channel: AriChannel }
  | { readonly type: "ChannelDtmfReceived"; readonly channel: AriChannel; readonly digit: string }
  | { readonly type: "Dial"; readonly peer: AriChannel; readonly caller?: AriChannel; readonly dialstatus: string };

const wanted = new Set<string>([
  "StasisStart",
  "StasisEnd",
  "ChannelDestroyed",
  "ChannelHangupRequest",
  "ChannelStateChange",
  "ChannelDtmfReceived",
  "Dial",
] satisfies AriEvent["type"][]);

/** One WebSocket message as an event, or null for those that nobody uses. Throws on what is no event. */
export function parseAriEvent(text: string): AriEvent | null {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || typeof value["type"] !== "string") throw new TypeError("not an ARI event");
  if (!wanted.has(value["type"])) return null;
  const subject = value["type"] === "Dial" ? value["peer"] : value["channel"];
  if (!isChannel(subject)) throw new TypeError(`ARI event ${value["type"]} without a channel`);
  const complete = {
    StasisStart: () => Array.isArray(value["args"]) && value["args"].every((arg) => typeof arg === "string"),
    StasisEnd: () => true,
    ChannelDestroyed: () => typeof value["cause"] === "number",
    ChannelHangupRequest: () => value["cause"] === undefined || typeof value["cause"] === "number",
    ChannelStateChange: () => true,
    ChannelDtmfReceived: () => typeof value["digit"] === "string",
    Dial: () =>
      typeof value["dialstatus"] === "string" && (value["caller"] === undefined || isChannel(value["caller"])),
  }[value["type"] as AriEvent["type"]];
  if (!complete()) throw new TypeError(`incomplete ARI event ${value["type"]}`);
  return value as unknown as AriEvent;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isChannel(value: unknown): value is AriChannel {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    typeof value["name"] === "string" &&
    typeof value["state"] === "string" &&
    isRecord(value["caller"]) &&
    typeof value["caller"]["number"] === "string"
  );
}
