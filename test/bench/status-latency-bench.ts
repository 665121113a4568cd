import type { Finding, Goal } from "../../src/app/bench/finding.ts";
import { quantile } from "../../src/app/bench/statistics.ts";
import { within } from "../../src/base/lifecycle.ts";
import { GatewayRig } from "../integration/support/gateway-rig.ts";
import { freePort, Mosquitto } from "../integration/support/mosquitto.ts";
import { MqttWatch } from "../integration/support/mqtt-watch.ts";
import { stored } from "../integration/support/status-rig.ts";
import type { BrokerKind } from "./everything-on.ts";

const P50: Goal = { most: 20, of: "median" };
const LIMIT_MS = 15_000;
/** Rounds before those that count: code is compiled, connections find their pace. */
const WARM_UP = 10;
const ROOT = "paxgate/north";
const INPUT = "input-1";

/** From an event at the exchange to a subscriber's having read it, through either broker. */
export async function benchStatusLatency(rounds: number): Promise<Finding[]> {
  return [...(await latency("own broker", rounds)), ...(await latency("mosquitto", rounds))];
}

async function latency(broker: BrokerKind, rounds: number): Promise<Finding[]> {
  // As Debian installs it, but for a port of its own and nobody's having to log in.
  const mosquitto = broker === "mosquitto" ? await Mosquitto.open() : null;
  try {
    const port = mosquitto?.port ?? (await freePort());
    const rig = await GatewayRig.start(optionsOf(port, mosquitto !== null));
    try {
      return await measured(broker, rig, port, rounds);
    } finally {
      await rig.stop();
    }
  } finally {
    await mosquitto?.remove();
  }
}

function optionsOf(port: number, foreign: boolean) {
  // No debounce: the time of the contact's bouncing is not ours to be measured.
  const inputs = Array.from({ length: 16 }, (_, at) => ({ name: `input-${at + 1}`, label: "Contact", debounceMs: 0 }));
  return {
    withoutEvent: true,
    tieLines: 8,
    trunks: 0,
    config: {
      site: { id: "north" },
      trunks: [{ name: "t4100", server: "127.0.0.1", username: "4100", password: "pw", register: false }],
      status: {
        requests: true,
        homeAssistant: true,
        ...(foreign ? { mqtt: { url: `mqtt://127.0.0.1:${port}` } } : { broker: { port } }),
      },
      inputs,
    },
  };
}

async function measured(broker: BrokerKind, rig: GatewayRig, port: number, rounds: number): Promise<Finding[]> {
  const { username, secret } = stored(rig).broker.operator;
  const watch = await MqttWatch.open(port, `${ROOT}/#`, { username, password: secret });
  try {
    // Its first state is there: from now on only changes come.
    await next(watch, `inputs/${INPUT}`, () => true);
    const contact = await timesOf(rounds, async (round) => {
      const active = round % 2 === 0;
      await rig.pax.setInput(INPUT, active);
      return next(watch, `inputs/${INPUT}`, (state) => state["active"] === active);
    });
    return findings(`${broker}: contact → subscriber`, contact);
  } finally {
    await watch.close();
  }
}

/** One after another, each from before the deed to the arrival of what it leads to, ms. */
async function timesOf(rounds: number, round: (at: number) => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < rounds + WARM_UP; at++) {
    const begun = performance.now();
    const arrived = await round(at);
    if (at >= WARM_UP) times.push(arrived - begun);
  }
  return times;
}

function findings(name: string, times: readonly number[]): Finding[] {
  return [
    { name: `${name}, p50`, unit: "ms", goal: P50, values: [quantile(times, 0.5)] },
    { name: `${name}, p99`, unit: "ms", goal: null, values: [quantile(times, 0.99)] },
    { name: `${name}, longest`, unit: "ms", goal: null, values: [Math.max(...times)] },
  ];
}

/** Time of arrival of the first message of this topic that fits; those before it are forgotten. */
async function next(
  watch: MqttWatch,
  name: string,
  fits: (state: Record<string, unknown>) => boolean,
): Promise<number> {
  const awaited = watch.next(({ topic, payload }) => {
    return topic === `${ROOT}/${name}` && fits(JSON.parse(payload) as Record<string, unknown>);
  });
  return (await within(LIMIT_MS, awaited, `${name} did not come`)).atMs;
}
