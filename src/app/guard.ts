import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { formatNetwork, type IpNetwork, parseAddress } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import { AmiSecurityEvents } from "../drivers/ami-events.ts";
import { KernelDefaultRoute } from "../drivers/default-route.ts";
import { DnsNames } from "../drivers/dns-names.ts";
import { type GuardPart, GuardState } from "../drivers/guard-state.ts";
import { HttpFetch } from "../drivers/http-fetch.ts";
import { ListFiles } from "../drivers/list-files.ts";
import { Nft } from "../drivers/nft.ts";
import { Operators } from "../drivers/operators.ts";
import { RegisteredPeers } from "../drivers/registered-peers.ts";
import { ScannerRulesKernel } from "../drivers/scanner-rules.ts";
import type { AskHolder } from "../drivers/trusted-socket.ts";
import { TABLE } from "../firewall/layout.ts";
import { noLists, nothingBlocked, policyOf } from "../firewall/model.ts";
import type { GatewaysPort, NftPort } from "../firewall/port.ts";
import { render } from "../firewall/render.ts";
import { GuardService } from "../firewall/service.ts";
import type { CommandPort } from "../sip/port.ts";
import type { AsteriskService } from "../sip/service.ts";
import type { Prepared } from "./prepare.ts";

/** The guard with its drivers; null where the configuration wants none. */
export interface Guard {
  readonly service: GuardService;
  readonly events: AmiSecurityEvents;
  /** What was found damaged since the start, in words. */
  readonly damage: readonly string[];
}

/** State of one part of the guard or of NAT, below a directory. */
export function guardState(
  directory: string,
  part: GuardPart,
  log: Log,
  damaged: (what: string) => void = () => undefined,
): GuardState {
  return new GuardState(join(directory, "guard"), part, (alert) => {
    const what = alert.type === "lost" ? "is lost; it begins anew" : "was damaged; its previous generation is used";
    log.error(`the stored state ${what}`, { path: alert.path });
    damaged(`the stored state ${alert.path} ${what}`);
  });
}

/**
 * Where no firewall is wanted, none of ours may go on from an earlier run: it would drop calls, and nobody would know
 * why. Whoever may not read the rules has put none there. Errors: those of `NftPort`.
 */
export async function removeOldRules(log: Log, nft: NftPort = new Nft(), scanner = new ScannerRulesKernel()) {
  const found = await nft.table(TABLE).catch(() => null);
  if (found === null) return;
  await nft.apply(`delete table inet ${TABLE}\n`);
  log.warn("the firewall of an earlier run was removed: firewall.protect is none");
  await scanner.apply(null).catch((error: unknown) => {
    log.warn("the scanner filter of an earlier run stays", { error: describeError(error) });
  });
}

/**
 * Whether nft takes the rules of a configuration, as far as they are known before names are looked up; what is in force
 * stays. Errors: those of `NftPort`.
 */
export async function checkRules({ loaded }: Prepared, nft: NftPort = new Nft()): Promise<void> {
  const policy = policyOf(loaded.config);
  if (policy === null) return;
  const lists = { lists: noLists, blocked: nothingBlocked, registered: [], gateways: [], localUids: [], serving: true };
  // Declared first, so that it can be deleted whether it is there or not.
  await nft.check(`table inet ${TABLE} { }\ndelete table inet ${TABLE}\n${render({ policy, ...lists }).rules}`);
}

export function makeGuard(
  { loaded, model, apibanKey }: Prepared,
  user: { readonly uid: number } | null,
  asterisk: Pick<AsteriskService, "up" | "accounts">,
  { commands, holder }: { readonly commands: CommandPort; readonly holder: AskHolder },
  log: Log,
): Guard | null {
  const { config } = loaded;
  const policy = policyOf(config);
  if (policy === null) return null;
  const { apiban, blockLists, confirmSeconds } = config.firewall;
  const lists = blockLists.map(({ name, file, url, refreshMinutes }) => ({
    name,
    refreshMinutes,
    ...(file === undefined ? {} : { file }),
    ...(url === undefined ? {} : { url }),
  }));
  const events = new AmiSecurityEvents({ ...model.securityEvents, holder }, log);
  const damage: string[] = [];
  const part = (name: GuardPart) => guardState(config.paths.state, name, log, (what) => damage.push(what));
  const service = new GuardService(
    {
      policy,
      confirmSeconds,
      blockLists: { apiban: apibanKey === null ? null : { ...apiban, key: apibanKey }, lists },
      moreNames: config.sip.externalAddress === undefined ? [] : [config.sip.externalAddress],
      localUids: [user?.uid ?? 0, process.getuid?.() ?? 0],
    },
    {
      nft: new Nft(),
      scanner: new ScannerRulesKernel(),
      events,
      peers: new RegisteredPeers(commands, () => asterisk.accounts),
      asterisk,
      names: new DnsNames(),
      fetch: new HttpFetch(),
      files: new ListFiles(),
      operators: new Operators(),
      gateways: new DefaultGateways(),
      state: { bans: part("bans"), lists: part("lists"), names: part("names"), trial: part("trial") },
      clock: systemClock,
      unixMs: Date.now,
    },
    log,
  );
  return { service, events, damage };
}

const LOOK_MS = 5_000;

/** The default gateways, looked at every five seconds: a cable may be put into another router. */
class DefaultGateways implements GatewaysPort {
  readonly #route = new KernelDefaultRoute();

  async gateways() {
    const route = await this.#route.read().catch(() => null);
    const address = route === null ? null : parseAddress(route.gateway);
    return address === null ? [] : [address];
  }

  onChange(listener: (gateways: readonly IpNetwork[]) => void): Dispose {
    let before: string | undefined;
    const look = async () => {
      const gateways = await this.gateways();
      const now = gateways.map(formatNetwork).join();
      if (before !== undefined && now !== before) listener(gateways);
      before = now;
    };
    const timer = setInterval(() => void look(), LOOK_MS);
    timer.unref();
    return () => clearInterval(timer);
  }
}
