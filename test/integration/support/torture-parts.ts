/** Where torture messages go and what they say of their sender. */
export interface TortureScene {
  readonly host: string;
  readonly port: number;
  /** The sender's own place, as Via and Contact name it. */
  readonly ownHost: string;
  readonly ownPort: number;
  readonly transport: "UDP" | "TCP";
  /** User called wherever the message's point is not the user itself. */
  readonly user: string;
}

/** One message of RFC 4475. `########` stands where every sending wants another number (FloodPlan.messages). */
export interface TortureMessage {
  /** The RFC's name of it. */
  readonly name: string;
  readonly section: string;
  /** What is peculiar, in a few words. */
  readonly what: string;
  readonly bytes: Buffer;
}

export interface Parts {
  readonly start: string;
  readonly headers: readonly string[];
  readonly body?: string | Buffer;
  /** In place of the true one; null: none. */
  readonly contentLength?: string | null;
}

/** A message from its parts. Text is UTF-8. */
export function built({ start, headers, body = "", contentLength }: Parts): Buffer {
  const octets = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  const length = contentLength === undefined ? `Content-Length: ${octets.length}` : contentLength;
  const lines = [start, ...headers, ...(length === null ? [] : [length]), "", ""];
  return Buffer.concat([Buffer.from(lines.join("\r\n"), "utf8"), octets]);
}

/** Header fields and bodies that most of the messages have, without anything peculiar. */
export class Ordinary {
  readonly scene: TortureScene;
  readonly #name: string;

  constructor(scene: TortureScene, name: string) {
    this.scene = scene;
    this.#name = name;
  }

  get uri(): string {
    return this.uriOf(this.scene.user);
  }

  get via(): string {
    const { transport, ownHost, ownPort } = this.scene;
    return `Via: SIP/2.0/${transport} ${ownHost}:${ownPort};branch=z9hG4bK${this.#name}########`;
  }

  get to(): string {
    return `To: <${this.uri}>`;
  }

  get from(): string {
    return `From: "Caller" <sip:caller@${this.scene.ownHost}>;tag=t########`;
  }

  get callId(): string {
    return `Call-ID: ${this.#name}.########@${this.scene.ownHost}`;
  }

  get contact(): string {
    return `Contact: <sip:caller@${this.scene.ownHost}:${this.scene.ownPort}>`;
  }

  uriOf(user: string): string {
    return `sip:${user}@${this.scene.host}:${this.scene.port}`;
  }

  /** All that a request must have (RFC 3261 section 8.1.1), but for what is left out by name. */
  headers(method: string, ...without: ("Via" | "To" | "From" | "Call-ID" | "CSeq" | "Max-Forwards" | "Contact")[]) {
    const all = [this.via, "Max-Forwards: 70", this.to, this.from, this.callId, `CSeq: 8 ${method}`, this.contact];
    return all.filter((header) => !without.some((name) => header.startsWith(`${name}:`)));
  }

  request(method: string, ...further: string[]): Parts {
    return { start: `${method} ${this.uri} SIP/2.0`, headers: [...this.headers(method), ...further] };
  }

  /** An INVITE with an ordinary offer. */
  invite(...further: string[]): Parts {
    return { ...this.request("INVITE", ...further, "Content-Type: application/sdp"), body: this.sdp };
  }

  get sdp(): string {
    const at = `IN IP4 ${this.scene.ownHost}`;
    return sdpOf([`o=caller 29739 7272939 ${at}`, "s=-", `c=${at}`, "t=0 0", "m=audio 49217 RTP/AVP 0 8 12"]);
  }
}

export function sdpOf(lines: readonly string[]): string {
  return ["v=0", ...lines, ""].join("\r\n");
}
