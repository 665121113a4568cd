import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { within } from "../../../src/base/lifecycle.ts";

interface Dialogue {
  readonly callId: string;
  /** From and To of our requests, with their tags. */
  readonly from: string;
  readonly to: string;
  readonly target: string;
  readonly cseq: number;
}

const LIMIT_MS = 15_000;

/**
 * A SIP telephone by hand, independent of any stack: registers with digest, keeps answering OPTIONS, calls, is called,
 * and returns the audio that it hears.
 */
export class DeskPhone {
  readonly #server: number;
  readonly #username: string;
  readonly #secret: string;
  readonly #socket: Socket = createSocket("udp4");
  readonly #audio: Socket = createSocket("udp4");
  readonly #listeners = new Set<() => void>();
  /** Everything received, as it came. */
  readonly received: string[] = [];
  /** What it does when it is called. */
  behaviour: "answer" | "busy" | "ring" = "answer";
  #dialogue: Dialogue | null = null;
  #serial = 1;

  constructor(serverPort: number, username: string, secret: string) {
    this.#server = serverPort;
    this.#username = username;
    this.#secret = secret;
  }

  async open(): Promise<this> {
    for (const socket of [this.#socket, this.#audio]) {
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    }
    this.#audio.on("message", (packet, { port }) => this.#audio.send(packet, port, "127.0.0.1"));
    this.#socket.on("message", (data) => {
      const text = data.toString();
      this.received.push(text);
      if (!text.startsWith("SIP/2.0")) this.#serve(text);
      for (const look of [...this.#listeners]) look();
    });
    return this;
  }

  close(): void {
    this.#socket.close();
    this.#audio.close();
  }

  async register(): Promise<void> {
    const status = await this.#challenged("REGISTER", "");
    if (status !== 200) throw new Error(`registration was refused with ${status}`);
    // A phone that does not answer is not called.
    await this.seen((text) => text.startsWith("OPTIONS"));
  }

  /** Calls; resolves with the final status. */
  call(number: string): Promise<number> {
    return this.#challenged("INVITE", number);
  }

  /** Statuses of the responses so far to INVITEs, without the challenge. */
  get progress(): number[] {
    return this.received
      .filter((text) => text.startsWith("SIP/2.0") && /^CSeq: \d+ INVITE\r$/m.test(text))
      .map((text) => Number(text.slice(8, 11)))
      .filter((status) => status !== 401);
  }

  /** The first message from `from` on that fits. */
  seen(fits: (text: string) => boolean, from = 0): Promise<string> {
    const found = new Promise<string>((resolve) => {
      const look = () => {
        const text = this.received.slice(from).find(fits);
        if (text === undefined) return;
        this.#listeners.delete(look);
        resolve(text);
      };
      this.#listeners.add(look);
      look();
    });
    return within(LIMIT_MS, found, "the telephone received no such message");
  }

  /** Ends the call; resolves when that has been agreed to. */
  async hangUp(): Promise<void> {
    const dialogue = this.#dialogue;
    if (dialogue === null) throw new Error("there is no call");
    this.#dialogue = null;
    const from = this.received.length;
    this.#request("BYE", dialogue.target, { ...dialogue, cseq: dialogue.cseq + 1 });
    await this.seen((text) => text.startsWith("SIP/2.0 200") && text.includes("BYE"), from);
  }

  /** Sends a request and, challenged, once more; resolves with the final status. */
  async #challenged(method: "REGISTER" | "INVITE", number: string): Promise<number> {
    const callId = randomBytes(8).toString("hex");
    const target = `sip:${number === "" ? "" : `${number}@`}127.0.0.1:${this.#server}`;
    const from = `<sip:${this.#username}@127.0.0.1>;tag=${randomBytes(4).toString("hex")}`;
    const to = `<sip:${number || this.#username}@127.0.0.1>`;
    const attempt = async (cseq: number, headers: readonly string[]) => {
      const body = method === "INVITE" ? this.#sdp() : "";
      const branch = this.#request(method, target, { callId, from, to, cseq }, headers, body);
      const text = await this.seen(
        (one) => /^SIP\/2\.0 [2-6]/.test(one) && one.includes(callId) && one.includes(`CSeq: ${cseq} ${method}`),
      );
      const tagged = { callId, from, to: headerOf(text, "To"), cseq };
      const status = Number(text.slice(8, 11));
      // A refusal's ACK belongs to the INVITE's transaction, an answer's is a transaction of its own.
      if (method === "INVITE") this.#request("ACK", target, tagged, [], "", status < 300 ? undefined : branch);
      if (method === "INVITE" && status < 300) this.#dialogue = { ...tagged, target };
      return { status, text };
    };
    const first = await attempt(1, []);
    if (first.status !== 401) return first.status;
    const challenge = headerOf(first.text, "WWW-Authenticate");
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? "";
    const a1 = md5(`${this.#username}:${field("realm")}:${this.#secret}`);
    const response = md5(`${a1}:${field("nonce")}:${md5(`${method}:${target}`)}`);
    const digest = [
      `username="${this.#username}"`,
      `realm="${field("realm")}"`,
      `nonce="${field("nonce")}"`,
      `uri="${target}"`,
      `response="${response}"`,
      "algorithm=MD5",
    ];
    return (await attempt(2, [`Authorization: Digest ${digest.join(", ")}`])).status;
  }

  #serve(text: string): void {
    const method = text.slice(0, text.indexOf(" "));
    if (method === "ACK") return;
    if (method !== "INVITE") {
      if (method === "BYE") this.#dialogue = null;
      this.#respond(text, "200 OK", headerOf(text, "To"));
      if (method === "CANCEL") this.#respond(this.#lastInvite(), "487 Request Terminated", this.#tagged(text));
      return;
    }
    const to = this.#tagged(text);
    if (this.behaviour === "busy") return this.#respond(text, "486 Busy Here", to);
    this.#respond(text, "180 Ringing", to);
    if (this.behaviour === "ring") return;
    this.#respond(text, "200 OK", to, this.#sdp());
    const target = /<([^>]*)>/.exec(headerOf(text, "Contact"))?.[1] ?? "";
    this.#dialogue = { callId: headerOf(text, "Call-ID"), from: to, to: headerOf(text, "From"), target, cseq: 0 };
  }

  #tagged(text: string): string {
    return `${headerOf(text, "To")};tag=desk`;
  }

  #lastInvite(): string {
    return this.received.findLast((text) => text.startsWith("INVITE")) ?? "";
  }

  #respond(request: string, status: string, to: string, body = ""): void {
    const kept = ["Via", "From", "Call-ID", "CSeq"].map((name) => `${name}: ${headerOf(request, name)}`);
    this.#write(`SIP/2.0 ${status}`, [...kept, `To: ${to}`, this.#contact(), ...typeOf(body)], body);
  }

  /** Sends it and answers its branch. */
  #request(
    method: string,
    target: string,
    { callId, from, to, cseq }: Omit<Dialogue, "target">,
    headers: readonly string[] = [],
    body = "",
    branch = `z9hG4bK${this.#serial++}${randomBytes(6).toString("hex")}`,
  ): string {
    const own = [
      `Via: SIP/2.0/UDP 127.0.0.1:${this.#socket.address().port};branch=${branch};rport`,
      `From: ${from}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      "Max-Forwards: 70",
      this.#contact(),
    ];
    this.#write(`${method} ${target} SIP/2.0`, [...own, ...headers, ...typeOf(body)], body);
    return branch;
  }

  #contact(): string {
    return `Contact: <sip:${this.#username}@127.0.0.1:${this.#socket.address().port}>`;
  }

  #write(start: string, headers: readonly string[], body: string): void {
    const text = [start, ...headers, `Content-Length: ${body.length}`, "", body].join("\r\n");
    this.#socket.send(text, this.#server, "127.0.0.1");
  }

  #sdp(): string {
    const media = `m=audio ${this.#audio.address().port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
    return `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n${media}`;
  }
}

const typeOf = (body: string) => (body === "" ? [] : ["Content-Type: application/sdp"]);

function headerOf(text: string, name: string): string {
  return new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1] ?? "";
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
