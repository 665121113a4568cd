import { expect, it } from "vitest";
import { FakeAri } from "./fake-ari.ts";
import { LineBridge } from "./line-bridge.ts";

const channel = {
  id: "one-media",
  name: "UnicastRTP",
  state: "Up",
  caller: { number: "", name: "" },
  channelvars: { UNICASTRTP_LOCAL_PORT: "9" },
};

it("a line's audio that is abandoned before Asterisk hands it over leaves nothing behind, at once", async () => {
  const ari = new FakeAri((request) => (request === "POST /channels/externalMedia" ? channel : null));
  const bridge = new LineBridge(ari, "one");
  const ready = bridge.open(15);
  await expect.poll(() => ari.requests).toContain("POST /applications/paxgate/subscription");
  const began = performance.now();
  await bridge.close();
  // It would be handed over within two seconds, or not at all.
  expect(performance.now() - began).toBeLessThan(500);
  await expect(ready).rejects.toThrow("the audio leg was closed");
  expect(ari.requests.slice(-2)).toEqual(["DELETE /channels/one-media", "DELETE /bridges/one-bridge"]);
});

it("a line's audio that is closed at once is closed after all requests that make it", async () => {
  const ari = new FakeAri((request) => (request === "POST /channels/externalMedia" ? channel : null));
  const bridge = new LineBridge(ari, "one");
  const ready = bridge.open(15);
  await bridge.close();
  await expect(ready).rejects.toThrow("closed before it was open");
});
