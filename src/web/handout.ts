import { createHmac, randomBytes } from "node:crypto";
import { type Asked, bodyOf } from "./asked.ts";
import { setCookie, tokenOf } from "./cookies.ts";
import type { Handout } from "./port.ts";
import { Refusal } from "./refusal.ts";
import { json, type Reply } from "./reply.ts";

const CLAIM_S = 3_600;
const CLAIM = "paxgate_claim";

/**
 * New credentials for whoever held the button: to one browser, at one address. The cookie is the claim, and the
 * address is mixed into it: another service of this machine, whose pages share our cookies (RFC 6265 section 8.5),
 * can plant a cookie that it knows but does not collect with it from elsewhere.
 */
export class HandoutDesk {
  readonly #handout: Handout;
  readonly #key = randomBytes(32);

  constructor(handout: Handout) {
    this.#handout = handout;
  }

  view(asked: Asked): Reply {
    const [, headers] = this.#claimOf(asked);
    const view = {
      openUntilMs: this.#handout.openUntilMs(),
      collectedBy: this.#handout.collectedBy(),
      nowMs: Date.now(),
    };
    return json(200, view, headers);
  }

  async collect(asked: Asked): Promise<Reply> {
    await bodyOf(asked.request);
    const [token, headers] = this.#claimOf(asked);
    const claim = createHmac("sha256", this.#key).update(`${token} ${asked.address}`).digest("base64url");
    const credentials = this.#handout.collect(claim, asked.address);
    if (credentials !== null) return json(200, { openUntilMs: this.#handout.openUntilMs(), credentials }, headers);
    if (this.#handout.openUntilMs() === null) {
      throw new Refusal("window-closed", "There is nothing to collect now: hold the gateway's button first.");
    }
    const collectedBy = this.#handout.collectedBy();
    throw new Refusal("collected", "Somebody else has collected them. Hold the button again for new ones.", {
      collectedBy,
    });
  }

  /** The browser's claim, and the header that gives it one if it had none. */
  #claimOf({ request, secure }: Asked): [token: string, headers: Readonly<Record<string, string>>] {
    const had = tokenOf(request.headers.cookie, CLAIM);
    if (had !== null) return [had, {}];
    const token = randomBytes(32).toString("base64url");
    return [token, { "Set-Cookie": setCookie(CLAIM, token, { maxAgeS: CLAIM_S, secure, path: "/api/handout" }) }];
  }
}
