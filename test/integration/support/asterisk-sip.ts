import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";

/** A SIP response as it came. */
export interface SipResponse {
  readonly status: number;
  readonly text: string;
  header(name: string): string;
}

export interface SipRequest {
  readonly method: "REGISTER" | "INVITE" | "OPTIONS";
  /** User of the request URI; none for REGISTER. */
  readonly to?: string;
  readonly from: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly headers?: readonly string[];
  /** Status from which a response is what the caller waits for; 200 unless told. */
  readonly atLeast?: number;
}

/** SIP by hand over UDP, independent of any stack, so that a test can also say what no stack would. */
export class SipPeer {
  #server: number;
  readonly #socket: Socket = createSocket("udp4");
  readonly #waiting = new Set<(text: string) => void>();
  readonly requests: string[] = [];
  port = 0;

  constructor(serverPort: number) {
    this.#server = serverPort;
  }

  async open(port = 0): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once("error", reject);
      this.#socket.bind(port, "127.0.0.1", resolve);
    });
    this.port = this.#socket.address().port;
    this.#socket.on("message", (data) => {
      const text = data.toString();
      if (!text.startsWith("SIP/2.0")) this.#answer(text);
      for (const each of [...this.#waiting]) each(text);
    });
    return this;
  }

  /** Names the server's port later: a registrar is there before the one that registers. */
  talkTo(serverPort: number): void {
    this.#server = serverPort;
  }

  close(): void {
    this.#socket.close();
  }

  /** Sends a request and waits for its response; ends an INVITE's transaction when that was a refusal. */
  async send(request: SipRequest): Promise<SipResponse> {
    const callId = request.callId ?? randomBytes(8).toString("hex");
    const cseq = request.cseq ?? 1;
    const uri = `sip:${request.to === undefined ? "" : `${request.to}@`}127.0.0.1:${this.#server}`;
    const body = request.method === "INVITE" ? sdp : "";
    const answered = this.waitFor((text) => {
      const status = Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? 0);
      return (
        status >= (request.atLeast ?? 200) && text.includes(`CSeq: ${cseq} ${request.method}`) && text.includes(callId)
      );
    });
    const branch = `z9hG4bK${randomBytes(6).toString("hex")}`;
    const common = [
      `Via: SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch};rport`,
      `From: <sip:${request.from}@127.0.0.1>;tag=${callId.slice(0, 6)}`,
      `Call-ID: ${callId}`,
      "Max-Forwards: 70",
    ];
    const to = `To: <sip:${request.to ?? request.from}@127.0.0.1>`;
    const contact = `Contact: <sip:${request.from.replace(/[^a-z0-9-]/gi, "")}@127.0.0.1:${this.port}>`;
    const type = body === "" ? [] : ["Content-Type: application/sdp"];
    this.#write(
      `${request.method} ${uri}`,
      [...common, to, contact, `CSeq: ${cseq} ${request.method}`, ...(request.headers ?? []), ...type],
      body,
    );
    const text = await answered;
    const response = { status: Number(text.slice(8, 11)), text, header: (name: string) => headerOf(text, name) };
    if (request.method === "INVITE" && response.status >= 200) {
      this.#write(`ACK ${uri}`, [...common, `To: ${response.header("To")}`, `CSeq: ${cseq} ACK`], "");
    }
    return response;
  }

  /** Sends, and once more with the answer to the challenge. */
  async sendAuthenticated(request: SipRequest, username: string, secret: string): Promise<SipResponse> {
    const callId = randomBytes(8).toString("hex");
    const first = await this.send({ ...request, callId });
    if (first.status !== 401) return first;
    const challenge = first.header("WWW-Authenticate");
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? "";
    const uri = `sip:127.0.0.1:${this.#server}`;
    const a1 = md5(`${username}:${field("realm")}:${secret}`);
    const response = md5(`${a1}:${field("nonce")}:${md5(`${request.method}:${uri}`)}`);
    const digest = `Digest username="${username}", realm="${field("realm")}", nonce="${field("nonce")}", uri="${uri}", response="${response}", algorithm=MD5`;
    const headers = [...(request.headers ?? []), `Authorization: ${digest}`];
    return this.send({ ...request, callId, cseq: 2, headers });
  }

  /** The first message from now on that fits; rejects after `ms`. */
  waitFor(fits: (text: string) => boolean, ms = 20_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (text: string) => {
        if (!fits(text)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(text);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error("no such SIP message came"));
      }, ms);
      this.#waiting.add(look);
    });
  }

  #write(start: string, headers: readonly string[], body: string): void {
    const lines = [`${start} SIP/2.0`, ...headers, `Content-Length: ${body.length}`, "", body];
    this.#socket.send(lines.join("\r\n"), this.#server, "127.0.0.1");
  }

  /** Says yes to whatever Asterisk asks (REGISTER, OPTIONS, BYE), as a registrar or telephone would. */
  #answer(text: string): void {
    this.requests.push(text);
    if (text.startsWith("ACK")) return;
    const kept = ["Via", "From", "To", "Call-ID", "CSeq", "Contact"].map((name) => `${name}: ${headerOf(text, name)}`);
    const reply = ["SIP/2.0 200 OK", ...kept, "Expires: 120", "Content-Length: 0", "", ""];
    this.#socket.send(reply.join("\r\n"), this.#server, "127.0.0.1");
  }
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

function headerOf(text: string, name: string): string {
  return new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1] ?? "";
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
