import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { type DashboardServer, PASSWORD } from "./dashboard-server.ts";

/** A real browser before the page. What it complains of is kept: nothing may. */

export type Scheme = "light" | "dark";

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly scheme: Scheme;
}

export const DESKTOP: Look = { width: 1_440, height: 1_000, scheme: "light" };

/** Phones, a tablet, a desktop, by day and by night. */
export const LOOKS: readonly Look[] = (["light", "dark"] as const).flatMap((scheme) => [
  { width: 360, height: 740, scheme },
  { width: 390, height: 844, scheme },
  { width: 820, height: 1_180, scheme },
  { width: 1_440, height: 1_000, scheme },
]);

export interface Visit {
  readonly page: Page;
  /** Errors of scripts and of the console, violations of the policy among them. */
  readonly complaints: string[];
  close(): Promise<void>;
}

type State = Awaited<ReturnType<BrowserContext["storageState"]>>;

export class Visitors {
  readonly #browser: Browser;
  readonly #server: DashboardServer;
  #state: State | undefined;

  constructor(browser: Browser, server: DashboardServer) {
    this.#browser = browser;
    this.#server = server;
  }

  static async of(server: DashboardServer): Promise<Visitors> {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    return new Visitors(browser, server);
  }

  /** A browser that nobody has logged in with. */
  async stranger(look: Look = DESKTOP): Promise<Visit> {
    return this.#visit(look, undefined);
  }

  /** The dashboard, with everything drawn. The first visit logs in; the session serves the others. */
  async dashboard(look: Look = DESKTOP): Promise<Visit> {
    const visit = await this.#visit(look, this.#state);
    await visit.page.goto(this.#server.url);
    if (this.#state === undefined) {
      await visit.page.getByLabel("Password").fill(PASSWORD);
      await visit.page.getByRole("button", { name: "Log in" }).click();
    }
    await visit.page.locator(".unit").first().waitFor();
    await visit.page.locator(".plot canvas").first().waitFor();
    this.#state ??= await visit.page.context().storageState();
    return visit;
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  async #visit({ width, height, scheme }: Look, state: State | undefined): Promise<Visit> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      ...(state === undefined ? {} : { storageState: state }),
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    return { page, complaints, close: () => context.close() };
  }
}

/** How far the page is wider than the screen, pixels. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Pieces of text that are too faint, with their contrast as WCAG 2.1 (1.4.3) has it. */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = [number, number, number, number];
    const parse = (css: string): Colour => {
      const parts = css.match(/[\d.]+/g)?.map(Number) ?? [];
      return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0, css.startsWith("rgb") ? (parts[3] ?? 1) : 0];
    };
    const over = (top: Colour, under: Colour): Colour => {
      const mixed = (index: 0 | 1 | 2) => top[index] * top[3] + under[index] * (1 - top[3]);
      return [mixed(0), mixed(1), mixed(2), 1];
    };
    const luminance = ([red, green, blue]: Colour) => {
      const linear = [red, green, blue].map((value) => {
        const part = value / 255;
        return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
    };
    const ground = (element: Element): Colour => {
      const layers: Colour[] = [];
      for (let one: Element | null = element; one !== null; one = one.parentElement) {
        const colour = parse(getComputedStyle(one).backgroundColor);
        if (colour[3] > 0) layers.push(colour);
        if (colour[3] === 1) break;
      }
      return layers.reduceRight<Colour>((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    // What is stale is drawn through a grey filter (Filter Effects 1, 9.4: weights of sRGB's values as they are).
    const greyed =
      (element: Element) =>
      (colour: Colour): Colour => {
        if (!getComputedStyle(document.querySelector("main") ?? element).filter.includes("grayscale(1)")) return colour;
        if (element.closest("main") === null) return colour;
        const value = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2];
        return [value, value, value, colour[3]];
      };
    const faint: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement;
      const words = node.textContent?.trim() ?? "";
      if (element === null || words === "" || element.closest(".hidden, script, style, title, .skip") !== null)
        continue;
      if (element.getClientRects().length === 0) continue;
      const style = getComputedStyle(element);
      const grey = greyed(element);
      const below = grey(ground(element));
      const inked = grey(over(parse(element instanceof SVGElement ? style.fill : style.color), below));
      const [light, dark] = [luminance(inked), luminance(below)].sort((a, b) => b - a);
      const contrast = ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
      const size = Number.parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (contrast < (large ? 3 : 4.5)) faint.push(`${words.slice(0, 40)}: ${contrast.toFixed(2)}`);
    }
    return faint;
  });
}
