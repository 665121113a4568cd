import { chromium } from "playwright-core";
import { expect, it } from "vitest";
import { makeAsset } from "../../src/web/assets.ts";
import { PASSWORD, startWeb, testAssets } from "./support/web-rig.ts";

it("a real browser logs in with a bare form, keeps the session, hears the feed, and runs nothing inline", async () => {
  const assets = testAssets();
  const put = (path: string, text: string) => assets.set(path, makeAsset(path, Buffer.from(text)));
  put(
    "/login.html",
    '<!doctype html><form method="post" action="/login"><input name="password"><button>Log in</button></form>',
  );
  put(
    "/index.html",
    '<!doctype html><title>none</title><script>document.title="inline"</script><script src="/f.js"></script>',
  );
  put(
    "/f.js",
    `new EventSource("/api/feed").addEventListener("snapshot", async () => {
      const headers = { "content-type": "application/json", "x-paxgate": "1" };
      const body = JSON.stringify({ name: "call/test" });
      const answer = await fetch("/api/operation", { method: "POST", headers, body });
      document.title += " " + answer.status + " " + (await answer.json()).status + " [" + document.cookie + "]";
    });`,
  );
  const rig = await startWeb({ assets });
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.goto(rig.base);
    expect(page.url()).toBe(`${rig.base}/login`);
    await page.fill("input", "wrong");
    await page.click("button");
    await page.waitForURL("**/login?failed=wrong");
    await page.fill("input", PASSWORD);
    await page.click("button");
    await page.waitForURL(`${rig.base}/`);
    // Neither the inline script ran nor does any script see the cookie.
    await expect.poll(() => page.title()).toBe("none 200 ok []");
    // A frame of another site stays empty.
    const foreign = await browser.newPage();
    await foreign.setContent(`<iframe src="${rig.base}/login"></iframe>`);
    await expect.poll(() => foreign.frames()[1]?.url()).toMatch(/^chrome-error:/);
  } finally {
    await browser.close();
    await rig.stop();
  }
});
