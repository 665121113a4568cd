import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { systemClock } from "../../base/clock.ts";
import { describeError, GatewayError } from "../../base/errors.ts";
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

/**
 * The link to the configured broker, or else to our own; null where neither is wanted.
 * @throws GatewayError `mqtt-files`: a certificate or a key cannot be read
 */
export async function makeLink(
  { loaded, mqttPassword, repository }: Prepared,
  root: string,
  admits: (address: string) => boolean,
  log: Log,
): Promise<Link | null> {
  const { mqtt, broker, homeAssistant, homeAssistantTopic } = loaded.config.status;
  const common = { clock: systemClock, wall: Date.now, log };
  if (mqtt !== undefined) {
    const read = async (path: string | undefined, as: "ca" | "cert" | "key") =>
      path === undefined ? {} : { [as]: await contentsOf(path) };
    const files = await Promise.all([read(mqtt.ca, "ca"), read(mqtt.cert, "cert"), read(mqtt.key, "key")]);
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
      ...Object.assign({}, ...files),
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

/** @throws GatewayError `mqtt-files` */
export async function contentsOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new GatewayError("mqtt-files", `${path} cannot be read: ${describeError(cause)}`, { cause });
  }
}
