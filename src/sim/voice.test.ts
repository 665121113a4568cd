import { expect, it } from "vitest";
import { readRecording, Speaker } from "./voice.ts";

function wav(samples: readonly number[], { channels = 1, rate = 8_000 } = {}): Uint8Array {
  const bytes = Buffer.alloc(54 + samples.length * 2);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  for (const [i, value] of [1, channels].entries()) bytes.writeUInt16LE(value, 20 + i * 2);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  // A chunk that means nothing to us, of odd length: it is followed by a byte of padding.
  bytes.write("note", 36);
  bytes.writeUInt32LE(1, 40);
  bytes.write("data", 46);
  bytes.writeUInt32LE(samples.length * 2, 50);
  for (const [i, sample] of samples.entries()) bytes.writeInt16LE(sample, 54 + i * 2);
  return bytes;
}

it("reads the samples of a WAV file, past chunks that it does not know", () => {
  expect([...readRecording(wav([1, -2, 30_000]))]).toEqual([1, -2, 30_000]);
});

it("takes a file without a header for raw samples", () => {
  expect([...readRecording(Uint8Array.of(1, 0, 0xff, 0xff))]).toEqual([1, -1]);
});

it("refuses a WAV file of another kind, or without data", () => {
  expect(() => readRecording(wav([1], { channels: 2 }))).toThrow("mono");
  expect(() => readRecording(wav([1], { rate: 44_100 }))).toThrow("8000 Hz");
  expect(() => readRecording(wav([1]).subarray(0, 40))).toThrow("no data");
});

it("speaks a recording once, and then nothing", () => {
  const speaker = new Speaker();
  speaker.play({ kind: "recording", samples: Int16Array.of(5, 6, 7) });
  const first = new Int32Array(2);
  speaker.addTo(first);
  const second = new Int32Array(2);
  speaker.addTo(second);
  const third = new Int32Array(2);
  speaker.addTo(third);
  expect([[...first], [...second], [...third]]).toEqual([
    [5, 6],
    [7, 0],
    [0, 0],
  ]);
});
