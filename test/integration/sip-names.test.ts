import { afterEach, describe, expect, it } from "vitest";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";

let asterisk: TestAsterisk | undefined;

afterEach(async () => {
  await asterisk?.remove();
});

describe("a trunk whose server's name does not resolve", () => {
  it("does not keep the gateway from running and is not given up", async () => {
    asterisk = await prepareAsterisk({
      trunks: [{ name: "lost", server: "no-such-host.invalid", username: "4101", password: "given" }],
      accounts: [{ name: "kitchen" }],
    });
    const { service, commands } = asterisk;
    await service.start(new AbortController().signal);
    expect(service.up).toBe(true);
    expect(await service.check()).toEqual([]);
    const peer = (await commands.command("sip show peer trunk-lost")).join("\n");
    expect(peer).toMatch(/ToHost +: no-such-host\.invalid/);
    expect((await commands.command("sip show registry")).join("\n")).toContain("no-such-host.invalid");
  });
});
