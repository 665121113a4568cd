import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { FRAME_SAMPLES } from "../../../src/line/port.ts";
import type { Ssh } from "./ssh.ts";

const FRAME_BYTES = FRAME_SAMPLES * 2;
const RAW = "-q -t raw -f S16_LE -c 1 -r 8000 --period-size=160 --buffer-size=1600";

/** What a line's pair carries. */
export interface Sound {
  /** One frame towards the machine. */
  write(frame: Int16Array): void;
  stop(): Promise<void>;
}

/**
 * The pair's audio of one line: the machine's sound card is the kernel's loop (snd-aloop), and what hangs on its other end is
 * carried out of the machine and into it by ssh. `substream`: as in the line's own device, `…,SUBDEV=N`.
 */
export class PairSound implements Sound {
  readonly #player: ChildProcess;
  readonly #recorder: ChildProcess;

  constructor(ssh: Ssh, substream: number, onFrame: (frame: Int16Array) => void) {
    const device = `plughw:CARD=Loopback,DEV=1,SUBDEV=${substream}`;
    this.#player = ssh.spawn(`exec aplay ${RAW} -D ${device}`);
    this.#recorder = ssh.spawn(`exec arecord ${RAW} -D ${device}`);
    let rest: Buffer = Buffer.alloc(0);
    this.#recorder.stdout?.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= FRAME_BYTES; rest = rest.subarray(FRAME_BYTES)) onFrame(decode(rest));
    });
    for (const child of [this.#player, this.#recorder]) {
      child.stdin?.on("error", () => undefined);
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        // Overruns and underruns are this emulation's daily bread; anything else is worth reading.
        if (!/(under|over)run/.test(text)) console.error(`sound ${substream}: ${text.trim()}`);
      });
    }
  }

  /** One frame towards the machine. Left out when the machine does not keep up. */
  write(frame: Int16Array): void {
    const stream = this.#player.stdin;
    if (stream === null || stream.destroyed || stream.writableLength > 10 * FRAME_BYTES) return;
    stream.write(Buffer.from(frame.buffer.slice(frame.byteOffset, frame.byteOffset + FRAME_BYTES)));
  }

  async stop(): Promise<void> {
    for (const child of [this.#player, this.#recorder]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    }
  }
}

function decode(bytes: Buffer): Int16Array {
  return Int16Array.from({ length: FRAME_SAMPLES }, (_, at) => bytes.readInt16LE(at * 2));
}
