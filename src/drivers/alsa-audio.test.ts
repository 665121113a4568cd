import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { FRAME_SAMPLES } from "../line/port.ts";
import { AlsaAudio } from "./alsa-audio.ts";
import { encodeFrame, FRAME_BYTES } from "./alsa-audio-frames.ts";
import { FakeTools, isAlive } from "./gpio-fake-tools.ts";

const tone = (level: number) => new Int16Array(FRAME_SAMPLES).fill(level);

let clock: VirtualClock;
let fake: FakeTools;
let audio: AlsaAudio;
let heard: number[];
let lost: GatewayError[];

beforeEach(() => {
  clock = new VirtualClock(1_000);
  fake = new FakeTools(mkdtempSync(join(tmpdir(), "alsa-")));
  heard = [];
  lost = [];
  audio = new AlsaAudio({
    device: "plughw:1,0",
    tools: fake.tools,
    clock,
    log: silentLog,
    onFrame: (frame) => heard.push(frame[0] ?? 0),
    onLost: (error) => lost.push(error),
  });
});
afterEach(async () => {
  await audio.close();
  for (const { pid } of [...fake.calls("arecord"), ...fake.calls("aplay")]) expect(isAlive(pid)).toBe(false);
  expect(clock.pending).toBe(0);
  fake.close();
});

/** What the driver does comes with the processes' output: the event loop turns until it is there. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(setImmediate);
}

/** Frames from the PAX, and when they have been heard. */
async function hear(...levels: number[]): Promise<void> {
  const count = heard.length + levels.length;
  for (const level of levels) fake.say(encodeFrame(tone(level)), "capture");
  await until(() => heard.length >= count);
}

describe("audio", () => {
  it("is asked for at 8 kHz, 16 bit, mono, in periods of a frame and with a short buffer", async () => {
    audio.open();
    audio.open();
    await until(() => fake.calls("arecord").length === 1 && fake.calls("aplay").length === 1);
    const expected = "-q -D plughw:1,0 -t raw -f S16_LE -c 1 -r 8000 --period-size=160 --buffer-size=640";
    expect(fake.calls("arecord").map(({ args }) => args)).toEqual([expected]);
    expect(fake.calls("aplay").map(({ args }) => args)).toEqual([expected]);
  });

  it("comes in frames, and goes out in frames once the recording runs", async () => {
    audio.open();
    audio.write(tone(99));
    await hear(1);
    audio.write(tone(7));
    clock.advance(20);
    await hear(2);
    audio.write(tone(8));
    await until(() => fake.played.length >= 2 * FRAME_BYTES);
    expect(heard).toEqual([1, 2]);
    expect(Buffer.from(fake.played)).toEqual(Buffer.concat([tone(7), tone(8)].map(encodeFrame)));
  });

  it("that piled up is left out in both directions", async () => {
    audio.open();
    await hear(1);
    for (let frame = 0; frame < 20; frame++) audio.write(tone(frame));
    expect(audio.dropped).toBe(14);
    await until(() => fake.played.length >= 6 * FRAME_BYTES);
    const pid = fake.calls("arecord").at(-1)?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    for (let level = 10; level < 30; level++) fake.say(encodeFrame(tone(level)), "capture");
    process.kill(pid, "SIGCONT");
    await until(() => heard.includes(29));
    expect(heard.length).toBeLessThan(21);
    expect([...heard].sort((a, b) => a - b)).toEqual(heard);
    expect(fake.played).toHaveLength(6 * FRAME_BYTES);
  });

  it("goes on when a program dies", async () => {
    audio.open();
    await hear(1);
    process.kill(fake.calls("arecord").at(-1)?.pid ?? 0, "SIGKILL");
    await until(() => fake.calls("arecord").length === 2);
    await hear(2);
    process.kill(fake.calls("aplay").at(-1)?.pid ?? 0, "SIGKILL");
    audio.write(tone(3));
    await until(() => fake.calls("aplay").length === 2);
    clock.advance(20);
    audio.write(tone(4));
    await until(() => fake.played.length >= FRAME_BYTES);
    expect(Buffer.from(fake.played)).toEqual(Buffer.from(encodeFrame(tone(4))));
    expect(lost).toEqual([]);
  });

  it("is recorded anew when the recording hangs", async () => {
    audio.open();
    await hear(1);
    clock.advance(1_900);
    await hear(2);
    clock.advance(1_900);
    expect(isAlive(fake.calls("arecord")[0]?.pid ?? 0)).toBe(true);
    clock.advance(1_200);
    await until(() => fake.calls("arecord").length === 2);
    await hear(3);
    expect(heard).toEqual([1, 2, 3]);
  });

  it("is lost, with ALSA's reason and a remedy, when there is no such device", async () => {
    fake.flag("no-device", true);
    audio.open();
    await until(() => lost.length > 0);
    expect(lost[0]).toMatchObject({ code: "line-unavailable", message: /audio open error.*alsa-utils/ });
    expect(fake.calls("arecord")).toHaveLength(4);
    await audio.close();
    fake.flag("no-device", false);
    audio.open();
    await hear(1);
    expect(lost).toHaveLength(1);
  });

  it("is checked by recording one frame, without anything left running", async () => {
    await audio.check();
    expect(fake.calls("arecord").map(({ args }) => args)).toEqual([
      expect.stringMatching(/plughw:1,0.*--samples=160$/),
    ]);
    fake.flag("no-device", true);
    await expect(audio.check()).rejects.toMatchObject({ code: "line-unavailable", message: /audio open error/ });
  });

  it("waits for the device to be free before it is opened again", async () => {
    audio.open();
    await hear(1);
    const first = fake.calls("arecord")[0]?.pid ?? 0;
    process.kill(first, "SIGSTOP"); // it will not go before it is forced to
    const closed = audio.close();
    audio.open();
    await new Promise(setImmediate);
    expect(fake.calls("arecord")).toHaveLength(1);
    await closed;
    expect(isAlive(first)).toBe(false);
    await hear(2);
    expect(fake.calls("arecord")).toHaveLength(2);
  });

  it("is lost when the programs are not installed", async () => {
    const options = { device: "hw:0", clock, log: silentLog, onFrame: () => undefined };
    const missing = { ...fake.tools, arecord: "/nowhere/arecord", aplay: "/nowhere/aplay" };
    const other = new AlsaAudio({ ...options, tools: missing, onLost: (error) => lost.push(error) });
    other.open();
    other.write(tone(1));
    await until(() => lost.length > 0);
    expect(lost[0]).toMatchObject({ message: /ENOENT.*alsa-utils/ });
    await other.close();
    expect(lost).toHaveLength(1);
  });
});
