import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { Config } from "../config/schema.ts";
import { asteriskUser } from "../drivers/asterisk-files.ts";
import type { FactoryReset } from "../drivers/factory-reset.ts";
import { withAccounts } from "../sip/accounts.ts";
import { bootAlerts, bootStatus } from "../status/boot.ts";
import type { BootPort } from "../status/port.ts";
import type { RaisedAlert } from "../status/types.ts";
import { Gateway } from "./gateway.ts";
import { checkRules } from "./guard.ts";
import type { Chosen } from "./last-good.ts";
import { accountsIn, type Prepared } from "./prepare.ts";
import { collectWhenQuiet } from "./small-heap.ts";
import { Front } from "./status/front.ts";
import type { Supervision } from "./supervision.ts";

/** Requests to take up a changed configuration. None is lost, however many come while one is being served. */
export class ReloadRequests {
  #pending = false;
  #wake: () => void = () => undefined;

  request(): void {
    this.#pending = true;
    this.#wake();
  }

  /** Resolves when there is a request that nobody has taken yet. */
  wanted(): Promise<void> {
    if (this.#pending) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  get pending(): boolean {
    return this.#pending;
  }

  take(): void {
    this.#pending = false;
  }
}

/** How it is run on an appliance. */
export interface RunOptions {
  /** Asterisk is a unit of the service manager's, whose processes this file lists; null: it is our child. */
  readonly asteriskUnit?: string | null;
  readonly supervision?: Supervision | null;
  /** What the machine's start has left; null: nothing is known of it. */
  readonly boot?: BootPort | null;
}

const noBoot: BootPort = { read: () => ({ slot: null, trial: null, problem: null }) };

/**
 * Runs a gateway until `stop`; on a request it takes up the configuration that `choose` gives, once no call is up.
 * A configuration on which the gateway does not start gives way to the one before. Rejects only when there is none.
 */
export async function keepRunning(
  choose: () => Promise<Chosen>,
  factoryOf: (config: Config) => FactoryReset,
  stop: AbortSignal,
  reloads: ReloadRequests,
  log: Log,
  { asteriskUnit = null, supervision = null, boot }: RunOptions = {},
): Promise<void> {
  const appLog = log.child("app");
  const start = () => bootStatus((boot ?? noBoot).read());
  for (const problem of start().problems) appLog.error("the machine had no good start", { problem });
  let chosen = await choose();
  let before: Chosen | null = null;
  let changed: Dispose = () => undefined;
  let fromMs = 0; // of performance.now(): the start of the process
  while (!stop.aborted) {
    let notServing: Dispose = () => undefined;
    let follows: "none" | "follows" = "none";
    const begunMs = fromMs;
    const { config } = chosen.prepared.loaded;
    await mkdir(config.paths.runtime, { recursive: true, mode: 0o711 });
    const factory = factoryOf(config);
    const anew = new AbortController();
    const until = AbortSignal.any([stop, anew.signal]);
    const gateway = new Gateway(
      await withPresentAccounts(chosen.prepared),
      await asteriskUser(asteriskUnit !== null),
      log,
      {
        asteriskUnit,
        ...(supervision === null ? {} : { progress: supervision.progress }),
      },
    );
    await supervision?.preparing(config.paths.runtime);
    const { confirm } = chosen;
    gateway.configFault = chosen.fault;
    gateway.onReady(() => {
      appLog.info("ready for calls", { afterMs: Math.round(performance.now() - begunMs) });
      void confirm();
    });
    const { concerns } = chosen.prepared;
    const earlier = () => [
      ...concerns.map((text): RaisedAlert => ({ alert: "state", severity: "error", source: "store", text })),
      ...bootAlerts(start().problems),
    ];
    const running = () => start().system;
    const front = new Front(chosen.prepared, gateway, { factory, restart: () => anew.abort(), earlier, running }, log);
    const stopCollecting = collectWhenQuiet(() => gateway.calls.calls.length === 0);
    try {
      await gateway.start(until);
      changed();
      notServing = supervision?.serving(gateway, chosen) ?? notServing;
      await front.start(until);
      const next = await nextConfig(gateway, until, reloads, () =>
        choose().then((next) => checked(next, gateway, appLog)),
      );
      if (next !== null) {
        [before, chosen] = [chosen, next];
        follows = "follows";
      }
    } catch (error) {
      if (anew.signal.aborted) continue;
      if (before === null || stop.aborted) throw error;
      const fault = describeError(error);
      appLog.error("the gateway does not start on the changed configuration; back to the one before", { fault });
      follows = "follows";
      [chosen, before] = [{ ...before, fault, confirm: async () => undefined }, null];
    } finally {
      appLog.info("stopping");
      if (!stop.aborted) changed = supervision?.changing() ?? changed;
      notServing();
      stopCollecting();
      await front.stop();
      await gateway.stop(follows);
      fromMs = performance.now();
      if (anew.signal.aborted && !stop.aborted) {
        await forget(factory, config, appLog);
        [before, chosen] = [null, await choose()];
      }
    }
  }
}

/** A configuration waits for calls to end: the accounts may have had new credentials since it was prepared. */
async function withPresentAccounts(prepared: Prepared): Promise<Prepared> {
  // Whatever could not be stored was told when it was prepared.
  const accounts = await accountsIn(prepared.repository, prepared.loaded.config, () => undefined);
  return { ...prepared, model: withAccounts(prepared.model, accounts) };
}

/** Does what a factory reset has marked: at a start before anything is opened, or between two gateways. */
export async function forget(factory: FactoryReset, { paths }: Config, log: Log): Promise<void> {
  const forgotten = await factory.finish();
  if (forgotten === null) return;
  // Asterisk's logs name accounts and where their telephones were.
  await rm(join(paths.runtime, "asterisk", "log"), { recursive: true, force: true }).catch((error: unknown) => {
    log.error("factory reset: Asterisk's logs are left", { error: describeError(error) });
  });
  const { removed, left } = forgotten;
  if (left.length === 0) log.warn("factory reset: everything that was stored is forgotten", { files: removed });
  else log.error("factory reset: not everything could be forgotten; the next start tries again", { left });
}

/**
 * A configuration whose firewall the kernel refuses would take the calls away until it does not. Where there are none
 * to lose, it may be the one that helps.
 */
async function checked(next: Chosen, gateway: Gateway, log: Log): Promise<Chosen> {
  if (next.fault !== null || !gateway.ready) return next;
  try {
    await checkRules(next.prepared);
    return next;
  } catch (cause) {
    const words = `the changed configuration is not taken up, its firewall is refused: ${describeError(cause)}`;
    log.error(words);
    throw new GatewayError("config-invalid", words, { cause });
  }
}

/** Waits for the end (null), or for a changed configuration that can be used and a moment without calls. */
async function nextConfig(
  gateway: Gateway,
  stop: AbortSignal,
  reloads: ReloadRequests,
  choose: () => Promise<Chosen>,
): Promise<Chosen | null> {
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener("abort", () => resolve(), { once: true });
  });
  for (;;) {
    await Promise.race([stopped, reloads.wanted()]);
    if (stop.aborted) return null;
    reloads.take();
    const chosen = await choose().catch((error: unknown): Chosen | string => describeError(error));
    // What can't be used changes nothing; the status shows it until a good one comes.
    gateway.configFault = typeof chosen === "string" ? chosen : chosen.fault;
    if (typeof chosen === "string" || chosen.fault !== null) continue;
    await Promise.race([stopped, gateway.calls.idle(), reloads.wanted()]);
    if (stop.aborted) return null;
    if (!reloads.pending) return chosen;
  }
}
