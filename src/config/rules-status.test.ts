import { describe, expect, it } from "vitest";
import { statusRules } from "./rules-status.ts";
import { configSchema } from "./schema.ts";

const base = { lines: [{ name: "tie-1" }] };
const faults = (given: object) =>
  statusRules(configSchema.parse({ ...base, ...given })).map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("the status, the page and the inputs", () => {
  it("are in order as they are when nobody says anything", () => {
    expect(faults({})).toEqual([]);
  });

  it("need a port each", () => {
    expect(faults({ web: { port: 8188 } })).toEqual([expect.stringMatching(/^web\.port: port 8188 is ARI/)]);
    expect(faults({ web: { port: 1883 } })).toEqual([expect.stringMatching(/^status\.broker\.port: port 1883/)]);
    expect(faults({ web: { port: 1883 }, status: { broker: { enabled: false } } })).toEqual([]);
    expect(faults({ web: { enabled: false, port: 8188 } })).toEqual([]);
    const allow = [{ port: 8080, from: ["192.168.1.0/24"] }];
    expect(faults({ firewall: { allow } })).toEqual([expect.stringMatching(/^firewall\.allow\.0\.port/)]);
  });

  it("take certificates only with their keys, and only where there is TLS", () => {
    expect(faults({ web: { cert: "web.pem" } })).toEqual(["web.cert: cert and key come together"]);
    const mqtt = { url: "mqtt://broker", ca: "ca.pem", cert: "client.pem" };
    expect(faults({ status: { mqtt } }).map((text) => text.split(":")[0])).toEqual([
      "status.mqtt.ca",
      "status.mqtt.cert",
      "status.mqtt.cert",
    ]);
    expect(faults({ status: { mqtt: { ...mqtt, url: "mqtts://broker:8883", key: "client.key" } } })).toEqual([]);
    expect(faults({ status: { mqtt: { url: "mqtt://broker", password: "x" } } })).toHaveLength(1);
  });

  it("share bans only with a key, over a broker, and not with themselves", () => {
    expect(faults({ status: { fleet: { shareBans: true } } })).toHaveLength(2);
    const status = {
      mqtt: { url: "mqtt://broker" },
      fleet: { key: "0123456789abcdef", acceptBans: ["north", "south"] },
    };
    expect(faults({ status })).toEqual([]);
    expect(faults({ status, site: { id: "south" } })).toEqual(["status.fleet.acceptBans.1: is this gateway itself"]);
  });

  it("name each input and each GPIO line once", () => {
    const input = { name: "fuse", label: "Fuse", gpio: "pinctrl-bcm2835:17" };
    expect(faults({ inputs: [input, { ...input, name: "other", gpio: "pinctrl-bcm2835:18" }] })).toEqual([]);
    expect(faults({ inputs: [input, input] })).toHaveLength(2);
    expect(faults({ inputs: [input], button: { gpio: input.gpio } })).toHaveLength(1);
    expect(faults({ inputs: [{ ...input, name: "button" }] })).toHaveLength(1);
    const named = { ...input, gpio: "paxgate-button" };
    expect(faults({ inputs: [named], button: { gpio: "other" } })).toEqual([]);
    expect(faults({ inputs: [named], button: { gpio: named.gpio } })).toHaveLength(1);
    expect(() => faults({ button: { gpio: "--help" } })).toThrow(/a GPIO line's name/);
    const sim = { name: "a", label: "A" };
    expect(faults({ inputs: [sim, { ...sim, name: "b" }], button: { gpio: "sim" } })).toEqual([]);
  });
});
