import { type Dispose, TypedEmitter } from "../base/events.ts";
import type { Service } from "../base/lifecycle.ts";
import type { LineOrder, LineReport, LinesPort } from "../calls/port.ts";
import type { MediaPort } from "../line/port.ts";
import type { LineService } from "../line/service.ts";

/** All lines of the gateway as the calls room sees them. */
export class Lines implements LinesPort, Service {
  readonly name = "lines";
  readonly services: ReadonlyMap<string, LineService>;
  readonly #emitter = new TypedEmitter<{ report: [line: string, report: LineReport] }>();
  readonly #subscriptions: Dispose[] = [];

  constructor(services: readonly LineService[]) {
    this.services = new Map(services.map((service) => [service.name, service]));
  }

  onReport(listener: (line: string, report: LineReport) => void): Dispose {
    return this.#emitter.on("report", listener);
  }

  order(line: string, order: LineOrder): void {
    this.services.get(line)?.command(order);
  }

  attachMedia(line: string, media: MediaPort | null): void {
    this.services.get(line)?.attachMedia(media);
  }

  async start(signal: AbortSignal): Promise<void> {
    for (const [name, service] of this.services) {
      this.#subscriptions.push(service.onEvent((event) => this.#emitter.emit("report", name, event)));
    }
    await Promise.all([...this.services.values()].map((service) => service.start(signal)));
  }

  async stop(): Promise<void> {
    for (const dispose of this.#subscriptions.splice(0)) dispose();
    await Promise.allSettled([...this.services.values()].map((service) => service.stop()));
  }
}
