import { describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { configSchema } from "../../config/schema.ts";
import { type LinkParts, makeLink } from "./link.ts";

const account = (username: string) => ({ username, secret: `secret-of-${username}` });
const issued = {
  broker: { viewer: account("viewer"), operator: account("operator") },
  dashboard: "pw",
  accounts: new Map(),
};

function made(status: object, more: Partial<LinkParts> = {}) {
  const config = configSchema.parse({ lines: [{ name: "tie" }], status });
  const repository = { issued } as unknown as LinkParts["repository"];
  const parts: LinkParts = { loaded: { config }, mqttPassword: null, brokerFiles: null, repository, ...more };
  return makeLink(parts, "paxgate/camp", () => true, silentLog);
}

describe("the link to a broker", () => {
  it("is none where neither a broker is named nor an own one wanted", () => {
    expect(made({ broker: { enabled: false } })).toBeNull();
  });

  it("leads to our own broker where no other is named, and not before it is started", () => {
    const link = made({});
    expect(link?.broker).not.toBeNull();
    expect(link?.link.state).toMatchObject({ embedded: true, connected: false });
  });

  it("leads to the broker that is named, whose password is in nothing that is shown", () => {
    const mqtt = { url: "mqtt://broker.example:1884", username: "pax", password: "hush-hush" };
    const link = made({ mqtt }, { mqttPassword: "hush-hush" });
    expect(link?.broker).toBeNull();
    expect(link?.link.state).toMatchObject({ url: expect.stringContaining("broker.example:1884"), embedded: false });
    expect(JSON.stringify(link?.link.state)).not.toContain("hush-hush");
  });

  it.each([
    [{ ca: "/x/ca.pem" }, "/x/ca.pem"],
    [{ cert: "/x/own.pem", key: "/x/own.key" }, "/x/own.pem"],
  ])("is refused while the files for TLS cannot be had, rather than made without them: %j", (files, named) => {
    const status = { mqtt: { url: "mqtts://broker.example", ...files } };
    expect(() => made(status)).toThrow(expect.objectContaining({ code: "mqtt-certificate" }));
    expect(() => made(status)).toThrow(named);
    const brokerFiles = { ca: Buffer.from("ca"), own: null };
    expect(made(status, { brokerFiles })?.link.state.connected).toBe(false);
  });

  it("needs no files where the system's authorities are meant", () => {
    expect(made({ mqtt: { url: "mqtts://broker.example" } })).not.toBeNull();
  });
});
