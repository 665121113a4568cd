import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { FoundAsterisk } from "./asterisk-process-found.ts";
import { claimsToRun } from "./process-identity.ts";
import { openUdpPorts, type PortHolder, tcpListeners } from "./process-sockets.ts";

export interface AsteriskUnitOptions {
  /** As the unit starts it: the first word of its command line. */
  readonly program: string;
  readonly configFile: string;
  readonly runDirectory: string;
  /** The user that the unit runs it as, who runs nothing else on the appliance. */
  readonly user: { readonly uid: number };
  /** A write to this file makes the service manager start the unit (systemd.path(5), PathModified). */
  readonly requestFile: string;
  /** Longest wait for an Asterisk after the first request, ms. */
  readonly limitMs?: number;
}

/** Loading its modules comes later: a process that begins is there within a second, on a slow card within some. */
const LIMIT_MS = 8_000;
/** A request that comes while the unit still ends is lost: it is repeated. */
const ASK_AGAIN_MS = 500;
const LOOK_MS = 25;

/**
 * Asterisk as a unit of its own, of another user than ours: we may neither start it nor look into it. It is asked for by
 * a file that the service manager watches, and then found as one that somebody left running is. It is ended by a
 * signal, which takes CAP_KILL. Its sockets are known by its user.
 */
export class AsteriskUnit extends FoundAsterisk {
  readonly #options: AsteriskUnitOptions;
  #asked = 0;
  #givenUp = false;

  constructor(options: AsteriskUnitOptions, log: Log) {
    super(options.runDirectory, log);
    this.#options = options;
  }

  udpPorts(): Promise<ReadonlySet<number>> {
    return this.running ? openUdpPorts(this.#options.user) : Promise.resolve(new Set());
  }

  tcpListeners(): Promise<ReadonlyMap<number, PortHolder>> {
    return tcpListeners(this.running ? this.#options.user : null);
  }

  /** @throws GatewayError `asterisk-start`: nothing came of the request */
  async start(): Promise<"started" | "attached"> {
    if (this.attach()) return "attached";
    const { requestFile, limitMs = LIMIT_MS } = this.#options;
    this.#givenUp = false;
    const until = performance.now() + limitMs;
    for (let askAt = 0; performance.now() < until && !this.#givenUp; await delay(LOOK_MS)) {
      if (this.attach()) return "started";
      if (performance.now() < askAt) continue;
      await this.#ask();
      askAt = performance.now() + ASK_AGAIN_MS;
    }
    const why = this.#givenUp ? "it was stopped meanwhile" : `nothing came of a write to ${requestFile}`;
    throw new GatewayError("asterisk-start", `Asterisk's unit did not start: ${why}`);
  }

  override stop(): Promise<void> {
    this.#givenUp = true;
    return super.stop();
  }

  protected isOurs(pid: number): boolean {
    const { program, user, configFile } = this.#options;
    return claimsToRun(pid, program, user.uid, configFile);
  }

  protected notes() {
    return [];
  }

  /** Written in place: that is what is watched for. Its content says nothing, but a write needs some. */
  async #ask(): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const file = await open(this.#options.requestFile, flags, 0o600);
    try {
      await file.writeFile(`${++this.#asked}\n`);
    } finally {
      await file.close();
    }
  }
}
