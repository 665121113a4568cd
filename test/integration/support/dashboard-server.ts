import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { GatewayError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { BrokerState, SiteMessage } from "../../../src/status/types.ts";
import type { IssuedCredential, KeptSession } from "../../../src/web/port.ts";
import { WebService } from "../../../src/web/service.ts";
import { broker, evening, history, SITE } from "./dashboard-fixture.ts";

/** The real server of the page with the page as it is built now; what it tells is told by the test. */

export const PASSWORD = "correct-horse";
const builder = resolve(import.meta.dirname, "../../../scripts/build-web.mjs");

interface Weight {
  readonly files: readonly {
    readonly name: string;
    readonly plain: number;
    readonly br: number;
    readonly gzip: number;
  }[];
  readonly br: number;
  readonly gzip: number;
}

export interface DashboardServer {
  readonly url: string;
  /** What the page weighs, bytes. */
  readonly weight: Weight;
  /** Everything retained; a new snapshot has it. */
  messages: SiteMessage[];
  readonly asked: { readonly name: string; readonly params: unknown }[];
  /** What the next operation is refused with; null: it is done. */
  refusal: string | null;
  /** Opens the window for new credentials for a minute; whoever claims first has them. */
  openWindow(credentials: readonly IssuedCredential[]): void;
  closeWindow(): void;
  /** Tells all browsers. */
  send(topic: string, payload: unknown, site?: string): void;
  sendBroker(state: BrokerState): void;
  /** The server goes away; `again` brings it back at the same port. */
  stop(): Promise<void>;
  again(): Promise<void>;
  close(): Promise<void>;
}

export async function startDashboard(options: Parameters<typeof evening>[1] = {}): Promise<DashboardServer> {
  const directory = await mkdtemp(join(tmpdir(), "paxgate-web-"));
  const { buildWeb } = (await import(builder)) as { buildWeb(directory: string): Promise<Weight> };
  const weight = await buildWeb(join(directory, "web"));
  const onMessage = new Set<(message: SiteMessage) => void>();
  const onBroker = new Set<(state: BrokerState) => void>();
  let kept: readonly KeptSession[] = [];
  let brokerNow = broker(Date.now());
  let window: {
    untilMs: number;
    by: string | null;
    claim: string | null;
    credentials: readonly IssuedCredential[];
  } | null = null;

  const make = (port: number) =>
    new WebService({
      listen: "127.0.0.1",
      port,
      tls: null,
      assets: join(directory, "web"),
      metricsFrom: [],
      names: [],
      clock: systemClock,
      wall: Date.now,
      log: silentLog,
      ports: {
        feed: {
          site: SITE,
          snapshot: () => server.messages,
          onMessage: (listener) => {
            onMessage.add(listener);
            return () => onMessage.delete(listener);
          },
          broker: () => brokerNow,
          onBroker: (listener) => {
            onBroker.add(listener);
            return () => onBroker.delete(listener);
          },
          history: () => history(Date.now()),
        },
        passwords: { verify: (password) => password === PASSWORD, onChanged: () => () => undefined },
        handout: {
          openUntilMs: () => window?.untilMs ?? null,
          collect: (claim, address) => {
            if (window === null || (window.claim !== null && window.claim !== claim)) return null;
            window = { ...window, claim, by: address };
            return window.credentials;
          },
          collectedBy: () => window?.by ?? null,
        },
        operations: {
          perform: async (name, params) => {
            if (server.refusal !== null) throw new GatewayError("bad-request", server.refusal);
            server.asked.push({ name, params });
            return null;
          },
        },
        // As on the disk: a session outlives the server.
        sessions: {
          load: async () => kept,
          save: async (sessions) => {
            kept = sessions;
          },
        },
        metrics: () => "",
        admits: () => true,
      },
    });

  let service = make(0);
  const server: DashboardServer = {
    url: "",
    weight,
    messages: evening(Date.now(), options),
    asked: [],
    refusal: null,
    openWindow(credentials) {
      window = { untilMs: Date.now() + 60_000, by: null, claim: null, credentials };
    },
    closeWindow() {
      window = null;
    },
    send(topic, payload, site = SITE) {
      for (const listener of onMessage) listener({ site, topic, payload, retain: true });
    },
    sendBroker(state) {
      brokerNow = state;
      for (const listener of onBroker) listener(state);
    },
    stop: () => service.stop(),
    async again() {
      service = make(port);
      await service.start(new AbortController().signal);
    },
    async close() {
      await service.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await service.start(new AbortController().signal);
  const { port } = service;
  return Object.assign(server, { url: `http://127.0.0.1:${port}` });
}
