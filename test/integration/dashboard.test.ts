import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DESKTOP, faintTexts, LOOKS, overflow, type Visit, Visitors } from "./support/dashboard-browser.ts";
import { call, gateway, guard, line, lines, nat, OTHER } from "./support/dashboard-fixture.ts";
import { type DashboardServer, startDashboard } from "./support/dashboard-server.ts";

/** What a browser gets for all pages together, at most. */
const MOST_BYTES = 150_000;
/** From the status' word to the picture. */
const MOST_MS = 200;

let server: DashboardServer;
let visitors: Visitors;

beforeAll(async () => {
  server = await startDashboard();
  visitors = await Visitors.of(server);
});

afterAll(async () => {
  await visitors?.close();
  await server?.close();
});

describe("the sheet", () => {
  let desk: Visit;
  beforeAll(async () => {
    desk = await visitors.dashboard();
  });
  afterAll(() => desk?.close());

  it.each(LOOKS)("fits $width pixels, $scheme, without a complaint of the browser, all texts legible", async (look) => {
    const { page, complaints, close } = await visitors.dashboard(look);
    expect(await overflow(page)).toBe(0);
    expect(await faintTexts(page)).toEqual([]);
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(dark).toBe(look.scheme === "dark" ? "rgb(14, 21, 24)" : "rgb(243, 239, 227)");
    expect(complaints).toEqual([]);
    await close();
  });

  it("weighs less than 150 KB, all pages together", () => {
    expect(server.weight.gzip).toBeLessThanOrEqual(MOST_BYTES);
    expect(server.weight.br).toBeLessThan(server.weight.gzip);
  });

  it("has landmarks, one main heading, and a name for every section and control", async () => {
    const { page } = desk;
    expect(await page.getByRole("banner").count()).toBe(1);
    expect(await page.getByRole("main").count()).toBe(1);
    expect(await page.getByRole("navigation").count()).toBe(1);
    expect(await page.getByRole("heading", { level: 1 }).allTextContents()).toEqual(["Camp exchange"]);
    for (const name of ["Alerts", "The exchange", "Calls", "Dial health", "Guard", "Trunks", "NAT", "Machine"]) {
      expect(await page.getByRole("region", { name, exact: false }).count(), name).toBe(1);
    }
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("a, button, input, svg[role=img], [role=img]")]
        .filter((one) => {
          const label = one.getAttribute("aria-label") ?? one.closest("label")?.textContent ?? one.textContent ?? "";
          return label.trim() === "";
        })
        .map((one) => one.outerHTML.slice(0, 80)),
    );
    expect(nameless).toEqual([]);
  });

  it("tells alerts before anything else of the site, errors first", async () => {
    const { page } = desk;
    const first = await page.evaluate(() => document.querySelector("main")?.firstElementChild?.id);
    expect(first).toBe("alerts");
    expect(await page.locator(".alert b").allTextContents()).toEqual(["Error", "Warning"]);
  });

  it("keeps the lines in the order they came in", async () => {
    const { page } = desk;
    const shown = await page.locator(".unit h3").allTextContents();
    expect(shown).toEqual(lines(Date.now()).map((one) => one.line));
  });

  it("is reached by the keyboard, every control in its turn, with the focus to be seen", async () => {
    const { page } = desk;
    const all = await page.evaluate(() => {
      const radios = new Set<string>();
      const controls = [...document.querySelectorAll<HTMLElement>("a[href], button, input")].filter((one) => {
        if (!(one instanceof HTMLInputElement)) return true;
        // A group of radio buttons is one stop.
        if (radios.has(one.name)) return false;
        radios.add(one.name);
        return true;
      });
      return controls.length;
    });
    const reached = new Set<string>();
    for (let press = 0; press < all + 2; press++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const one = document.activeElement;
        if (!(one instanceof HTMLElement) || one === document.body) return null;
        const seen = one instanceof HTMLInputElement ? (one.nextElementSibling ?? one) : one;
        const { outlineStyle, outlineWidth } = getComputedStyle(seen);
        const index = [...document.querySelectorAll("a, button, input")].indexOf(one);
        return { index: String(index), outline: outlineStyle === "none" ? 0 : Number.parseFloat(outlineWidth) };
      });
      if (at === null) continue;
      expect(at.outline, `control ${at.index}`).toBeGreaterThanOrEqual(2);
      reached.add(at.index);
    }
    expect(reached.size).toBe(all);
  });

  it("names the PAX's line where it gives no number", async () => {
    const { page } = desk;
    const nowMs = Date.now();
    const active = [call("c1", nowMs, { caller: "", line: "tie-1", number: "4123" })];
    server.send("calls", { active, recent: [], today: { fromPax: 1, toPax: 0, answered: 1, refused: 0 } });
    await page.getByText("PAX on tie-1 → 4123").waitFor();
  });

  it.each([
    [null, "0.4.0"],
    [{ slot: "a", trial: false }, "0.4.0, system a"],
    [{ slot: "b", trial: true }, "0.4.0, system b, on trial"],
  ] as const)("names the system that runs, %j, beside the version", async (system, words) => {
    server.send("gateway", gateway({ system }));
    await desk.page.locator("#gateway dd").getByText(words, { exact: true }).waitFor();
  });

  it.each([
    ["host", "the whole machine is guarded"],
    ["gateway", "only the gateway's own ports are guarded"],
    ["none", "no firewall"],
  ] as const)("says what a guard of %s guards", async (protect, words) => {
    const { page } = desk;
    server.send("guard", { ...guard(Date.now()), protect });
    await page.locator(".sheet-guard .note", { hasText: words }).waitFor();
  });
});

describe("the feed", () => {
  it("says how ports are forwarded where no router is asked", async () => {
    const { page, close } = await visitors.dashboard();
    const none = { ...nat(Date.now()), mode: "none", protocol: null, router: null, mappings: [] };
    server.send("nat", { ...none, advice: null });
    await page.locator(".sheet-nat", { hasText: "its ports are forwarded by hand" }).waitFor();
    server.send("nat", { ...none, advice: "Forward UDP 5060 to 192.168.7.2." });
    await page.locator(".sheet-nat .advice", { hasText: "Forward UDP 5060" }).waitFor();
    await close();
  });

  it("shows a change within 200 ms", async () => {
    const { page, close } = await visitors.dashboard();
    const took: number[] = [];
    for (let round = 0; round < 7; round++) {
      const state = round % 2 === 0 ? "talking" : "idle";
      await page.evaluate(
        (word) => {
          const seen = new Promise<number>((resolve) => {
            const look = () => {
              if (document.querySelector('[data-line="tie-4"] .state strong')?.textContent === word)
                resolve(Date.now());
            };
            new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
          });
          Object.assign(globalThis, { seen });
        },
        state === "talking" ? "Talking" : "Idle",
      );
      const sentMs = Date.now();
      server.send("lines/tie-4", line("tie-4", sentMs, { state, call: state === "talking" ? "c9" : null }));
      const seenMs = await page.evaluate(() => (globalThis as unknown as { seen: Promise<number> }).seen);
      took.push(seenMs - sentMs);
    }
    const [, , , middle] = took.toSorted((one, other) => one - other);
    expect(middle, took.join(", ")).toBeLessThanOrEqual(MOST_MS);
    await close();
  });

  it.each(["light", "dark"] as const)(
    "says that it is stale, and since when, and is live again after, %s",
    async (scheme) => {
      const { page, close } = await visitors.dashboard({ ...DESKTOP, scheme });
      await server.stop();
      const banner = page.getByRole("alert").filter({ hasText: /Stale since \d\d:\d\d:\d\d/ });
      await banner.waitFor();
      expect(await page.locator(".page.stale").count()).toBe(1);
      expect(await faintTexts(page)).toEqual([]);
      await server.again();
      await banner.waitFor({ state: "hidden", timeout: 20_000 });
      expect(await page.locator(".page.stale").count()).toBe(0);
      server.send("lines/tie-4", line("tie-4", Date.now(), { state: "parked" }));
      await page.locator('[data-line="tie-4"]', { hasText: "Parked" }).waitFor();
      await close();
    },
  );

  it("says that the broker is lost, and that this site is live all the same", async () => {
    const { page, close } = await visitors.dashboard();
    const state = { url: "mqtts://broker.example:8883", embedded: false, sinceMs: Date.now(), fault: "refused" };
    server.sendBroker({ ...state, connected: false });
    await page.getByText(/Broker lost since \d\d:\d\d:\d\d/).waitFor();
    expect(await page.locator(".page.stale").count()).toBe(0);
    server.sendBroker({ ...state, connected: true });
    await page.getByText(/Broker lost/).waitFor({ state: "hidden" });
    await close();
  });

  it("switches between sites, and works only its own", async () => {
    const { page, close } = await visitors.dashboard();
    const sites = page.getByRole("region", { name: "Sites" });
    expect(await sites.getByRole("button").count()).toBe(2);
    await sites.getByRole("button", { name: /North field/ }).click();
    await page.locator('[data-line="b"]').waitFor();
    expect(await page.getByRole("button", { name: /^Block|^Release|^Restart/ }).count()).toBe(0);
    server.send("availability", "offline", OTHER);
    await page.getByText("This site is off line.", { exact: false }).waitFor();
    await sites.getByRole("button", { name: /Camp exchange/ }).click();
    await page.locator('[data-line="tie-1"]').waitFor();
    await close();
  });

  it("does not grow with messages, neither watched nor hidden", async () => {
    const { page, complaints, close } = await visitors.dashboard();
    const size = () => page.evaluate(() => document.querySelectorAll("*").length);
    // The server lets go of who does not keep up, so each hundred is awaited.
    const flood = async (from: number) => {
      for (let index = from; index < from + 1_000; index++) {
        const digits = String(index);
        server.send("lines/tie-2", line("tie-2", Date.now(), { state: "seized", call: "c2", digits }));
        server.send("lines/tie-2/digit", { atMs: Date.now(), digit: 3, reason: null, ips: 10, breakPercent: 66 });
        server.send("guard/event", { type: "banned", atMs: Date.now(), ban: null });
        server.send("credentials/event", { type: "collected", atMs: Date.now(), index });
        if (index % 100 !== 99) continue;
        await page.locator('[data-line="tie-2"] .drums', { hasText: [...digits].join(" ") }).waitFor();
      }
    };
    await flood(1_000);
    const before = await size();
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { configurable: true, value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await flood(2_000);
    expect(await size()).toBeLessThanOrEqual(before);
    expect(complaints).toEqual([]);
    await close();
  });

  it("shows hostile texts as texts, and leaves out what is not of its shape", async () => {
    const { page, complaints, close } = await visitors.dashboard({ ...DESKTOP, width: 390 });
    const evil = `<img src=x onerror="document.title='owned'"><script>1</script>`;
    const long = "W".repeat(5_000);
    server.send("alerts/evil", { alert: "evil", severity: "error", source: evil, text: evil + long, sinceMs: 1 });
    for (const payload of [null, 7, "x", [], { line: 3 }, { line: "__proto__" }]) server.send("lines/tie-1/x", payload);
    server.send("lines/__proto__", line("__proto__", Date.now()));
    server.send("calls", { active: "none", recent: 4 });
    await page.locator(".alert", { hasText: "<script>1</script>" }).waitFor();
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await page.title()).toBe("Camp exchange");
    expect(await overflow(page)).toBe(0);
    expect(complaints).toEqual([]);
    server.send("alerts/evil", null);
    await page.locator(".alert", { hasText: "<script>" }).waitFor({ state: "detached" });
    await close();
  });
});

describe("operations", () => {
  beforeEach(() => {
    server.asked.length = 0;
  });
  afterEach(() => {
    server.refusal = null;
  });

  it("asks what its buttons say", async () => {
    const { page, close } = await visitors.dashboard();
    await page.getByRole("button", { name: "Block line tie-4" }).click();
    await expect.poll(() => server.asked).toEqual([{ name: "line/block", params: { line: "tie-4" } }]);
    await page.getByRole("button", { name: "Release 203.0.113.77" }).click();
    await expect.poll(() => server.asked[1]).toEqual({ name: "guard/release", params: { address: "203.0.113.77" } });
    await page.getByRole("button", { name: "Restart Asterisk" }).click();
    expect(server.asked).toHaveLength(2);
    await page.getByRole("button", { name: "Restart it" }).click();
    await page.getByText("Asterisk restarts.").waitFor();
    expect(server.asked[2]?.name).toBe("asterisk/restart");
    await close();
  });

  it("says why something was not done", async () => {
    const { page, close } = await visitors.dashboard();
    server.refusal = "the line is in a call <b>";
    await page.getByRole("button", { name: "Block line tie-4" }).click();
    await page.locator('[data-line="tie-4"] .failed', { hasText: "Not done: the line is in a call <b>" }).waitFor();
    await close();
  });
});

describe("the doors", () => {
  it("keeps strangers at the log-in, says that a password is wrong, and takes the right one", async () => {
    const { page, complaints, close } = await visitors.stranger({ ...DESKTOP, width: 390 });
    await page.goto(server.url);
    expect(page.url()).toContain("/login");
    expect(await overflow(page)).toBe(0);
    await page.getByLabel("Password").fill("not it");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "That is not the password." }).waitFor();
    await page.getByLabel("Password").fill("correct-horse");
    await page.keyboard.press("Enter");
    await page.locator(".unit").first().waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    expect(complaints.filter((one) => !one.includes("401"))).toEqual([]);
    await close();
  });

  it.each(["light", "dark"] as const)(
    "gives new credentials to the first browser only, with a code, %s",
    async (scheme) => {
      const one = await visitors.stranger({ width: 390, height: 844, scheme });
      await one.page.goto(`${server.url}/login`);
      await one.page.getByRole("link", { name: "collect new credentials" }).click();
      await one.page.getByText("Nothing can be collected now.").waitFor();
      server.openWindow([
        { kind: "dashboard", name: "page", username: "", secret: "fresh-word", uri: null },
        { kind: "sip", name: "desk", username: "4101", secret: "s3cr3t", uri: "sip:4101:s3cr3t@192.0.2.7" },
      ]);
      await one.page.getByRole("button", { name: "Show the credentials" }).click();
      await one.page.getByText("fresh-word").waitFor();
      expect(await one.page.getByRole("img", { name: /QR code for a softphone: desk/ }).count()).toBe(1);
      expect(await overflow(one.page)).toBe(0);
      expect(await faintTexts(one.page)).toEqual([]);
      expect(one.complaints).toEqual([]);

      const other = await visitors.stranger();
      await other.page.goto(`${server.url}/handout`);
      await other.page.getByText("They were collected by 127.0.0.1.").waitFor();
      await other.page.getByRole("button", { name: "Show the credentials" }).click();
      await other.page.getByRole("alert").waitFor();
      expect(await other.page.getByText("fresh-word").count()).toBe(0);

      server.closeWindow();
      await one.page.getByText("Hold the button again", { exact: false }).waitFor();
      expect(await one.page.getByText("fresh-word").count()).toBe(0);
      await one.close();
      await other.close();
    },
  );
});
