import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../../../src/base/lifecycle.ts";
import { PLACES, type RouterNetwork } from "./router.ts";
import { bundle } from "./router-probe.ts";

/** Where the caller is: a trunk's server of its own, beside the one that takes registrations. */
export const CALLER = "81.2.69.4";
const LIMIT_MS = 15_000;

/** A request that the registrar got: how the gateway says that it is reached, and how it really was. */
export interface Request {
  readonly method: string;
  readonly contact: string;
  readonly via: string;
  readonly from: string;
}

/** The event's side of the router: a registrar, a caller by sipp, and that one's audio. */
export class Outside {
  readonly requests: Request[] = [];
  readonly #network: RouterNetwork;
  readonly #child: ChildProcess;
  readonly #answers: ((answer: { packets: number; levelDbm0: number }) => void)[] = [];
  readonly #calls: OutsideCall[] = [];

  private constructor(network: RouterNetwork, child: ChildProcess) {
    this.#network = network;
    this.#child = child;
  }

  /** With the router's network built. */
  static async start(network: RouterNetwork): Promise<Outside> {
    const script = await bundle("outside-party.ts", network.directory);
    network.run("outside", "ip", "address", "add", `${CALLER}/24`, "dev", "eth0");
    const inside = network.inside("outside", process.execPath, script, PLACES.outside, CALLER);
    const child = spawn("ip", inside, { stdio: ["pipe", "pipe", "inherit"] });
    const outside = new Outside(network, child);
    const ready = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
        const line = JSON.parse(text);
        if (line.ready === true) resolve();
        else if (line.method !== undefined) outside.requests.push(line);
        else outside.#answers.shift()?.(line);
      });
    });
    await within(LIMIT_MS, ready, "nobody is outside");
    return outside;
  }

  /** What the caller says from now on, from a port that nobody here has ever sent anything to; null is silence. */
  speak(to: { address: string; port: number; frequencyHz: number } | null): void {
    this.#tell({ speak: to });
  }

  /** Audio packets that the caller has got in all, and the level of a frequency in the last second of them. */
  hear(frequencyHz: number): Promise<{ packets: number; levelDbm0: number }> {
    const answer = new Promise<{ packets: number; levelDbm0: number }>((resolve) => this.#answers.push(resolve));
    this.#tell({ level: frequencyHz });
    return within(LIMIT_MS, answer, "the caller does not answer");
  }

  /** Calls the gateway where it says that it is. */
  async call(address: string, port: number, number: string, options: CallOptions = {}): Promise<OutsideCall> {
    const call = await OutsideCall.start(this.#network, address, port, number, options);
    this.#calls.push(call);
    return call;
  }

  async stop(): Promise<void> {
    for (const call of this.#calls) await call.kill();
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  #tell(command: object): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }
}

export interface CallOptions {
  /** The caller clears this long after the answer, ms; without it the other party does. */
  readonly clearAfterMs?: number;
}

const request = (
  method: string,
  cseq: number,
  to: string,
  rest: string,
) => `<send${method === "ACK" ? "" : ' retrans="500"'}><![CDATA[
${method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:4999@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>${to}
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Contact: <sip:4999@[local_ip]:[local_port]>
Max-Forwards: 70
${rest}]]></send>
`;
const EMPTY = "Content-Length: 0\n";
const SDP = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 30000 RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=sendrecv
`;
const AGREE = `<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
${EMPTY}]]></send>
`;

let serial = 0;

/** One call by sipp, a SIP stack that shares nothing with ours. */
export class OutsideCall {
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #gone: Promise<unknown[]>;

  private constructor(child: ChildProcess, file: string) {
    this.#child = child;
    this.#file = file;
    this.#gone = once(child, "exit");
  }

  static async start(
    network: RouterNetwork,
    address: string,
    port: number,
    number: string,
    { clearAfterMs }: CallOptions,
  ): Promise<OutsideCall> {
    const name = join(network.directory, `call-${++serial}`);
    const steps = [
      request("INVITE", 1, "", SDP),
      ...[100, 180, 183, 180, 183].map((status) => `<recv response="${status}" optional="true"/>\n`),
      '<recv response="200"/>\n',
      request("ACK", 1, "[peer_tag_param]", EMPTY),
      ...(clearAfterMs === undefined
        ? ['<recv request="BYE"/>\n', AGREE]
        : [
            `<pause milliseconds="${clearAfterMs}"/>\n`,
            request("BYE", 2, "[peer_tag_param]", EMPTY),
            '<recv response="200"/>\n',
          ]),
    ];
    const xml = `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="call">${steps.join("")}</scenario>\n`;
    writeFileSync(`${name}.xml`, xml);
    const args = ["sipp", `${address}:${port}`, "-sf", `${name}.xml`, "-s", number, "-i", CALLER, "-p", "5060"];
    const limits = ["-m", "1", "-nostdin", "-timeout", "100s", "-timeout_error"];
    const trace = ["-trace_msg", "-message_file", `${name}.messages`];
    const inside = network.inside("outside", ...args, ...limits, ...trace);
    const child = spawn("ip", inside, { cwd: network.directory, stdio: "ignore" });
    await once(child, "spawn");
    return new OutsideCall(child, `${name}.messages`);
  }

  get messages(): string {
    return existsSync(this.#file) ? readFileSync(this.#file, "utf8") : "";
  }

  /** Resolves when it is answered: where the gateway wants SIP and audio. */
  async answered(): Promise<{ contact: string; audioAddress: string; audioPort: number }> {
    const end = performance.now() + LIMIT_MS;
    for (;;) {
      const text = this.messages.split(/message received[^\n]*\n\n/).find((one) => one.startsWith("SIP/2.0 200"));
      const port = /^m=audio (\d+) /m.exec(text ?? "")?.[1];
      if (text !== undefined && port !== undefined) {
        return {
          contact: /^Contact: *<sip:[^@]*@([^;>]*)/m.exec(text)?.[1] ?? "",
          audioAddress: /^c=IN IP4 (\S+)/m.exec(text)?.[1] ?? "",
          audioPort: Number(port),
        };
      }
      const { exitCode } = this.#child;
      if (exitCode !== null || performance.now() > end) {
        throw new Error(`the call was not answered (sipp: ${exitCode}):\n${this.messages.slice(-3_000)}`);
      }
      await delay(30);
    }
  }

  /** Resolves when the scenario has run to its end as it is written. */
  async done(): Promise<void> {
    const [code] = await within(LIMIT_MS, this.#gone, "the call does not end");
    if (code !== 0) throw new Error(`sipp ended with ${code}:\n${this.messages.slice(-4_000)}`);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#gone;
  }
}
