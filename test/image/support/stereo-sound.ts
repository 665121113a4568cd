import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { FRAME_SAMPLES } from "../../../src/line/port.ts";
import type { Sound } from "./sound.ts";
import type { Ssh } from "./ssh.ts";

const FRAME_BYTES = FRAME_SAMPLES * 4;
const RAW = "-q -t raw -f S16_LE -c 2 -r 8000 --period-size=160 --buffer-size=1600";
const DEVICE = "plughw:CARD=Loopback,DEV=1,SUBDEV=0";

/** Both pairs on one stereo card, the left channel one line's and the right channel the other's; carried as by `PairSound`. */
export class StereoSound {
  readonly #player: ChildProcess;
  readonly #recorder: ChildProcess;
  readonly #listeners: [((frame: Int16Array) => void)?, ((frame: Int16Array) => void)?] = [];
  #next: [Int16Array?, Int16Array?] = [];

  constructor(ssh: Ssh) {
    this.#player = ssh.spawn(`exec aplay ${RAW} -D ${DEVICE}`);
    this.#recorder = ssh.spawn(`exec arecord ${RAW} -D ${DEVICE}`);
    this.#player.stdin?.on("error", () => undefined);
    let rest: Buffer = Buffer.alloc(0);
    this.#recorder.stdout?.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= FRAME_BYTES; rest = rest.subarray(FRAME_BYTES)) {
        for (const channel of [0, 1] as const) this.#listeners[channel]?.(decode(rest, channel));
      }
    });
  }

  /** One channel, as a line has it. */
  channel(at: 0 | 1, onFrame: (frame: Int16Array) => void): Sound {
    this.#listeners[at] = onFrame;
    return { write: (frame) => this.#write(at, frame), stop: async () => undefined };
  }

  /** A frame of one channel waits for the other's; the exchange has one clock. */
  #write(at: 0 | 1, frame: Int16Array): void {
    if (this.#next[at] !== undefined) this.#flush();
    this.#next[at] = frame;
    if (this.#next[1 - at] !== undefined) this.#flush();
  }

  #flush(): void {
    const [left, right] = this.#next;
    this.#next = [];
    const stream = this.#player.stdin;
    if (stream === null || stream.destroyed || stream.writableLength > 10 * FRAME_BYTES) return;
    const bytes = Buffer.alloc(FRAME_BYTES);
    for (let at = 0; at < FRAME_SAMPLES; at++) {
      bytes.writeInt16LE(left?.[at] ?? 0, 4 * at);
      bytes.writeInt16LE(right?.[at] ?? 0, 4 * at + 2);
    }
    stream.write(bytes);
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

function decode(bytes: Buffer, channel: 0 | 1): Int16Array {
  return Int16Array.from({ length: FRAME_SAMPLES }, (_, at) => bytes.readInt16LE(4 * at + 2 * channel));
}
