import { describe, expect, it } from "vitest";
import { RtpSession } from "./rtp.ts";

describe("an RTP session", () => {
  it("that is closed while it opens says so, instead of leaving its user waiting", async () => {
    const session = new RtpSession();
    const opened = session.open();
    session.close();
    await expect(opened).rejects.toThrow("closed before it was open");
  });

  it("has a port once it is open", async () => {
    const session = new RtpSession();
    expect(await session.open()).toBeGreaterThan(0);
    session.close();
  });
});
