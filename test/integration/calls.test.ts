import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";

let rig: GatewayRig;
beforeAll(async () => {
  rig = await GatewayRig.start();
}, 30_000);
afterAll(() => rig?.stop());

describe("a call from the PAX", () => {
  it("reaches an event phone, carries sound both ways and is released by the PAX caller", async () => {
    const { pax, event } = rig;
    if (event === null) throw new Error("no event network");
    await pax.lift("21");
    await pax.waitFor("21", "dial-tone", 3_000);
    await pax.dial("21", "9");
    await pax.waitFor("21", "dial-tone", 3_000);
    const answered = rig.eventOf("answered");
    await pax.dial("21", "4123");
    const { call } = await answered;
    event.play(call, { kind: "tone", frequencyHz: 1_400 });
    await pax.play("21", { frequencyHz: 700 });
    await event.hearTone(call, 700);
    const heard = await pax.hear("21", { ms: 1_000, frequenciesHz: [1_400, 1_000] });
    expect(heard.tones[0]?.levelDbm0).toBeGreaterThan(-30);
    expect(heard.tones[1]?.levelDbm0).toBeLessThan(-45);
    const ended = rig.eventOf("ended");
    await pax.hangup("21");
    expect((await ended).cause).toBe("normal");
    await rig.quiet();
  });
});
