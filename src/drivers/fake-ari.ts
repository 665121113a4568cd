import { TypedEmitter } from "../base/events.ts";
import type { AriApi } from "./ari.ts";
import type { AriEvent } from "./ari-types.ts";

type Answer = (request: string, query: Readonly<Record<string, string>>) => unknown;

/** Asterisk's REST Interface for tests: notes every request, and answers what the test wants. */
export class FakeAri implements AriApi {
  readonly application = "paxgate";
  /** Requests so far, as "METHOD path". */
  readonly requests: string[] = [];
  /** Channel that was asked for last to carry a line's audio. */
  mediaId = "";
  up = true;
  readonly #emitter = new TypedEmitter<{ up: []; down: []; event: [event: AriEvent] }>();
  readonly #answer: Answer;

  /** `answer` may throw or answer a promise; null is an empty answer. */
  constructor(answer: Answer) {
    this.#answer = answer;
  }

  readonly on: AriApi["on"] = (event, listener) => this.#emitter.on(event, listener);

  async request(
    method: "GET" | "POST" | "DELETE",
    path: string,
    query: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const request = `${method} ${path}`;
    if (path === "/channels/externalMedia") this.mediaId = query["channelId"] ?? "";
    this.requests.push(request);
    return await this.#answer(request, query);
  }

  event(event: AriEvent): void {
    this.#emitter.emit("event", event);
  }

  comeUp(): void {
    this.up = true;
    this.#emitter.emit("up");
  }

  goDown(): void {
    this.up = false;
    this.#emitter.emit("down");
  }
}

/** What the dialplan hands over for a call from the trunk `event`. */
export function incomingCall(id: string, number: string): AriEvent {
  const channel = { id, name: `SIP/${id}`, state: "Ring", caller: { number: "4777", name: "" } };
  return { type: "StasisStart", channel, args: ["incoming", "trunk", "event", number] };
}
