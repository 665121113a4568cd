import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as nextLook } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { describeError, GatewayError } from "../../src/base/errors.ts";
import { type Service, within } from "../../src/base/lifecycle.ts";
import { silentLog } from "../../src/base/log.ts";
import { AriConnection } from "../../src/drivers/ari.ts";
import { EventControlClient, EventControlServer } from "../../src/sim/event-control.ts";
import { EventNetwork } from "../../src/sim/event-network.ts";
import type { EventAsteriskOptions, EventDrivers } from "../../src/sim/event-port.ts";
import { freeUdpPort } from "../../src/sim/event-ports.ts";
import type { EventNetworkEvent } from "../../src/sim/event-types.ts";

const PASSWORD = "a1B2c3D4";
const HOST = "127.0.0.1";

/** Asterisk in the foreground on directories of its own. */
class ForegroundAsterisk implements Service {
  readonly name = "asterisk";
  readonly #options: EventAsteriskOptions;
  #process: ChildProcess | undefined;

  constructor(options: EventAsteriskOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { directory, files } = this.#options;
    const places = ["etc", "lib", "keys", "spool", "run", "log"];
    for (const place of places) await mkdir(join(directory, place), { recursive: true });
    const candidates = ["/usr/lib/asterisk", ...readdirSync("/usr/lib").map((name) => `/usr/lib/${name}/asterisk`)];
    const modules = candidates.map((path) => `${path}/modules`).find((path) => existsSync(`${path}/chan_sip.so`));
    if (modules === undefined) throw new Error("no Asterisk with chan_sip on this machine");
    const lines = [
      "[directories]",
      `astetcdir => ${directory}/etc`,
      `astmoddir => ${modules}`,
      "astvarlibdir => /usr/share/asterisk",
      "astdatadir => /usr/share/asterisk",
      `astdbdir => ${directory}/lib`,
      `astkeydir => ${directory}/keys`,
      `astspooldir => ${directory}/spool`,
      `astrundir => ${directory}/run`,
      `astlogdir => ${directory}/log`,
      "",
    ];
    await writeFile(join(directory, "etc", "asterisk.conf"), lines.join("\n"));
    for (const [name, text] of files) await writeFile(join(directory, "etc", name), text);
    this.#process = spawn("asterisk", ["-f", "-C", join(directory, "etc", "asterisk.conf")], { stdio: "ignore" });
  }

  async stop(): Promise<void> {
    const asterisk = this.#process;
    this.#process = undefined;
    if (asterisk === undefined || asterisk.exitCode !== null || asterisk.signalCode !== null) return;
    const gone = once(asterisk, "exit");
    asterisk.kill("SIGTERM");
    await gone;
  }
}

const drivers: EventDrivers = {
  asterisk: (options) => new ForegroundAsterisk(options),
  ari: (options) => new AriConnection({ ...options, holder: async () => "ours" }, silentLog),
};

let directory: string;
let network: EventNetwork;
const log: EventNetworkEvent[] = [];
const waiting = new Set<() => void>();
const sipps = new Set<ChildProcess>();

/** The first event of this kind since the test began, or the next one. */
async function event<T extends EventNetworkEvent["type"]>(type: T): Promise<Extract<EventNetworkEvent, { type: T }>> {
  const found = () => log.find((each): each is Extract<EventNetworkEvent, { type: T }> => each.type === type);
  const wait = new Promise<void>((resolve) => {
    const look = () => {
      if (found() !== undefined) resolve();
    };
    waiting.add(look);
    look();
  });
  await within(10_000, wait, `no event ${type}`).catch(() => undefined);
  const result = found();
  if (result === undefined) throw new Error(`no event ${type}; there were ${JSON.stringify(log)}`);
  return result;
}

const head = (method: string, target: string, cseq: number, to = target) => `${method} sip:${target} SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:4100@[remote_ip]>;tag=[call_number]
      To: <sip:${to}>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: ${cseq} ${method}
      Contact: <sip:trunk-a@[local_ip]:[local_port]>
      Max-Forwards: 70`;
const number = "[service]@[remote_ip]:[remote_port]";
const body = `Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=- 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 8 101
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000`;
const empty = "Content-Length: 0";
const send = (text: string) => `<send><![CDATA[\n      ${text}\n\n    ]]></send>`;
const scenario = (...steps: string[]) =>
  `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="trunk">\n${steps.join("\n")}\n</scenario>\n`;

const challenged = '<recv response="401" auth="true"></recv>';
const credentials = `[authentication username=4100 password=${PASSWORD}]`;
const invite = [
  send(`${head("INVITE", number, 1)}\n      ${body}`),
  '<recv response="100" optional="true"></recv>',
  challenged,
  send(`${head("ACK", number, 1)}\n      ${empty}`),
  // A first request again, not one within a dialogue: without the tag that came with the 401.
  send(`${head("INVITE", number, 2).replace("[peer_tag_param]", "")}\n      ${credentials}\n      ${body}`),
  '<recv response="100" optional="true"></recv>',
  '<recv response="180" optional="true"></recv>',
];
const acknowledge = send(`${head("ACK", number, 2)}\n      ${empty}`);
const reply = (line: string, rest: string) =>
  send(`SIP/2.0 ${line}
      [last_Via:]
      [last_From:]
      [last_To:];tag=[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:trunk-a@[local_ip]:[local_port]>
      ${rest}`);
const heardBye = ['<recv request="BYE"></recv>', reply("200 OK", empty).replace(";tag=[call_number]", "")];

/** What independent clients do, as sipp scenarios. */
const scenarios = {
  register: scenario(
    send(`${head("REGISTER", "[remote_ip]:[remote_port]", 1, "4100@[remote_ip]")}\n      Expires: 300\n      ${empty}`),
    challenged,
    send(
      `${head("REGISTER", "[remote_ip]:[remote_port]", 2, "4100@[remote_ip]")}\n      Expires: 300\n      ${credentials}\n      ${empty}`,
    ),
    '<recv response="200"></recv>',
  ),
  answered: scenario(...invite, '<recv response="200"></recv>', acknowledge, ...heardBye),
  refusedWith: (status: number) => scenario(...invite, `<recv response="${status}"></recv>`, acknowledge),
  called: (uri: string) =>
    scenario(
      `<recv request="INVITE"><action>
        <ereg regexp="INVITE sip:${uri}@" search_in="msg" check_it="true" assign_to="1"/>
        <ereg regexp="From:.*sip:4200@" search_in="msg" check_it="true" assign_to="2"/>
      </action></recv><Reference variables="1,2"/>`,
      reply("180 Ringing", empty),
      reply("200 OK", body),
      '<recv request="ACK"></recv>',
      ...heardBye,
    ),
  calledAndRefuses: (line: string) =>
    scenario('<recv request="INVITE"></recv>', reply(line, empty), '<recv request="ACK"></recv>'),
  calledEarly: scenario(
    '<recv request="INVITE"></recv>',
    reply("183 Session Progress", body),
    '<recv request="CANCEL"></recv>',
    reply("200 OK", empty),
  ),
};

let trunkPort: number;

interface Client {
  /** Settled when the call is over; rejects when it did not go as the scenario says. */
  readonly done: Promise<void>;
}

/** Runs one call of a scenario from the trunk's port, which returns the audio it gets. Answers when the port is open. */
async function sipp(name: string, text: string, service: string): Promise<Client> {
  const file = join(directory, `${name}.xml`);
  await writeFile(file, text);
  const { host, port } = network.server;
  const mediaPort = await freeUdpPort(HOST, 0);
  const args = [`${host}:${port}`, "-sf", file, "-s", service, "-i", HOST, "-p", String(trunkPort), "-m", "1"];
  args.push("-mi", HOST, "-mp", String(mediaPort), "-rtp_echo", "-nostdin", "-timeout", "15s", "-timeout_error");
  args.push("-trace_err", "-error_file", `${file}.err`);
  const child = spawn("sipp", args, { cwd: directory, stdio: "ignore" });
  sipps.add(child);
  const done = once(child, "exit").then(async ([code, signal]) => {
    sipps.delete(child);
    if (code === 0) return;
    const errors = await readFile(`${file}.err`, "utf8").catch(describeError);
    throw new Error(`sipp ${name} ended with ${code ?? signal}: ${errors}`);
  });
  done.catch(() => undefined);
  // sipp does not say when it listens; the kernel's table does.
  const open = `:${trunkPort.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 07`;
  while (child.exitCode === null && child.signalCode === null) {
    if ((await readFile("/proc/net/udp", "utf8")).includes(open)) break;
    await nextLook(5);
  }
  return { done };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "event-network-"));
  trunkPort = await freeUdpPort(HOST, 0);
  network = new EventNetwork(
    {
      directory: join(directory, "asterisk"),
      accounts: [
        { number: "4100", password: PASSWORD, numbers: ["41XX"] },
        { number: "4101", password: "other" },
      ],
      phones: [
        { number: "4200", behaviour: { kind: "answer", afterMs: 50, sound: { kind: "tone", frequencyHz: 1_000 } } },
        { number: "4201", behaviour: { kind: "busy" } },
        { number: "4202", behaviour: { kind: "reject" } },
        { number: "4203", behaviour: { kind: "congestion" } },
        { number: "4204", behaviour: { kind: "no-answer", ringMs: 100 } },
        { number: "42050", behaviour: { kind: "answer", afterMs: 0, sound: { kind: "silence" } } },
      ],
    },
    drivers,
    silentLog,
  );
  network.onEvent((each) => {
    log.push(each);
    for (const look of [...waiting]) look();
  });
  await network.start(AbortSignal.timeout(25_000));
  await (await sipp("register", scenarios.register, "4100")).done;
}, 40_000);

afterEach(async () => {
  // Nothing is left after a test that went well; after another it must not disturb the next one.
  const exits = [...sipps].map((child) => once(child, "exit"));
  for (const child of sipps) child.kill("SIGKILL");
  await Promise.all(exits);
  await Promise.all(network.calls.map((each) => network.hangup(each.call)));
  log.length = 0;
  waiting.clear();
});

afterAll(async () => {
  await network.stop();
  await rm(directory, { recursive: true, force: true });
}, 20_000);

describe("the simulated event network", () => {
  it("knows who has registered", async () => {
    expect(await network.registered("4100")).toBe(true);
    expect(await network.registered("4101")).toBe(false);
  });

  it("answers a call from the trunk, and hears its own tone come back from there", async () => {
    const client = await sipp("answered", scenarios.answered, "4200");
    const { call } = await event("incoming");
    await event("answered");
    const heard = await network.hearTone(call, 1_000);
    expect(heard.tones[0]?.levelDb).toBeGreaterThan(-18);
    expect(heard.tones[0]?.levelDb).toBeLessThan(-14);
    expect(network.hear(call, 200, [700]).tones[0]?.levelDb).toBeLessThan(-50);
    await network.hangup(call);
    await client.done;
    expect((await event("ended")).cause).toBe("normal");
    expect(network.calls).toEqual([]);
  });

  it("hears nothing when nobody speaks, and says so", async () => {
    const client = await sipp("silent", scenarios.answered, "42050");
    const { call } = await event("incoming");
    await event("answered");
    await expect(network.hearTone(call, 1_000, -40, 500)).rejects.toMatchObject({ code: "not-heard" });
    expect(network.hear(call, 400).kind).toBe("nothing");
    await network.hangup(call);
    await client.done;
  });

  it.each([
    ["4201", 486, "busy"],
    ["4202", 403, "rejected"],
    ["4203", 503, "congestion"],
    ["4999", 404, "unobtainable"],
  ] as const)("refuses a call to %s with %i", async (called, status, cause) => {
    await (await sipp(`refused-${called}`, scenarios.refusedWith(status), called)).done;
    expect(await event("refused")).toMatchObject({ number: called, caller: "4100", cause });
  });

  it("lets a telephone ring that nobody answers, and gives up with 480", async () => {
    await (await sipp("no-answer", scenarios.refusedWith(480), "4204")).done;
    expect((await event("ended")).cause).toBe("no-answer");
    expect(log.map((each) => each.type)).toEqual(["incoming", "ringing", "ended"]);
  });

  it.each([
    ["the account's own number reaches the registered contact", "4100", "trunk-a"],
    ["a number routed to the account is the request's user", "4121", "4121"],
  ])("calls the trunk: %s", async (_, to, uri) => {
    const client = await sipp(`called-${to}`, scenarios.called(uri), to);
    const call = network.call("4200", to, { kind: "tone", frequencyHz: 600 });
    await event("answered");
    await network.hearTone(call, 600);
    await network.hangup(call);
    await client.done;
    expect((await event("ended")).cause).toBe("normal");
    expect(log.map((each) => each.type)).toEqual(["outgoing", "ringing", "answered", "ended"]);
  });

  it.each([
    ["486 Busy Here", "busy"],
    ["404 Not Found", "unobtainable"],
    ["503 Service Unavailable", "congestion"],
  ])("is told why the trunk refuses: %s", async (line, cause) => {
    const client = await sipp(`refuses-${cause}`, scenarios.calledAndRefuses(line), "4121");
    network.call("4200", "4121");
    expect((await event("ended")).cause).toBe(cause);
    await client.done;
    expect(network.calls).toEqual([]);
  });

  it("sends keys, and receives those that come back", async () => {
    const client = await sipp("keys", scenarios.called("4121"), "4121");
    const call = network.call("4200", "4121");
    await event("answered");
    await network.dtmf(call, "7");
    expect((await event("dtmf")).digit).toBe("7");
    await network.hangup(call);
    await client.done;
  });

  it("hears what the trunk plays before it answers, and may give up", async () => {
    const client = await sipp("called-early", scenarios.calledEarly, "4121");
    const call = network.call("4200", "4121", { kind: "tone", frequencyHz: 800 });
    await event("early-media");
    await network.hearTone(call, 800);
    await network.hangup(call);
    await client.done;
    expect((await event("ended")).cause).toBe("normal");
  });

  it("says unavailable for an account that nobody has registered, unobtainable for a number that nobody has", async () => {
    network.call("4200", "4101");
    expect((await event("ended")).cause).toBe("unavailable");
    log.length = 0;
    network.call("4200", "5999");
    expect((await event("ended")).cause).toBe("unobtainable");
  });

  it("can be worked from another process", async () => {
    const path = join(directory, "control");
    const server = new EventControlServer(network, path);
    await server.start();
    const client = new EventControlClient(path);
    await client.connect();
    try {
      const ended = new Promise<EventNetworkEvent>((resolve) => {
        client.onEvent((each) => each.type === "ended" && resolve(each));
      });
      const trunk = await sipp("controlled", scenarios.called("4121"), "4121");
      const call = await client.call("4200", "4121", { kind: "tone", frequencyHz: 500 });
      expect((await client.hearTone(call, 500)).kind).toBe("sound");
      expect(await client.calls()).toMatchObject([{ call, phone: "4200", with: "4121", state: "talking" }]);
      await client.hangup(call);
      expect(await ended).toMatchObject({ call, cause: "normal" });
      await trunk.done;
      await expect(client.hear(call, 100)).rejects.toMatchObject({ code: "no-such-call" });
      await expect(client.setBehaviour("4200", { kind: "answer", afterMs: -1 })).rejects.toBeInstanceOf(GatewayError);
    } finally {
      client.close();
      await server.stop();
    }
  });
});
