import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { MediaPort } from "../line/port.ts";
import type { AriApi } from "./ari.ts";
import { LineBridge } from "./line-bridge.ts";
import type { AudioCounts } from "./rtp.ts";

/** Joins a line with its audio; null takes it away. */
export type AttachMedia = (line: string, media: MediaPort | null) => void;

const none: AudioCounts = { received: 0, missing: 0, dropped: 0 };

/** The audio of every line that has any, in Asterisk. */
export class LineBridges {
  readonly #ari: AriApi;
  readonly #attach: AttachMedia;
  readonly #log: Log;
  readonly #bridges = new Map<string, LineBridge>();
  /** Sums of the calls that are over, by line. */
  readonly #past = new Map<string, AudioCounts>();

  constructor(ari: AriApi, attach: AttachMedia, log: Log) {
    this.#ari = ari;
    this.#attach = attach;
    this.#log = log;
  }

  get(line: string): LineBridge | undefined {
    return this.#bridges.get(line);
  }

  /** Sums of all the line's calls since we were started. */
  counts(line: string): AudioCounts {
    return sum(this.#past.get(line) ?? none, this.#bridges.get(line)?.counts ?? none);
  }

  get channelIds(): readonly string[] {
    return [...this.#bridges.values()].map((bridge) => bridge.channelId);
  }

  /** The line whose audio channel this is. */
  lineOf(channelId: string): string | undefined {
    return [...this.#bridges].find(([, bridge]) => bridge.channelId === channelId)?.[0];
  }

  /** Makes the line's audio under a name that was never used; `failed` is called when that does not succeed. */
  open(line: string, id: string, leaseS: number, failed: () => void): void {
    const bridge = new LineBridge(this.#ari, id);
    this.#bridges.set(line, bridge);
    this.#attach(line, bridge.media);
    bridge.open(leaseS).catch((error: unknown) => {
      if (this.#bridges.get(line) !== bridge) return;
      this.#log.error("no audio for the line", { line, error: describeError(error) });
      failed();
    });
  }

  async close(line: string): Promise<void> {
    const bridge = this.#bridges.get(line);
    if (bridge === undefined) return;
    this.#past.set(line, this.counts(line));
    this.#bridges.delete(line);
    this.#attach(line, null);
    await bridge.close().catch((error: unknown) => this.#log.debug("audio leg", { line, error: describeError(error) }));
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#bridges.keys()].map((line) => this.close(line)));
  }
}

function sum(one: AudioCounts, other: AudioCounts): AudioCounts {
  return {
    received: one.received + other.received,
    missing: one.missing + other.missing,
    dropped: one.dropped + other.dropped,
  };
}
