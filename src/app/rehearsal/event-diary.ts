import { systemClock } from "../../base/clock.ts";
import type { Dispose } from "../../base/events.ts";
import type { EventControlClient } from "../../sim/event-control.ts";
import type { EventNetworkEvent } from "../../sim/event-types.ts";

/** Enough for the longest rehearsal; older events are of no use to anybody. */
const MAX_EVENTS = 2_000;

/** Everything that the event network has told, so that nothing is missed between two waits. */
export class EventDiary {
  readonly #events: EventNetworkEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #unsubscribe: Dispose;
  /** Number of the first event that is still remembered. */
  #first = 0;

  constructor(client: EventControlClient) {
    this.#unsubscribe = client.onEvent((event) => {
      this.#events.push(event);
      if (this.#events.length > MAX_EVENTS) {
        this.#events.shift();
        this.#first++;
      }
      for (const look of [...this.#waiting]) look();
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  /** Where the diary stands now: for `until`, to see only what comes later. */
  mark(): number {
    return this.#first + this.#events.length;
  }

  /** The first event since `since` in which `find` finds something, or null after `withinMs` ms. */
  until<T>(since: number, withinMs: number, find: (event: EventNetworkEvent) => T | null): Promise<T | null> {
    return new Promise((resolve) => {
      const finish = (found: T | null) => {
        cancel();
        this.#waiting.delete(look);
        resolve(found);
      };
      const look = () => {
        for (const event of this.#events.slice(Math.max(0, since - this.#first))) {
          const found = find(event);
          if (found !== null) return finish(found);
        }
      };
      const cancel = systemClock.at(systemClock.now() + withinMs, () => finish(null));
      this.#waiting.add(look);
      look();
    });
  }
}
