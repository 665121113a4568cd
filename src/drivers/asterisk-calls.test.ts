import { describe, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import type { SipEvent } from "../calls/port.ts";
import { AsteriskCalls } from "./asterisk-calls.ts";
import { FakeAri, incomingCall } from "./fake-ari.ts";

const media = { id: "media", name: "UnicastRTP", state: "Up", caller: { number: "", name: "" } };

/** Answers of an Asterisk in which everything works, apart from what `fault` says. */
function asterisk(fault: (request: string) => unknown = () => undefined) {
  return (request: string): unknown => {
    const told = fault(request);
    if (told !== undefined) return told;
    if (request.startsWith("GET")) return [];
    if (request === "POST /channels/externalMedia") return { ...media, channelvars: { UNICASTRTP_LOCAL_PORT: "9" } };
    return null;
  };
}

async function calls(ari: FakeAri) {
  const events: SipEvent[] = [];
  const waiting = new Set<() => void>();
  const service = new AsteriskCalls(
    ari,
    {
      placeOf: () => ({ context: "", extension: "" }),
      leaseS: 15,
      renewLease: async () => undefined,
      attachMedia: () => undefined,
    },
    silentLog,
  );
  service.onEvent((event) => {
    events.push(event);
    for (const look of [...waiting]) look();
  });
  await service.start();
  const heard = (type: SipEvent["type"]) =>
    new Promise<SipEvent>((resolve) => {
      const look = () => {
        const found = events.find((event) => event.type === type);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { service, events, heard };
}

describe("a call from the network whose line has no audio", () => {
  const broken = asterisk((request) => {
    if (request === "POST /channels/externalMedia") throw new Error("no RTP port");
    return undefined;
  });

  it("is refused when it is to be connected, and never answered", async () => {
    const ari = new FakeAri(broken);
    const { service, heard } = await calls(ari);
    ari.event(incomingCall("leg", "4121"));
    service.openMedia("tie1");
    await expect.poll(() => ari.requests).toContainEqual(expect.stringMatching(/^DELETE .*-media$/));
    service.connectEarly("leg", "tie1");
    service.answer("leg", "tie1");
    expect(await heard("ended")).toEqual({ type: "ended", leg: "leg", reason: "congestion" });
    await service.stop();
    expect(ari.requests).toContain("DELETE /channels/leg");
    expect(ari.requests).not.toContain("POST /channels/leg/answer");
  });

  it("is answered only after its audio is joined", async () => {
    let join: (joined: null) => void = () => undefined;
    const joined = new Promise<null>((resolve) => {
      join = resolve;
    });
    const ari = new FakeAri(
      asterisk((request) => {
        if (!request.endsWith("/addChannel")) return undefined;
        // The line's own channel first, then the caller's.
        return ari.requests.filter((each) => each.endsWith("/addChannel")).length > 1 ? joined : null;
      }),
    );
    const { service } = await calls(ari);
    ari.event(incomingCall("leg", "4121"));
    service.openMedia("tie1");
    await expect.poll(() => ari.requests.some((each) => each.endsWith("/subscription"))).toBe(true);
    const channel = { ...media, id: ari.mediaId };
    ari.event({ type: "StasisStart", channel, args: [] });
    service.answer("leg", "tie1");
    await expect.poll(() => ari.requests.filter((each) => each.endsWith("/addChannel"))).toHaveLength(2);
    expect(ari.requests).not.toContain("POST /channels/leg/answer");
    join(null);
    await expect.poll(() => ari.requests).toContain("POST /channels/leg/answer");
    ari.event({ type: "ChannelDestroyed", channel: { ...media, id: "leg" }, cause: 16 });
    await service.stop();
  });
});

describe("looking for what an earlier supervisor left", () => {
  it("spares a call that has come since, when the connection came, went and came again", async () => {
    const looks: ((channels: { id: string }[]) => void)[] = [];
    const ari = new FakeAri(
      asterisk((request) => (request === "GET /channels" ? new Promise((resolve) => looks.push(resolve)) : undefined)),
    );
    ari.up = false;
    const { service, events, heard } = await calls(ari);
    ari.comeUp();
    ari.goDown();
    ari.comeUp();
    // The answer of the first look counts no more, and what it finds is left for the second.
    looks[0]?.([{ id: "early" }]);
    looks[1]?.([{ id: "orphan" }]);
    await heard("up");
    expect(events).toEqual([{ type: "up" }]);
    expect(ari.requests.filter((each) => each.startsWith("DELETE"))).toEqual(["DELETE /channels/orphan"]);
    ari.event(incomingCall("fresh", "4121"));
    await heard("incoming");
    expect(ari.requests).not.toContain("DELETE /channels/fresh");
    await service.stop();
  });

  it("takes no calls before the look of the connection in use is over", async () => {
    const looks: ((channels: { id: string }[]) => void)[] = [];
    const ari = new FakeAri(
      asterisk((request) => (request === "GET /channels" ? new Promise((resolve) => looks.push(resolve)) : undefined)),
    );
    ari.up = false;
    const { service, heard } = await calls(ari);
    ari.comeUp();
    ari.goDown();
    ari.comeUp();
    looks[0]?.([]);
    await expect.poll(() => looks.length).toBe(2);
    ari.event(incomingCall("fresh", "4121"));
    expect(service.up).toBe(false);
    looks[1]?.([{ id: "fresh" }]);
    await heard("up");
    expect(service.up).toBe(true);
    await service.stop();
  });
});
