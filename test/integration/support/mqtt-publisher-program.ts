import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { MqttLink } from "../../../src/drivers/mqtt-link.ts";
import { Publisher, willOf } from "../../../src/status/publisher-service.ts";

/** A process that publishes a small status, to be killed. Arguments: the broker's URL and `<base>/<site>`. */
const [url = "", root = ""] = process.argv.slice(2);
const options = { clock: systemClock, wall: Date.now, log: silentLog };
const link = new MqttLink({
  ...options,
  url,
  protocol: 4,
  clientId: "paxgate-child",
  will: willOf(root),
  keepaliveSeconds: 15,
});
const source = {
  snapshot: () => [{ topic: "gateway", payload: { state: "ready" }, retain: true }],
  onMessage: () => () => undefined,
};
const publisher = new Publisher(source, link, { ...options, root, heartbeatSeconds: 30 });
const life = new AbortController();
await publisher.start(life.signal);
await link.start(life.signal);
