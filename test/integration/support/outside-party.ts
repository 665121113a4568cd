import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
import { g711Decode, g711Encode } from "../../../src/line/g711.ts";
import { toneLevelDbm0 } from "../../../src/sim/ear.ts";

/**
 * The event's side of a router, as a process to be started in a network namespace: a registrar that takes everybody,
 * and the audio of a caller, whose mouth speaks from another port than its ear listens at. Arguments: the registrar's
 * address, the caller's address. Prints a line of JSON for each REGISTER and each answer; reads commands likewise.
 */
const [registrarAddress = "", callerAddress = ""] = process.argv.slice(2);
const EAR_PORT = 30_000;
const FRAME = 160;
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

const registrar = createSocket("udp4");
registrar.on("message", (data, { address, port }) => {
  const text = data.toString("latin1");
  if (text.startsWith("SIP/2.0") || text.startsWith("ACK")) return;
  const header = (name: string) => new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1] ?? "";
  const method = text.slice(0, text.indexOf(" "));
  say({ method, contact: header("Contact"), via: header("Via"), from: `${address}:${port}` });
  const kept = ["Via", "From", "Call-ID", "CSeq", ...(method === "REGISTER" ? ["Contact"] : [])];
  const lines = kept.map((name) => `${name}: ${header(name)}`);
  const to = `To: ${header("To")};tag=registrar`;
  const answer = ["SIP/2.0 200 OK", ...lines, to, "Expires: 300", "Content-Length: 0", "", ""];
  registrar.send(answer.join("\r\n"), port, address);
});

const heard = new Int16Array(8_000);
let packets = 0;
const ear = createSocket("udp4");
ear.on("message", (packet) => {
  // 12 bytes of header (RFC 3550 section 5.1), A-law (payload type 8).
  if (packet.length !== 12 + FRAME || (packet[1] ?? 0) % 128 !== 8) return;
  packets += 1;
  heard.copyWithin(0, FRAME);
  g711Decode("alaw", packet.subarray(12), heard.subarray(heard.length - FRAME));
});

const mouth = createSocket("udp4");
let speaking: NodeJS.Timeout | undefined;
let serial = 0;

function speak(address: string, port: number, frequencyHz: number): void {
  clearInterval(speaking);
  let sent = 0;
  const began = performance.now();
  speaking = setInterval(() => {
    for (; sent * 20 <= performance.now() - began; sent++) {
      const samples = Int16Array.from({ length: FRAME }, (_, n) =>
        Math.round(8_000 * Math.sin((2 * Math.PI * frequencyHz * (sent * FRAME + n)) / 8_000)),
      );
      const packet = Buffer.alloc(12 + FRAME);
      packet.writeUInt16BE(0x8008, 0);
      packet.writeUInt16BE(serial++ & 0xffff, 2);
      packet.writeUInt32BE(sent * FRAME, 4);
      packet.writeUInt32BE(port, 8);
      g711Encode("alaw", samples, packet.subarray(12));
      mouth.send(packet, port, address);
    }
  }, 10);
}

interface Command {
  readonly speak?: { readonly address: string; readonly port: number; readonly frequencyHz: number } | null;
  /** Frequency whose level in the last second is asked for, Hz. */
  readonly level?: number;
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { speak: words, level } = JSON.parse(line) as Command;
    if (words === null) clearInterval(speaking);
    else if (words !== undefined) speak(words.address, words.port, words.frequencyHz);
    if (level !== undefined) say({ packets, levelDbm0: toneLevelDbm0(heard, level) });
  })
  .on("close", () => process.exit());

registrar.bind(5060, registrarAddress, () =>
  ear.bind(EAR_PORT, callerAddress, () => mouth.bind(0, callerAddress, () => say({ ready: true }))),
);
