import { createHash, timingSafeEqual } from "node:crypto";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { GatewayError } from "../../base/errors.ts";
import type { Service } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import type { KeyPair } from "../../config/certificates.ts";
import type { WebConfig } from "../../config/schema.ts";
import type { Repository } from "../../store/repository.ts";
import type { Passwords, WebPorts } from "../../web/port.ts";
import { WebService } from "../../web/service.ts";
import { lanAddress } from "./networks.ts";

/** The page's files stand beside the program. */
const assets = () => join(dirname(realpathSync(process.argv[1] ?? "")), "web");

/** Where the page is, from the LAN if it is for the LAN; null: no address is known. */
export function pageUrl({ listen, cert, port }: WebConfig): string | null {
  const address = listen === "lan" ? lanAddress("0.0.0.0") : "127.0.0.1";
  if (address === null) return null;
  return `${cert === undefined ? "http" : "https"}://${address.includes(":") ? `[${address}]` : address}:${port}/`;
}

/** The page's server. */
export class PageService implements Service {
  readonly name = "page";
  readonly #config: WebConfig;
  readonly #tls: KeyPair | null;
  readonly #ports: WebPorts;
  readonly #log: Log;
  #server: WebService | null = null;

  /** `tls`: null where the configuration gives no certificate. */
  constructor(config: WebConfig, tls: KeyPair | null, ports: WebPorts, log: Log) {
    this.#config = config;
    this.#tls = tls;
    this.#ports = ports;
    this.#log = log;
  }

  /** @throws GatewayError those of `WebService`; `web-certificate`: HTTPS is wanted, and its files cannot be had */
  async start(signal: AbortSignal): Promise<void> {
    const { cert, listen, port, metricsFrom } = this.#config;
    const tls = this.#tls;
    // Never without encryption where encryption is wanted.
    if (cert !== undefined && tls === null) {
      throw new GatewayError("web-certificate", `${cert} or its key cannot be used: "paxgate check" says why`);
    }
    this.#server = new WebService({
      listen,
      port,
      tls,
      assets: assets(),
      metricsFrom,
      names: [],
      ports: this.#ports,
      clock: systemClock,
      wall: Date.now,
      log: this.#log,
    });
    await this.#server.start(signal);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = null;
  }
}

/** The page's password, as it is stored now. */
export function pagePasswords(repository: Repository, onChanged: Passwords["onChanged"]): Passwords {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return {
    verify: (password) => timingSafeEqual(digest(password), digest(repository.issued.dashboard)),
    onChanged,
  };
}
