import { createHash, timingSafeEqual } from "node:crypto";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import type { Service } from "../../base/lifecycle.ts";
import type { Log } from "../../base/log.ts";
import type { WebConfig } from "../../config/schema.ts";
import type { Repository } from "../../store/repository.ts";
import type { Passwords, WebPorts } from "../../web/port.ts";
import { WebService } from "../../web/service.ts";
import { contentsOf } from "./link.ts";

/** The page's files stand beside the program. */
const assets = () => join(dirname(realpathSync(process.argv[1] ?? "")), "web");

/** The page's server; its certificate is read at every start, so that a renewed one needs no more than that. */
export class PageService implements Service {
  readonly name = "page";
  readonly #config: WebConfig;
  readonly #ports: WebPorts;
  readonly #log: Log;
  #server: WebService | null = null;

  constructor(config: WebConfig, ports: WebPorts, log: Log) {
    this.#config = config;
    this.#ports = ports;
    this.#log = log;
  }

  /** @throws GatewayError `mqtt-files`, and those of `WebService` */
  async start(signal: AbortSignal): Promise<void> {
    const { cert, key, listen, port, metricsFrom } = this.#config;
    const tls =
      cert === undefined || key === undefined ? null : { cert: await contentsOf(cert), key: await contentsOf(key) };
    this.#server = new WebService({
      listen,
      port,
      tls,
      assets: assets(),
      metricsFrom,
      names: [],
      ports: this.#ports,
      clock: systemClock,
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
