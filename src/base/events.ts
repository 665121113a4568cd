import { EventEmitter } from "node:events";

/** Undoes a subscription, a timer or another hold. Safe to call twice. */
export type Dispose = () => void;

/** A map from event name to a labelled tuple of its arguments. */
type EventMap = Record<string, unknown[]>;

/**
 * Node's `EventEmitter` with typed events. Subscribing returns the disposer, so that nobody has to keep the listener
 * to remove it again.
 */
export class TypedEmitter<Events extends { [K in keyof Events]: unknown[] } = EventMap> {
  readonly #emitter = new EventEmitter();

  constructor() {
    this.#emitter.setMaxListeners(0);
  }

  on<K extends keyof Events & string>(event: K, listener: (...args: Events[K]) => void): Dispose {
    const plain = listener as (...args: unknown[]) => void;
    this.#emitter.on(event, plain);
    return () => {
      this.#emitter.off(event, plain);
    };
  }

  emit<K extends keyof Events & string>(event: K, ...args: Events[K]): void {
    this.#emitter.emit(event, ...args);
  }

  listenerCount(event: keyof Events & string): number {
    return this.#emitter.listenerCount(event);
  }
}
