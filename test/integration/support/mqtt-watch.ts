import { connect, type IClientOptions, type MqttClient } from "mqtt";

export interface Seen {
  readonly topic: string;
  readonly payload: string;
  readonly retained: boolean;
  /** performance.now() at its arrival. */
  readonly atMs: number;
}

/** A subscriber as any other MQTT client: remembers what came, and lets a test wait for what is to come. */
export class MqttWatch {
  readonly client: MqttClient;
  readonly seen: Seen[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload, packet) => {
      this.seen.push({ topic, payload: payload.toString(), retained: packet.retain, atMs: performance.now() });
      for (const wake of this.#waiting) wake();
    });
  }

  static async open(port: number, filter: string, options: IClientOptions = {}): Promise<MqttWatch> {
    const client = connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50, protocolVersion: 4, ...options });
    const watch = new MqttWatch(client);
    await new Promise<void>((resolve) => client.once("connect", () => resolve()));
    await client.subscribeAsync(filter, { qos: 1 });
    return watch;
  }

  /** Resolves with the first message, seen already or to come, that fits; forgets those before it. */
  async next(fits: (message: Seen) => boolean): Promise<Seen> {
    for (;;) {
      const at = this.seen.findIndex(fits);
      const found = this.seen[at];
      if (found !== undefined) {
        this.seen.splice(0, at + 1);
        return found;
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }
}

/** Resolves when the condition holds, looked at each time `subscribe` says that something changed. */
export async function until(holds: () => boolean, subscribe: (changed: () => void) => () => void): Promise<void> {
  if (holds()) return;
  await new Promise<void>((resolve) => {
    const dispose = subscribe(() => {
      if (!holds()) return;
      dispose();
      resolve();
    });
  });
}
