import { createHash, randomBytes } from "node:crypto";
import type { KeptSession } from "./port.ts";

/** How long the tablet beside the exchange stays logged in, s. */
export const SESSION_S = 30 * 24 * 3_600;
/** More would be an error somewhere: there is one user. */
export const MAX_SESSIONS = 100;

/** Somebody who is logged in. */
export interface Session {
  /** Monotonic time, ms. */
  readonly expiresMs: number;
  /** Called once, when it ends: its feeds are closed with it. */
  readonly onEnd: Set<() => void>;
}

/**
 * Sessions, as hashes only, in memory and where they are kept: what is read out of the process opens nothing. A hash is looked up, so the
 * time that takes tells nothing of a token.
 */
export class Sessions {
  /** By the token's hash, the oldest first. */
  readonly #sessions = new Map<string, Session>();

  /** A new one; the answer is its token, 256 bits. */
  open(nowMs: number): string {
    const token = randomBytes(32).toString("base64url");
    this.#sessions.set(hashOf(token), { expiresMs: nowMs + SESSION_S * 1_000, onEnd: new Set() });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#end(oldest);
    return token;
  }

  find(token: string | null, nowMs: number): Session | null {
    if (token === null) return null;
    const hash = hashOf(token);
    const session = this.#sessions.get(hash);
    if (session === undefined) return null;
    if (nowMs < session.expiresMs) return session;
    this.#end(hash);
    return null;
  }

  end(token: string | null): void {
    if (token !== null) this.#end(hashOf(token));
  }

  /** Those whose time has come. */
  sweep(nowMs: number): void {
    for (const [hash, session] of this.#sessions) if (nowMs >= session.expiresMs) this.#end(hash);
  }

  endAll(): void {
    for (const hash of [...this.#sessions.keys()]) this.#end(hash);
  }

  /** As they are to be kept, the oldest first. `wallMs`: Unix time. */
  kept(nowMs: number, wallMs: number): readonly KeptSession[] {
    return [...this.#sessions].flatMap(([hash, { expiresMs }]) => {
      const leftMs = Math.round(Math.min(expiresMs - nowMs, SESSION_S * 1_000));
      return leftMs > 0 ? [{ hash, atMs: Math.round(wallMs), leftMs }] : [];
    });
  }

  /**
   * Takes up those that were kept. The time that the clock says has gone by is taken off what was left. A clock that is
   * behind, as that of a machine without battery is until it has asked for the time, takes nothing off; so nothing that
   * it may say makes a session longer.
   */
  resume(kept: readonly KeptSession[], nowMs: number, wallMs: number): void {
    for (const { hash, atMs, leftMs } of kept.slice(-MAX_SESSIONS)) {
      const left = Math.min(leftMs, SESSION_S * 1_000) - Math.max(0, wallMs - atMs);
      if (left > 0 && !this.#sessions.has(hash)) {
        this.#sessions.set(hash, { expiresMs: nowMs + left, onEnd: new Set() });
      }
    }
  }

  get count(): number {
    return this.#sessions.size;
  }

  #end(hash: string): void {
    const session = this.#sessions.get(hash);
    this.#sessions.delete(hash);
    const ends = [...(session?.onEnd ?? [])];
    session?.onEnd.clear();
    for (const end of ends) end();
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
