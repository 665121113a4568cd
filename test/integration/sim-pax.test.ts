import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { SimLine } from "../../src/drivers/sim-line.ts";
import { decoderStep, newDecoder } from "../../src/line/decoder.ts";
import { encodeDigit } from "../../src/line/encoder.ts";
import { DEAD_MAN_MS, type Edge, FRAME_SAMPLES, type LineInput, REFRESH_MS } from "../../src/line/port.ts";
import { pax50 } from "../../src/line/profiles.ts";
import { SimClient } from "../../src/sim/client.ts";
import { classify, toneLevelDbm0 } from "../../src/sim/ear.ts";
import { amplitudeOf } from "../../src/sim/pax-tones.ts";
import { encodeAudio } from "../../src/sim/port.ts";
import type { TopologyInput } from "../../src/sim/topology.ts";

/** The simulated PAX in a process of its own, worked over its sockets, in real time. */

const topology: TopologyInput = {
  telephones: ["20", "21", "22"],
  lines: [
    { name: "pax1", type: "tie-line", reversal: true },
    { name: "ext1", type: "subscriber", extension: "30" },
  ],
};

let directory: string;
let hardwareSocket: string;
let controlSocket: string;
let simulator: ChildProcess;
let pax: SimClient;
const cleanUp: (() => unknown)[] = [];

/** Runs a few lines of the project's code in a process of their own, and waits until they have said "ready". */
async function run(name: string, contents: string): Promise<ChildProcess> {
  const outfile = join(directory, `${name}.mjs`);
  const stdin = { contents, resolveDir: process.cwd(), loader: "ts" as const };
  await build({ stdin, outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" });
  const child = spawn(process.execPath, [outfile], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  return child;
}

async function openLine(name = "pax1"): Promise<SimLine> {
  const line = new SimLine(name, hardwareSocket);
  await line.open();
  cleanUp.push(() => line.close());
  return line;
}

function keepRefreshed(line: SimLine): void {
  const timer = setInterval(() => line.refresh(), REFRESH_MS);
  cleanUp.push(() => clearInterval(timer));
}

/** Resolves with the next edge of this kind. */
function nextEdge(line: SimLine, input: LineInput, active: boolean): Promise<Edge> {
  return new Promise((resolve) => {
    const stop = line.onEdge((edge) => {
      if (edge.input !== input || edge.active !== active) return;
      stop();
      resolve(edge);
    });
  });
}

/** Resolves once the sound of the line's last `ms` satisfies the test. */
function untilHeard(line: SimLine, ms: number, test: (samples: Int16Array) => boolean): Promise<void> {
  const memory = new Int16Array(ms * 8);
  let filled = 0;
  return new Promise((resolve) => {
    const stop = line.onAudio((frame) => {
      memory.copyWithin(0, frame.length);
      memory.set(frame, memory.length - frame.length);
      filled += frame.length;
      if (filled < memory.length || !test(memory)) return;
      stop();
      resolve();
    });
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-sim-"));
  hardwareSocket = join(directory, "hardware.sock");
  controlSocket = join(directory, "control.sock");
  const options = JSON.stringify({ hardwareSocket, controlSocket, topology, seed: 5 });
  simulator = await run(
    "simulator",
    `import { startPaxSimulator } from "./src/sim/server.ts";
     await startPaxSimulator(${options});
     console.log("ready");`,
  );
  pax = new SimClient(controlSocket);
  await pax.connect();
});

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
  for (const { ext } of await pax.phones()) {
    await pax.play(ext, null);
    await pax.hangup(ext);
    await pax.waitFor(ext, "idle", 15_000);
  }
});

afterAll(async () => {
  pax.close();
  simulator.kill();
  await rm(directory, { recursive: true, force: true });
});

it("has sockets that only their owner can use, and refuses what is none of its requests", async () => {
  for (const path of [hardwareSocket, controlSocket]) expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(pax.lift("99")).rejects.toMatchObject({ code: "no-such-phone" });
  await expect(pax.dial("20", "1a")).rejects.toMatchObject({ code: "bad-request" });
  await expect(pax.dial("20", "1")).rejects.toMatchObject({ code: "not-possible" });
  await expect(pax.waitFor("20", "ringing", 50)).rejects.toMatchObject({ code: "timeout" });
  await expect(new SimLine("nowhere", hardwareSocket).open()).rejects.toMatchObject({ code: "line-unavailable" });
});

it.each([
  ["a frame longer than any", Buffer.from([0xff, 0xff, 0xff, 0xff, 0])],
  ["a message that is none", Buffer.from([0, 0, 0, 3, 0, 0x7b, 0x7d])],
])("ignores audio for no line, and drops a connection that sends %s", async (_, rubbish) => {
  const socket = createConnection(hardwareSocket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(encodeAudio(new Int16Array(FRAME_SAMPLES)));
  const closed = once(socket, "close");
  socket.write(rubbish);
  await closed;
  expect(await pax.phones()).toHaveLength(3);
});

it("repeats what a telephone dials after the tie-line digit, with timestamps that decode", async () => {
  const line = await openLine();
  const edges: Edge[] = [];
  line.onEdge((edge) => edges.push(edge));
  const seized = nextEdge(line, "loop", true);
  await pax.lift("20");
  await pax.waitFor("20", "dial-tone", 15_000);
  await pax.dial("20", "9");
  const { atMs } = await seized;
  expect(Math.abs(systemClock.now() - atMs)).toBeLessThan(1_000);
  expect((await line.levels()).get("loop")).toBe(true);
  await pax.dial("20", "250");
  await pax.waitFor("20", "silence", 15_000);
  const decoder = newDecoder(pax50);
  const loop = edges.filter((edge) => edge.input === "loop");
  const outputs = loop.flatMap((edge) => decoderStep(decoder, { type: "edge", closed: edge.active, atMs: edge.atMs }));
  outputs.push(...decoderStep(decoder, { type: "time", atMs: systemClock.now() }));
  expect(outputs.flatMap((out) => (out.type === "digit" ? [out.digit] : []))).toEqual([2, 5, 0]);
  const cleared = nextEdge(line, "loop", false);
  await pax.hangup("20");
  await cleared;
});

it("takes a call from the gateway: dial tone, impulses, ringing, answer, a tone measured both ways", async () => {
  const line = await openLine();
  keepRefreshed(line);
  line.openAudio();
  const current = nextEdge(line, "current", true);
  line.set("loop", true);
  await current;
  await untilHeard(line, 300, (samples) => classify(samples) === "dial");
  line.playPattern([
    ...encodeDigit(2, pax50),
    { closed: true, ms: pax50.interDigitalPauseMs },
    ...encodeDigit(1, pax50),
  ]);
  await pax.waitFor("21", "ringing", 15_000);
  await untilHeard(line, 3_000, (samples) => classify(samples) === "ringing");
  const answered = nextEdge(line, "reversal", true);
  await pax.lift("21");
  await answered;
  await pax.play("21", { frequencyHz: 600, levelDbm0: -12 });
  await untilHeard(line, 200, (samples) => Math.abs(toneLevelDbm0(samples, 600) + 12) < 0.5);
  const tone = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) => amplitudeOf(-9) * Math.sin((i * Math.PI) / 4));
  cleanUp.push(line.onAudio(() => line.writeAudio(tone)));
  // The first of our frames are on their way while it begins to listen.
  await pax.hear("21", { ms: 100 });
  const heard = await pax.hear("21", { ms: 500, frequenciesHz: [1_000] });
  expect(heard.tones[0]?.levelDbm0).toBeGreaterThan(-11);
  line.set("loop", false);
  await pax.waitFor("21", "busy-tone", 15_000);
  const status = (await pax.lines()).find(({ line: name }) => name === "pax1");
  expect(status?.audio.dropped).toBe(0);
});

it("sends a frame of audio every 20 ms on average, without drift", async () => {
  const line = await openLine();
  line.openAudio();
  const times: number[] = [];
  await new Promise<void>((resolve) => {
    line.onAudio(() => {
      if (times.push(systemClock.now()) === 201) resolve();
    });
  });
  // A frame that comes late is no drift, which grows: the middle of the first and of the last ones is taken.
  const middle = (of: readonly number[]) => of.toSorted((one, other) => one - other)[10] ?? Number.NaN;
  const lateness = times.map((atMs, at) => atMs - at * 20);
  const driftMs = middle(lateness.slice(-21)) - middle(lateness.slice(0, 21));
  expect(Math.abs(driftMs) / 180).toBeLessThan(1);
});

it("finishes the digit of a gateway that was killed in the middle of it, and opens the loop 1.0 s later", async () => {
  const steps = JSON.stringify(encodeDigit(9, pax50));
  const gateway = await run(
    "gateway",
    `import { SimLine } from "./src/drivers/sim-line.ts";
     const line = new SimLine("pax1", ${JSON.stringify(hardwareSocket)});
     await line.open();
     const stop = line.onEdge(() => {
       stop();
       line.playPattern(${steps});
       console.log("ready");
     });
     line.set("loop", true);`,
  );
  // Changes of the loop after the gateway is gone, ending with the one after which the exchange has released the line.
  const seen = new Promise<{ closed: boolean; atMs: number }[]>((resolve) => {
    const loop: { closed: boolean; atMs: number }[] = [];
    const stop = pax.onEvent((event) => {
      if (event.type !== "line" || event.line.line !== "pax1" || event.line.open) return;
      const closed = event.line.outputs.includes("loop");
      if (loop.at(-1)?.closed !== closed) loop.push({ closed, atMs: systemClock.now() });
      if (event.line.state !== "guard") return;
      stop();
      resolve(loop);
    });
  });
  const killedMs = systemClock.now();
  gateway.kill("SIGKILL");
  await once(gateway, "exit");
  const loop = await seen;
  const [lastClosed, opened] = loop.slice(-2).map(({ atMs }) => atMs) as [number, number];
  expect(loop.at(-1)?.closed).toBe(false);
  expect(loop.filter(({ closed }) => closed).length).toBeGreaterThanOrEqual(5);
  // The last make of the digit is 33 ms, and then the dead-man's time runs.
  expect(Math.abs(opened - lastClosed - pax50.sendMakeMs - DEAD_MAN_MS)).toBeLessThan(500);
  expect(opened - killedMs).toBeLessThan(3_000);
});

it("hands a line over to the driver that opens it next, de-energised, with its levels as they are", async () => {
  const former = await openLine("ext1");
  await pax.lift("20");
  await pax.waitFor("20", "dial-tone", 15_000);
  former.set("loop", true);
  await nextEdge(former, "current", true);
  const lost = new Promise((resolve) => former.onLost(resolve));
  const line = await openLine("ext1");
  await lost;
  expect([...(await line.levels())]).toEqual([
    ["ring", false],
    ["current", false],
  ]);
  const rung = nextEdge(line, "ring", true);
  await pax.dial("20", "30");
  await rung;
});
