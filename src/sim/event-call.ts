import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import { PhoneMedia } from "./event-media.ts";
import type { EventAri } from "./event-port.ts";
import { APPLICATION } from "./event-render.ts";
import type { CallId, CallState, CallView, EndCause } from "./event-types.ts";

/** Longest that a channel may take from its making to its StasisStart, ms: usually 5. */
const ENTER_LIMIT_MS = 2_000;

export interface PhoneCallOptions {
  readonly id: CallId;
  readonly channelId: string;
  readonly phone: string;
  readonly far: string;
  readonly direction: CallView["direction"];
}

/** One call of one telephone: its SIP channel, joined in a bridge with the telephone's own audio. */
export class PhoneCall {
  readonly id: CallId;
  readonly channelId: string;
  readonly mediaChannelId: string;
  readonly phone: string;
  readonly far: string;
  readonly direction: CallView["direction"];
  readonly media: PhoneMedia;
  state: CallState = "ringing";
  rings = false;
  /** Why this side hung up, once it has. */
  clearedWith: EndCause | undefined;
  /** Q.850 cause that the far end hung up with; 0 when it has said none. */
  farCause = 0;
  /** Undoes what is to happen later: answering, giving up. */
  cancelPlan: Dispose = () => undefined;
  readonly #ari: EventAri;
  readonly #bridgeId: string;
  readonly #here = new Set<string>();
  readonly #waiting = new Map<string, () => void>();
  #opening: Promise<void> | undefined;

  constructor(options: PhoneCallOptions, ari: EventAri, clock: Clock) {
    this.id = options.id;
    this.channelId = options.channelId;
    this.phone = options.phone;
    this.far = options.far;
    this.direction = options.direction;
    this.mediaChannelId = `${options.id}-media`;
    this.#bridgeId = `${options.id}-bridge`;
    this.#ari = ari;
    this.media = new PhoneMedia(clock);
  }

  get view(): CallView {
    return { call: this.id, phone: this.phone, with: this.far, direction: this.direction, state: this.state };
  }

  /** Makes the bridge and the audio leg; settled when audio can flow. May be asked again. */
  openMedia(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** A channel has come into the application's hands (StasisStart). */
  entered(channelId: string): void {
    this.#here.add(channelId);
    this.#waiting.get(channelId)?.();
  }

  /** Puts the SIP channel into the bridge. Before it has answered, that is early media. */
  async join(): Promise<void> {
    await this.openMedia();
    await this.#add(this.channelId);
  }

  /** Takes the audio leg and the bridge down. */
  async close(): Promise<void> {
    this.cancelPlan();
    this.media.close();
    if (this.#opening === undefined) return;
    await this.#opening.catch(() => undefined);
    await Promise.allSettled([
      this.#ari.request("DELETE", `/channels/${this.mediaChannelId}`),
      this.#ari.request("DELETE", `/bridges/${this.#bridgeId}`),
    ]);
  }

  async #open(): Promise<void> {
    const port = await this.media.open();
    const [channel] = await Promise.all([
      // In the bridge each channel is told the other's caller ID, and chan_sip makes From of what it was told.
      this.#ari.request(
        "POST",
        "/channels/externalMedia",
        { channelId: this.mediaChannelId, app: APPLICATION, external_host: `127.0.0.1:${port}`, format: "alaw" },
        { variables: { "CALLERID(num)": this.phone } },
      ),
      this.#ari.request("POST", "/bridges", { type: "mixing", bridgeId: this.#bridgeId }),
    ]);
    this.media.connect(rtpPort(channel));
    await this.#add(this.mediaChannelId);
  }

  /** A channel that was just made comes into the application's hands a moment later; until then it can't be joined. */
  async #add(channel: string): Promise<void> {
    if (!this.#here.has(channel)) {
      const here = new Promise<void>((resolve) => this.#waiting.set(channel, resolve));
      await within(ENTER_LIMIT_MS, here, `channel ${channel} did not come`);
    }
    await this.#ari.request("POST", `/bridges/${this.#bridgeId}/addChannel`, { channel });
  }
}

function rtpPort(channel: unknown): number {
  const variables = (channel as { channelvars?: Record<string, string> } | null)?.channelvars;
  const port = Number(variables?.["UNICASTRTP_LOCAL_PORT"]);
  if (!Number.isInteger(port) || port < 1) throw new Error("Asterisk named no RTP port for a telephone's audio");
  return port;
}
