import { randomBytes } from "node:crypto";
import { systemClock } from "../../base/clock.ts";
import { GatewayError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { EmbeddedBroker } from "../../drivers/embedded-broker.ts";
import { MqttLink } from "../../drivers/mqtt-link.ts";
import type { BrokerLink } from "../../status/port.ts";
import { willOf } from "../../status/publisher-service.ts";
import type { Prepared } from "../prepare.ts";

const KEEPALIVE_S = 15;
const addresses = { loopback: "127.0.0.1", lan: "::" } as const;

/** The connection to a broker, and the broker where it is our own. */
export interface Link {
  readonly link: BrokerLink;
  readonly broker: EmbeddedBroker | null;
}

/** What a link is made of. */
export interface LinkParts extends Pick<Prepared, "mqttPassword" | "brokerFiles"> {
  readonly loaded: Pick<Prepared["loaded"], "config">;
  readonly repository: Pick<Prepared["repository"], "issued">;
}

/**
 * The link to the configured broker, or else to our own; null where neither is wanted.
 * @throws GatewayError `mqtt-certificate`: TLS is wanted with files that cannot be had
 */
export function makeLink(
  { loaded, mqttPassword, brokerFiles, repository }: LinkParts,
  root: string,
  admits: (address: string) => boolean,
  log: Log,
): Link | null {
  const { mqtt, broker, homeAssistant, homeAssistantTopic } = loaded.config.status;
  const common = { clock: systemClock, wall: Date.now, log };
  if (mqtt !== undefined) {
    const needed = mqtt.ca ?? mqtt.cert;
    if (needed !== undefined && brokerFiles === null) {
      throw new GatewayError(
        "mqtt-certificate",
        `${needed} or a file with it cannot be used: "paxgate check" says why`,
      );
    }
    const link = new MqttLink({
      ...common,
      url: mqtt.url,
      protocol: mqtt.protocol,
      keepaliveSeconds: KEEPALIVE_S,
      // Of its own at each start: a broker ends the older of two connections of one name.
      clientId: `paxgate-${randomBytes(6).toString("hex")}`,
      will: willOf(root),
      ...(mqtt.username === undefined ? {} : { username: mqtt.username }),
      ...(mqttPassword === null ? {} : { password: mqttPassword }),
      ...(brokerFiles?.ca == null ? {} : { ca: brokerFiles.ca }),
      ...(brokerFiles?.own ?? {}),
    });
    return { link, broker: null };
  }
  if (!broker.enabled) return null;
  const own = new EmbeddedBroker({
    ...common,
    root,
    alsoPublish: homeAssistant ? [`${homeAssistantTopic}/status`] : [],
    host: addresses[broker.listen],
    port: broker.port,
    admits,
    users: () => {
      const { viewer, operator } = repository.issued.broker;
      return [
        { ...viewer, role: "viewer" },
        { ...operator, role: "operator" },
      ];
    },
    will: willOf(root),
  });
  return { link: own.link, broker: own };
}
