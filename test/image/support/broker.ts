import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { MqttClient } from "mqtt";
import { MqttWatch } from "../../integration/support/mqtt-watch.ts";
import { eventually } from "./command.ts";
import { addresses, type Outside } from "./outside.ts";

/** The event's MQTT broker: mosquitto in the network outside the machine, and for the test a local socket. */
export class Broker {
  readonly #outside: Outside;
  #child: ReturnType<Outside["spawn"]> | null = null;

  constructor(outside: Outside) {
    this.#outside = outside;
  }

  get #socket(): string {
    return join(this.#outside.directory, "mqtt.sock");
  }

  async start(): Promise<void> {
    const file = join(this.#outside.directory, "mosquitto.conf");
    const lines = ["user root", "persistence false", `listener 1883 ${addresses.router}`, "allow_anonymous true"];
    await writeFile(file, `${[...lines, `listener 0 ${this.#socket}`, "allow_anonymous true"].join("\n")}\n`);
    const child = this.#outside.spawn(["/usr/sbin/mosquitto", "-v", "-c", file]);
    this.#child = child;
    const words: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        if (words.length < 200) words.push(text);
        if (text.includes(" running")) resolve();
      });
      child.once("exit", () => reject(new Error(`mosquitto ended: ${words.join("")}`)));
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Somebody who reads everything there. */
  watch(): Promise<MqttWatch> {
    return eventually("the broker's local socket", 10_000, async () => {
      const client = new MqttClient(() => createConnection(this.#socket), {
        protocolVersion: 4,
        protocolId: "MQTT",
        reconnectPeriod: 200,
        clientId: "image-test",
        clean: true,
      });
      // A broker that the test has stopped; the client tries again.
      client.on("error", () => undefined);
      await new Promise<void>((resolve) => client.once("connect", () => resolve()));
      await client.subscribeAsync("#", { qos: 1 });
      return new MqttWatch(client);
    });
  }
}
