import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { within } from "../../../src/base/lifecycle.ts";
import { g711Decode } from "../../../src/line/g711.ts";
import { toneLevelDbm0 } from "../../../src/sim/ear.ts";
import { decodePacket, PcapReader } from "../../integration/support/pcap.ts";
import { addresses, type Outside } from "./outside.ts";

/** Length of an RTP header without extensions (RFC 3550 section 5.1), octets. */
const RTP_HEADER = 12;
/** Payload type of A-law (RFC 3551 section 6). */
const PCMA = 8;

interface Part {
  readonly number?: string;
  readonly calls?: number;
}

/** The event's SIP server: one run of sipp at its address, outside the machine. */
export class SipPeer {
  readonly #child: ReturnType<Outside["spawn"]>;
  readonly #messages: string;
  readonly #gone: Promise<number | null>;
  #output = "";

  private constructor(child: ReturnType<Outside["spawn"]>, messages: string) {
    this.#child = child;
    this.#messages = messages;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        this.#output = (this.#output + String(chunk)).slice(-3_000);
      });
    }
    this.#gone = once(child, "exit").then(([code]) => code as number | null);
  }

  /**
   * Steps as in `integration/support/sipp.ts`. `number`: it calls that; without it, it waits to be called. `calls`: how many
   * calls it makes or takes, each by these steps.
   */
  static async run(outside: Outside, steps: string, { number, calls = 1 }: Part = {}): Promise<SipPeer> {
    const name = join(outside.directory, `sipp-${process.hrtime.bigint()}`);
    // Those steps are written for loopback; here both ends have addresses of their own.
    const scenario = steps
      .replaceAll("127.0.0.1:[remote_port]", "[remote_ip]:[remote_port]")
      .replaceAll("127.0.0.1:[local_port]", "[local_ip]:[local_port]");
    const text = `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="peer">${scenario}</scenario>\n`;
    await writeFile(`${name}.xml`, text);
    const child = outside.spawn([
      "sipp",
      ...(number === undefined ? [] : [`${addresses.machine}:5060`, "-s", number]),
      ...["-sf", `${name}.xml`, "-i", addresses.event, "-p", "5060", "-mi", addresses.event, "-mp", "16000"],
      ...["-m", String(calls), "-nostdin", "-timeout", "300s", "-timeout_error"],
      ...["-trace_msg", "-message_file", `${name}.messages`],
    ]);
    await once(child, "spawn");
    return new SipPeer(child, `${name}.messages`);
  }

  get messages(): string {
    return existsSync(this.#messages) ? readFileSync(this.#messages, "utf8") : "";
  }

  /** Resolves when the scenario has run to its end as it is written. */
  async done(limitMs = 60_000): Promise<void> {
    const code = await within(limitMs, this.#gone, "sipp's scenario did not end").catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.messages.slice(-4_000)}`);
    });
    if (code !== 0) throw new Error(`sipp ended with ${code}: ${this.#output}\n${this.messages.slice(-6_000)}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#gone;
  }
}

/**
 * Level of a tone in the audio that the machine sends to the event, dBm0, in each call's stream, the loudest first, over
 * `packets` packets of 20 ms altogether: taken from the wire, A-law. Rejects when they do not come within the limit.
 */
export async function levelsOnTheWire(
  outside: Outside,
  frequencyHz: number,
  packets = 50,
  limitMs = 30_000,
): Promise<readonly number[]> {
  const filter = `udp and src host ${addresses.machine} and dst host ${addresses.event} and not port 5060`;
  const child = outside.spawn([
    ...[
      "tcpdump",
      "-i",
      "lan",
      "-U",
      "-w",
      "-",
      "--time-stamp-precision=nano",
      "--immediate-mode",
      "-c",
      String(packets),
    ],
    filter,
  ]);
  const reader = new PcapReader();
  const streams = new Map<number, Buffer[]>();
  child.stdout?.on("data", (chunk: Buffer) => {
    for (const record of reader.feed(chunk)) {
      const packet = decodePacket(record);
      // RTP in A-law and not RTCP, by the payload type.
      if (packet === null || (packet.payload.charCodeAt(1) & 0x7f) !== PCMA) continue;
      const codes = streams.get(packet.fromPort) ?? [];
      codes.push(Buffer.from(packet.payload, "latin1").subarray(RTP_HEADER));
      streams.set(packet.fromPort, codes);
    }
  });
  try {
    await within(limitMs, once(child, "close"), `${packets} packets of audio`);
  } finally {
    child.kill("SIGKILL");
  }
  return [...streams.values()].map((codes) => toneIn(Buffer.concat(codes), frequencyHz)).sort((a, b) => b - a);
}

/** The loudest call's; see `levelsOnTheWire`. */
export async function levelOnTheWire(outside: Outside, frequencyHz: number, packets = 50): Promise<number> {
  return (await levelsOnTheWire(outside, frequencyHz, packets))[0] ?? Number.NEGATIVE_INFINITY;
}

function toneIn(codes: Buffer, frequencyHz: number): number {
  const samples = new Int16Array(codes.length);
  g711Decode("alaw", codes, samples);
  return toneLevelDbm0(samples, frequencyHz);
}
