import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { FoundAsterisk } from "./asterisk-process-found.ts";
import { readOrdinary } from "./guarded-files.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { openUdpPorts, type PortHolder, tcpListeners } from "./process-sockets.ts";

export interface AsteriskUnitOptions {
  /** The user that the unit runs it as, who runs nothing else on the appliance. */
  readonly user: { readonly uid: number };
  /** A write to this file makes the service manager start the unit (systemd.path(5), PathModified). */
  readonly requestFile: string;
  /** The unit's processes, one number a line, as in its control group's `cgroup.procs`; not there when it has none. */
  readonly membersFile: string;
  /** Longest wait for an Asterisk after the first request, ms. */
  readonly limitMs?: number;
}

/** Loading its modules comes later: a process that begins is there within a second, on a slow card within some. */
const LIMIT_MS = 8_000;
/** A request that comes while the unit still ends is lost: it is repeated. */
const ASK_AGAIN_MS = 500;
const LOOK_MS = 25;

/** Of the list of processes: it has one. */
const MEMBERS_BYTES = 4_096;

/**
 * Asterisk as a unit of its own, of another user than ours: we may neither start it nor look into it, nor even see its
 * process. It is asked for by a file that the service manager watches. Its process is the one in its control group,
 * into which nobody but the service manager can put one: nothing that Asterisk's user says is believed. It is ended by
 * a signal, which takes CAP_KILL. Its sockets are known by its user.
 */
export class AsteriskUnit extends FoundAsterisk {
  readonly #options: AsteriskUnitOptions;
  #asked = 0;
  #givenUp = false;

  constructor(options: AsteriskUnitOptions, log: Log) {
    super(log);
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

  protected find(): ProcessIdentity | null {
    const [pid] = this.#members();
    return pid === undefined ? null : { pid, startTime: "" };
  }

  protected isAlive({ pid }: ProcessIdentity): boolean {
    return this.#members().includes(pid);
  }

  /** The service manager's child comes first, which Asterisk becomes: it starts no others. */
  #members(): readonly number[] {
    const text = readOrdinary(this.#options.membersFile, MEMBERS_BYTES) ?? "";
    return (text.match(/^[1-9][0-9]{0,9}$/gm) ?? []).map(Number).filter((pid) => pid > 1);
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
