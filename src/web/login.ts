import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type Asked, bodyOf, isForm } from "./asked.ts";
import { setCookie, tokenOf } from "./cookies.ts";
import type { KnownAddresses } from "./known-addresses.ts";
import { MAX_PASSWORD } from "./limits.ts";
import { LogBudget } from "./log-budget.ts";
import type { LoginLimiter } from "./login-limiter.ts";
import type { Passwords } from "./port.ts";
import { Refusal } from "./refusal.ts";
import { empty, type Reply, seeOther } from "./reply.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import { SESSION_S, type Session, type Sessions } from "./sessions.ts";

/** Logging in and out. */
export class Login {
  readonly #passwords: Passwords;
  readonly #sessions: Sessions;
  readonly #keeper: SessionKeeper;
  readonly #limiter: LoginLimiter;
  readonly #known: KnownAddresses;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #warnings: LogBudget;

  constructor(
    passwords: Passwords,
    sessions: Sessions,
    keeper: SessionKeeper,
    limiter: LoginLimiter,
    known: KnownAddresses,
    clock: Clock,
    log: Log,
  ) {
    this.#passwords = passwords;
    this.#sessions = sessions;
    this.#keeper = keeper;
    this.#limiter = limiter;
    this.#known = known;
    this.#clock = clock;
    this.#log = log;
    this.#warnings = new LogBudget(log);
  }

  sessionOf(cookies: string | undefined, secure: boolean): Session | null {
    return this.#sessions.find(tokenOf(cookies, cookieName(secure)), this.#clock.now());
  }

  async enter(asked: Asked): Promise<Reply> {
    const form = isForm(asked.request);
    const { password } = await bodyOf(asked.request);
    if (typeof password !== "string") throw new Refusal("bad-request", "The password is missing.");
    const now = this.#clock.now();
    const wait = this.#limiter.waitMs(asked.address, now);
    // A right password is not looked at either, or the answer would tell it from a wrong one.
    if (wait > 0) return this.#mustWait(form, Math.ceil(wait / 1_000));
    if (password.length > MAX_PASSWORD || !this.#passwords.verify(password)) {
      this.#limiter.failed(asked.address, now);
      this.#warnings.warn("wrong password", { address: asked.address }, now);
      if (form) return seeOther("/login?failed=wrong");
      throw new Refusal("wrong-password", "Wrong password.");
    }
    this.#limiter.succeeded(asked.address);
    this.#known.add(asked.address);
    this.#log.info("logged in", { address: asked.address });
    // A browser that logs in again has its old session ended: it could not use it any more.
    this.#sessions.end(tokenOf(asked.request.headers.cookie, cookieName(asked.secure)));
    const cookie = this.#cookie(this.#sessions.open(now), SESSION_S, asked.secure);
    await this.#keeper.keep();
    return form ? seeOther("/", cookie) : empty(cookie);
  }

  async leave(asked: Asked): Promise<Reply> {
    await bodyOf(asked.request);
    this.#sessions.end(tokenOf(asked.request.headers.cookie, cookieName(asked.secure)));
    await this.#keeper.keep();
    const cookie = this.#cookie("", 0, asked.secure);
    return isForm(asked.request) ? seeOther("/login", cookie) : empty(cookie);
  }

  #mustWait(form: boolean, seconds: number): Reply {
    if (form) return seeOther(`/login?failed=wait&seconds=${seconds}`, { "Retry-After": String(seconds) });
    throw new Refusal(
      "too-many-attempts",
      `Too many wrong passwords. Try again in ${seconds} s.`,
      { retryAfterS: seconds },
      { "Retry-After": String(seconds) },
    );
  }

  #cookie(value: string, maxAgeS: number, secure: boolean): Readonly<Record<string, string>> {
    return { "Set-Cookie": setCookie(cookieName(secure), value, { maxAgeS, secure, path: "/" }) };
  }
}

/** `__Host-`: no other host, and no unencrypted page, can set it (RFC 6265bis section 4.1.3.2). */
function cookieName(secure: boolean): string {
  return secure ? "__Host-paxgate_session" : "paxgate_session";
}
