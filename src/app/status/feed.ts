import type { Dispose } from "../../base/events.ts";
import type { FleetService } from "../../status/fleet-service.ts";
import type { BrokerLink } from "../../status/port.ts";
import type { StatusService } from "../../status/service.ts";
import type { BrokerState, HistoryView, SiteMessage } from "../../status/types.ts";
import type { Feed } from "../../web/port.ts";

/** Where there is no broker, the page needs none. */
const noBroker: BrokerState = { url: "", embedded: true, connected: true, sinceMs: 0, fault: null };

/** What the page shows: our own status as it is, whatever the broker does, and the other sites' by the broker. */
export class SiteFeed implements Feed {
  readonly site: string;
  readonly #status: StatusService;
  readonly #fleet: FleetService | null;
  readonly #link: BrokerLink | null;

  constructor(status: StatusService, fleet: FleetService | null, link: BrokerLink | null) {
    this.site = status.site;
    this.#status = status;
    this.#fleet = fleet;
    this.#link = link;
  }

  snapshot(): readonly SiteMessage[] {
    const own = this.#status.snapshot().map((message) => ({ ...message, site: this.site }));
    return [...own, ...(this.#fleet?.snapshot() ?? [])];
  }

  onMessage(listener: (message: SiteMessage) => void): Dispose {
    const own = this.#status.onMessage((message) => listener({ ...message, site: this.site }));
    const others = this.#fleet?.onMessage(listener);
    return () => {
      own();
      others?.();
    };
  }

  broker(): BrokerState {
    return this.#link?.state ?? noBroker;
  }

  onBroker(listener: (state: BrokerState) => void): Dispose {
    return this.#link?.onState(listener) ?? (() => undefined);
  }

  history(): HistoryView {
    return this.#status.history();
  }
}
