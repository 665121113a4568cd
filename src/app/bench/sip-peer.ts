import { randomBytes } from "node:crypto";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { systemClock } from "../../base/clock.ts";
import { type Dispose, TypedEmitter } from "../../base/events.ts";
import { alawSdp, header, parseSip, printSip, repeated, type SipMessage } from "./sip-text.ts";

/** An INVITE that has come from the gateway. */
export interface IncomingInvite {
  readonly number: string;
  /** When it was read from the wire, CLOCK_MONOTONIC, ms. */
  readonly atMs: number;
  readonly sdp: string;
  respond(status: number, sdp?: string): void;
}

/** An INVITE sent to the gateway. */
export interface OutgoingInvite {
  readonly sentMs: number;
  /** Gives the call up. */
  cancel(): void;
  /** Its final status. */
  readonly ended: Promise<number>;
}

const name = (bytes: number) => randomBytes(bytes).toString("hex");

/**
 * The event's SIP server, as plain as can be: one UDP socket, read by nothing but this process, so that what it times
 * is the wire. It takes every registration and reports every INVITE once.
 */
export class SipPeer {
  readonly #socket: Socket = createSocket("udp4");
  readonly #events = new TypedEmitter<{ invite: [invite: IncomingInvite]; register: [] }>();
  /** Last response to each INVITE, for those that are repeated. */
  readonly #responses = new Map<string, string | null>();
  readonly #calls = new Map<string, (response: SipMessage) => void>();
  readonly #gatewayPort: number;

  constructor(gatewayPort: number) {
    this.#gatewayPort = gatewayPort;
  }

  async start(port: number): Promise<void> {
    this.#socket.on("message", (data, from) => this.#receive(data, from));
    this.#socket.bind(port, "127.0.0.1");
    await once(this.#socket, "listening");
  }

  stop(): void {
    this.#socket.close();
  }

  onInvite(listener: (invite: IncomingInvite) => void): Dispose {
    return this.#events.on("invite", listener);
  }

  onRegister(listener: () => void): Dispose {
    return this.#events.on("register", listener);
  }

  /** Calls a number of the gateway's. */
  invite(number: string): OutgoingInvite {
    const { port } = this.#socket.address();
    const callId = name(8);
    const branch = `z9hG4bK${name(6)}`;
    const uri = `sip:${number}@127.0.0.1:${this.#gatewayPort}`;
    const from = `<sip:4999@127.0.0.1:${port}>;tag=${name(4)}`;
    const headers = (method: string, to: string): [string, string][] => [
      ["Via", `SIP/2.0/UDP 127.0.0.1:${port};branch=${branch};rport`],
      ["Max-Forwards", "70"],
      ["From", from],
      ["To", to],
      ["Call-ID", callId],
      ["CSeq", `1 ${method}`],
      ["Contact", `<sip:4999@127.0.0.1:${port}>`],
    ];
    const send = (method: string, to = `<${uri}>`, body = "") => {
      const type: [string, string][] = body === "" ? [] : [["Content-Type", "application/sdp"]];
      this.#send(printSip(`${method} ${uri} SIP/2.0`, [...headers(method, to), ...type], body), this.#gatewayPort);
    };
    const ended = new Promise<number>((resolve) => {
      this.#calls.set(callId, (response) => {
        if (response.status < 200 || !header(response, "CSeq").endsWith("INVITE")) return;
        send("ACK", header(response, "To"));
        resolve(response.status);
      });
    });
    const sentMs = systemClock.now();
    send("INVITE", `<${uri}>`, alawSdp(port + 1));
    return { sentMs, cancel: () => send("CANCEL"), ended };
  }

  #receive(data: Buffer, from: RemoteInfo): void {
    const atMs = systemClock.now();
    const message = parseSip(data.toString());
    if (message === null) return;
    if (message.request === null) this.#calls.get(header(message, "Call-ID"))?.(message);
    else this.#request(message, message.request, from, atMs);
  }

  #request(
    message: SipMessage,
    { method, uri }: { method: string; uri: string },
    from: RemoteInfo,
    atMs: number,
  ): void {
    const call = header(message, "Call-ID");
    const respond = (status: number, more: (readonly [string, string])[] = [], sdp = "") => {
      const text = printSip(`SIP/2.0 ${status} .`, [...repeated(message, "bench"), ...more], sdp);
      this.#send(text, from.port);
      return text;
    };
    switch (method) {
      case "ACK":
        return;
      case "REGISTER":
        respond(200, [
          ["Contact", header(message, "Contact")],
          ["Expires", "3600"],
        ]);
        this.#events.emit("register");
        return;
      case "INVITE": {
        const before = this.#responses.get(call);
        if (before !== undefined) {
          if (before !== null) this.#send(before, from.port);
          return;
        }
        this.#responses.set(call, null);
        const contact = ["Contact", `<sip:bench@127.0.0.1:${this.#socket.address().port}>`] as const;
        const number = /^sip:([^@;]+)/.exec(uri)?.[1] ?? "";
        const answer = (status: number, sdp = "") => {
          const type = sdp === "" ? [] : ([["Content-Type", "application/sdp"]] as const);
          this.#responses.set(call, respond(status, [contact, ...type], sdp));
        };
        this.#events.emit("invite", { number, atMs, sdp: message.body, respond: answer });
        return;
      }
      default:
        respond(200);
    }
  }

  #send(text: string, port: number): void {
    this.#socket.send(text, port, "127.0.0.1");
  }
}
