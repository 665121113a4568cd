import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { within } from "../../../src/base/lifecycle.ts";
import { g711Encode } from "../../../src/line/g711.ts";

/** What a run of sipp is told besides its scenario. */
export interface SippOptions {
  /** Its own port; as the peer of a trunk that is how the gateway knows it. */
  readonly port: number;
  /** Whom it calls; as a callee it has nobody. */
  readonly server?: number;
  /** The number it calls, as it stands in the request. */
  readonly number?: string;
  /** Port of its audio. */
  readonly mediaPort: number;
  /** Returns the audio it receives. */
  readonly echo?: boolean;
  /** Number of calls, one second apart. */
  readonly calls?: number;
  readonly keys?: Readonly<Record<string, string>>;
}

/** One run of sipp, a SIP stack that shares nothing with ours. */
export class Sipp {
  readonly #child: ChildProcess;
  readonly #messages: string;
  readonly #output: string[] = [];
  readonly #gone: Promise<number | null>;

  private constructor(child: ChildProcess, messages: string) {
    this.#child = child;
    this.#messages = messages;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => this.#output.push(String(chunk)));
    this.#gone = once(child, "exit").then(([code]) => code as number | null);
  }

  static async run(directory: string, scenario: string, options: SippOptions): Promise<Sipp> {
    const name = `sipp-${process.hrtime.bigint()}`;
    const file = join(directory, `${name}.xml`);
    await writeFile(
      file,
      `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="${name}">${scenario}</scenario>\n`,
    );
    const messages = join(directory, `${name}.messages`);
    const { port, server, number, mediaPort, echo, calls = 1, keys = {} } = options;
    const args = [
      ...(server === undefined ? [] : [`127.0.0.1:${server}`]),
      ...["-sf", file, "-i", "127.0.0.1", "-p", String(port), "-mi", "127.0.0.1", "-mp", String(mediaPort)],
      ...["-m", String(calls), "-r", "1", "-l", String(calls), "-nostdin", "-timeout", "60s", "-timeout_error"],
      ...["-trace_msg", "-message_file", messages],
      ...(number === undefined ? [] : ["-s", number]),
      ...(echo === true ? ["-rtp_echo"] : []),
      ...Object.entries(keys).flatMap(([key, value]) => ["-key", key, value]),
    ];
    // It also opens a control port: any free one, so that runs do not meet.
    const child = spawn("sipp", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
    await once(child, "spawn");
    return new Sipp(child, messages);
  }

  /** Everything that was sent and received. */
  get messages(): string {
    return existsSync(this.#messages) ? readFileSync(this.#messages, "utf8") : "";
  }

  /** Statuses of the responses received, in order. */
  get received(): number[] {
    return [...this.messages.matchAll(/message received[^\n]*\n\nSIP\/2\.0 (\d+)/g)].map(([, status]) =>
      Number(status),
    );
  }

  /** Resolves when the scenario has run to its end as it is written; rejects when anything else came. */
  async done(ms = 30_000): Promise<void> {
    const code = await within(ms, this.#gone, "sipp's scenario did not end").catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.messages.slice(-4_000)}`);
    });
    if (code !== 0) {
      throw new Error(
        `sipp ended with ${code}: ${this.#output.join("").slice(-1_500)}\n${this.messages.slice(-6_000)}`,
      );
    }
  }

  /** Ends it, whatever it is doing. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#gone;
  }
}

/** A file of A-law samples for sipp's `rtp_stream`: a tone at -10 dBm0 or so, for one second. */
export async function toneFile(directory: string, frequencyHz: number): Promise<string> {
  const samples = Int16Array.from({ length: 8_000 }, (_, at) =>
    Math.round(8_000 * Math.sin((2 * Math.PI * frequencyHz * at) / 8_000)),
  );
  const codes = new Uint8Array(samples.length);
  g711Encode("alaw", samples, codes);
  const file = join(directory, `tone-${frequencyHz}.alaw`);
  await writeFile(file, codes);
  return file;
}

const sdp = `v=0
o=sipp 1 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [PORT] RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=sendrecv`;

/** Where the audio is wanted: at sipp's echo, at its `rtp_stream`, or at a port that the test listens on. */
export type SippMedia = "echo" | "stream" | number;

function body(media: SippMedia): string {
  const port = media === "echo" ? "[media_port]" : media === "stream" ? "[rtpstream_audio_port]" : String(media);
  return `Content-Type: application/sdp\nContent-Length: [len]\n\n${sdp.replace("[PORT]", port)}\n`;
}

const send = (message: string, extra = "") => `<send ${extra}><![CDATA[\n${message}\n]]></send>\n`;
/** Steps of scenarios. */
export const receive = (what: string, extra = "") => `<recv ${what} ${extra}/>\n`;
export const pause = (ms: number) => `<pause milliseconds="${ms}"/>\n`;
/** Plays a file of A-law samples again and again. */
export const stream = (file: string) => `<nop><action><exec rtp_stream="${file},-1,8"/></action></nop>\n`;

const asCaller = (method: string, to: string, rest: string, via = "branch=[branch]", cseq = "1") =>
  `${method} sip:[service]@127.0.0.1:[remote_port] SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:[local_port];${via}
From: <sip:4999@127.0.0.1:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@127.0.0.1:[remote_port]>${to}
Call-ID: [call_id]
CSeq: ${cseq} ${method === "CANCEL" ? "CANCEL" : method}
Contact: <sip:4999@127.0.0.1:[local_port]>
Max-Forwards: 70
${rest}`;

const empty = "Content-Length: 0\n";

/** Steps of a caller. */
export const caller = {
  invite: (media: SippMedia) => send(asCaller("INVITE", "", body(media)), 'retrans="500"'),
  ack: send(asCaller("ACK", "[peer_tag_param]", empty)),
  /** Of a refusal. It and CANCEL belong to the INVITE's transaction, which was `stepsAgo` steps of the scenario ago. */
  ackOfRefusal: (stepsAgo: number) => send(asCaller("ACK", "[peer_tag_param]", empty, `branch=[branch-${stepsAgo}]`)),
  cancel: (stepsAgo: number) => send(asCaller("CANCEL", "", empty, `branch=[branch-${stepsAgo}]`), 'retrans="500"'),
  bye: send(asCaller("BYE", "[peer_tag_param]", empty, "branch=[branch]", "2"), 'retrans="500"'),
};

const asCallee = (status: string, rest: string) =>
  `SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
${rest}`;

/** A response to the last request of a dialogue that has its tags already, whoever began it. */
const inDialogue = `SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
${empty}`;

/** Steps of a callee. */
export const callee = {
  respond: (status: string) => send(asCallee(status, empty)),
  respondWithMedia: (status: string, media: SippMedia) => send(asCallee(status, body(media))),
  bye: send(
    `BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:[local_port];branch=[branch]
From: [$to]
To: [$from]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
${empty}`,
    'retrans="500"',
  ),
};

/** Says yes to a request within the dialogue (BYE). */
export const agree = send(inDialogue);
