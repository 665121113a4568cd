import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { FakeAri } from "./fake-ari.ts";
import { LineBridges } from "./line-bridges.ts";

it("what a line's calls received is summed, and stays when they are over", async () => {
  const asterisk = createSocket("udp4");
  asterisk.bind(0, "127.0.0.1");
  await once(asterisk, "listening");
  let port = 0;
  const ari = new FakeAri((request, query) => {
    if (request !== "POST /channels/externalMedia") return null;
    port = Number(query["external_host"]?.split(":")[1]);
    return {
      id: "media",
      name: "UnicastRTP",
      state: "Up",
      caller: { number: "", name: "" },
      channelvars: { UNICASTRTP_LOCAL_PORT: String(asterisk.address().port) },
    };
  });
  const bridges = new LineBridges(ari, () => undefined, silentLog);
  const frame = Buffer.alloc(172);
  frame[0] = 0x80;
  frame[1] = 8;
  for (const call of [1, 2]) {
    const before = bridges.counts("tie1").received;
    bridges.open("tie1", `call-${call}`, 15, () => undefined);
    await expect
      .poll(() => {
        if (port !== 0) asterisk.send(frame, port, "127.0.0.1");
        return bridges.counts("tie1").received;
      })
      .toBeGreaterThan(before);
    const during = bridges.counts("tie1").received;
    await bridges.close("tie1");
    expect(bridges.counts("tie1").received).toBeGreaterThanOrEqual(during);
  }
  expect(bridges.counts("tie2")).toEqual({ received: 0, missing: 0, dropped: 0 });
  asterisk.close();
});
