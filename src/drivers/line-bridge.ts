import type { Dispose } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import type { MediaPort } from "../line/port.ts";
import type { AriApi } from "./ari.ts";
import type { AriChannel } from "./ari-types.ts";
import { leaseVariables } from "./channel-lease.ts";
import { type AudioCounts, RtpSession } from "./rtp.ts";

const ENTER_LIMIT_MS = 2_000;
/** Longest that a leg's channel may take to leave after it was hung up, ms: usually 5. */
const LEAVE_LIMIT_MS = 1_000;

/** One line's side of a call in Asterisk: a mixing bridge with an `externalMedia` channel that carries its audio. */
export class LineBridge {
  readonly #ari: AriApi;
  readonly #bridgeId: string;
  readonly #rtp = new RtpSession();
  readonly channelId: string;
  #ready: Promise<void> = Promise.reject(new Error("the audio leg was not opened"));
  #closed = false;
  #guestGone: Promise<void> = Promise.resolve();
  #stopWatching: Dispose = () => undefined;
  #entered: () => void = () => undefined;
  #abandoned: (error: Error) => void = () => undefined;
  readonly #inStasis = new Promise<void>((resolve, reject) => {
    this.#entered = resolve;
    this.#abandoned = reject;
  });

  constructor(ari: AriApi, id: string) {
    this.#ari = ari;
    this.#bridgeId = `${id}-bridge`;
    this.channelId = `${id}-media`;
    this.#ready.catch(() => undefined);
    this.#inStasis.catch(() => undefined);
  }

  get media(): MediaPort {
    return this.#rtp;
  }

  get counts(): AudioCounts {
    return this.#rtp.counts;
  }

  /** Settled when audio can flow. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** Makes bridge and channel; the channel lives on a lease of `leaseS` seconds. */
  open(leaseS: number): Promise<void> {
    this.#ready = this.#open(leaseS);
    return this.#ready;
  }

  /** Asterisk has handed the channel to us (StasisStart). Before that it cannot be added to a bridge. */
  entered(): void {
    this.#entered();
  }

  async add(channelId: string): Promise<void> {
    if (channelId !== this.channelId) this.#guestGone = this.#leaving(channelId);
    await this.#ari.request("POST", `/bridges/${encodeURIComponent(this.#bridgeId)}/addChannel`, {
      channel: channelId,
    });
  }

  /**
   * Sends the channel into the dialplan, which places the call and brings the channel back with the outcome. Measured:
   * the INVITE leaves 1-2 ms later. A channel made by `channels/create` would wait up to 200 ms in Asterisk's own loop.
   */
  async dial(context: string, extension: string): Promise<void> {
    const path = `/channels/${encodeURIComponent(this.channelId)}/continue`;
    await this.#ari.request("POST", path, { context, extension, priority: "1" });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#rtp.close();
    // A channel that nobody wants any more is not waited for, only for the requests that make it.
    this.#abandoned(new Error("the audio leg was closed"));
    await this.#ready.catch(() => undefined);
    // A bridge that is taken down gives whoever is still in it cause 16, over the cause he was hung up with: chan_sip
    // then says 603 instead of 486 or 404.
    const left = within(LEAVE_LIMIT_MS, this.#guestGone, "the leg did not leave its bridge");
    await Promise.allSettled([
      this.#ari.request("DELETE", `/channels/${encodeURIComponent(this.channelId)}`),
      left.finally(this.#stopWatching),
    ]);
    await this.#ari.request("DELETE", `/bridges/${encodeURIComponent(this.#bridgeId)}`).catch(() => undefined);
  }

  /** Settled when a leg's channel is out of our hands, and so out of the bridge. */
  #leaving(channelId: string): Promise<void> {
    return new Promise((resolve) => {
      this.#stopWatching = this.#ari.on("event", (event) => {
        if (event.type !== "StasisEnd" && event.type !== "ChannelDestroyed") return;
        if (event.channel.id === channelId) resolve();
      });
    });
  }

  async #open(leaseS: number): Promise<void> {
    const application = this.#ari.application;
    const port = await this.#rtp.open();
    const [channel] = await Promise.all([
      this.#ari.request(
        "POST",
        "/channels/externalMedia",
        { channelId: this.channelId, app: application, external_host: `127.0.0.1:${port}`, format: "alaw" },
        { variables: leaseVariables(leaseS) },
      ) as Promise<AriChannel>,
      this.#ari.request("POST", "/bridges", { type: "mixing,dtmf_events", bridgeId: this.#bridgeId }),
    ]);
    const remote = Number(channel.channelvars?.["UNICASTRTP_LOCAL_PORT"]);
    if (!Number.isInteger(remote) || remote < 1) throw new Error("Asterisk named no RTP port for the line's audio");
    this.#rtp.connect(remote);
    // Events of the channel must go on coming while it is in the dialplan.
    const eventSource = `channel:${this.channelId}`;
    await this.#ari.request("POST", `/applications/${application}/subscription`, { eventSource });
    await within(ENTER_LIMIT_MS, this.#inStasis, "the audio leg did not come up");
    await this.add(this.channelId);
  }
}
