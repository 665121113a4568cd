import type { LegId } from "../calls/port.ts";

export interface SipLeg {
  readonly id: LegId;
  /** Channel that Asterisk knows it by: an outgoing leg's is the line's audio channel, which places the call. */
  readonly channelId: string;
  /** Line whose audio it has, or is getting. */
  line: string | null;
  /** Settled when the leg's audio is joined with the line's; null until that is asked for. */
  joined: Promise<void> | null;
  rings: boolean;
  answered: boolean;
}

/** The legs that are held now, by name and by channel. */
export class SipLegs {
  readonly #legs = new Map<LegId, SipLeg>();
  readonly #byChannel = new Map<string, SipLeg>();

  /** A leg with a line is an outgoing one: it lives in the line's own audio channel. */
  hold(id: LegId, channelId: string, line: string | null): void {
    const joined = line === null ? null : Promise.resolve();
    const leg: SipLeg = { id, channelId, line, joined, rings: false, answered: false };
    this.#legs.set(id, leg);
    this.#byChannel.set(channelId, leg);
  }

  release(leg: SipLeg): void {
    this.#legs.delete(leg.id);
    this.#byChannel.delete(leg.channelId);
  }

  get(id: LegId): SipLeg | undefined {
    return this.#legs.get(id);
  }

  byChannel(channelId: string): SipLeg | undefined {
    return this.#byChannel.get(channelId);
  }

  get all(): readonly SipLeg[] {
    return [...this.#legs.values()];
  }

  get channelIds(): readonly string[] {
    return [...this.#byChannel.keys()];
  }

  clear(): void {
    this.#legs.clear();
    this.#byChannel.clear();
  }
}
