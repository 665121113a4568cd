import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { within } from "../../src/base/lifecycle.ts";
import { GatewayRig } from "../integration/support/gateway-rig.ts";
import { Lab, type LabHost } from "../integration/support/lab.ts";
import { stored } from "../integration/support/status-rig.ts";

/** Which broker the status goes to. */
export type BrokerKind = "own broker" | "mosquitto";

const LIMIT_MS = 15_000;
const LINES = 8;
const INPUTS = 16;
const PAGE_PORT = 8080;
const BROKER_PORT = 1883;

/** Logs in to the page and keeps its feed open, as a browser does. Says "open" with the feed's first words. */
const BROWSER = `
  const { port, password } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const base = "http://127.0.0.1:" + port;
  (async () => {
    while (!(await fetch(base + "/healthz").catch(() => null))?.ok) await new Promise((again) => setTimeout(again, 50));
    const headers = { "content-type": "application/json", origin: base };
    const answer = await fetch(base + "/login", { method: "POST", headers, body: JSON.stringify({ password }) });
    const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
    const feed = await fetch(base + "/api/feed", { headers: { cookie } });
    if (!feed.ok) throw new Error("login " + answer.status + ", feed " + feed.status);
    let bytes = 0;
    for await (const chunk of feed.body) {
      if (bytes === 0) console.log("open");
      bytes += chunk.length;
    }
    throw new Error("the feed has ended");
  })();
`;

/**
 * The whole gateway with everything that it can do: eight lines, its firewall in force in a namespace of its own, the
 * page with one browser that looks, a broker with Home Assistant and requests, sixteen inputs, button and LED.
 */
export class EverythingOn {
  readonly lab: Lab;
  readonly rig: GatewayRig;
  readonly #directory: string;
  #fault: Error | null = null;

  private constructor(lab: Lab, rig: GatewayRig, directory: string) {
    this.lab = lab;
    this.rig = rig;
    this.#directory = directory;
  }

  /** Resolves when calls can be made, the broker is connected and the browser has the page's feed. */
  static async start(broker: BrokerKind): Promise<EverythingOn> {
    const lab = await Lab.create();
    const directory = await mkdtemp(join(tmpdir(), "paxgate-everything-"));
    let on: EverythingOn | null = null;
    try {
      if (broker === "mosquitto") await mosquitto(lab.gateway, directory);
      const rig = await GatewayRig.start(optionsOf(lab, broker));
      on = new EverythingOn(lab, rig, directory);
      await on.#look();
      return on;
    } catch (error) {
      await on?.rig.stop();
      await lab.remove();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** What happened to the browser meanwhile; null while it still looks. */
  get fault(): Error | null {
    return this.#fault;
  }

  async stop(): Promise<void> {
    try {
      await this.rig.stop();
    } finally {
      await this.lab.remove();
      await rm(this.#directory, { recursive: true, force: true });
    }
  }

  async #look(): Promise<void> {
    const browser = this.lab.gateway.spawn([process.execPath, "-e", BROWSER]);
    const opened = said(browser.stdout, /^open$/);
    let words = "";
    browser.stderr?.on("data", (chunk) => {
      words = `${words}${chunk}`.slice(-2_000);
    });
    const ended = new Promise<never>((_, reject) =>
      browser.once("exit", () => {
        this.#fault = new Error(`the browser has ended: ${words}`);
        reject(this.#fault);
      }),
    );
    ended.catch(() => undefined);
    browser.stdin?.end(JSON.stringify({ port: PAGE_PORT, password: stored(this.rig).dashboard }));
    await within(LIMIT_MS, Promise.race([opened, ended]), "the page's feed did not open");
  }
}

function optionsOf(lab: Lab, broker: BrokerKind) {
  const trunk = { name: "t4100", server: lab.trunk.address4, username: "4100", password: "pw", register: false };
  const inputs = Array.from({ length: INPUTS }, (_, at) => ({ name: `input-${at + 1}`, label: `Selector ${at + 1}` }));
  return {
    namespace: lab.gateway.namespace,
    withoutEvent: true,
    tieLines: LINES,
    config: {
      firewall: { lists: { eventNetwork: ["198.51.100.42", "10.42.0.0/16"], management: ["10.64.0.0/24"] } },
      trunks: [{ ...trunk, callLimit: 32 }],
      accounts: [{ name: "desk" }],
      sip: { port: 5060, bindAddress: "0.0.0.0", tcp: true },
      web: { port: PAGE_PORT },
      status: {
        requests: true,
        homeAssistant: true,
        ...(broker === "mosquitto" ? { mqtt: { url: `mqtt://127.0.0.1:${BROKER_PORT}` } } : {}),
      },
      inputs,
      button: { gpio: "sim", led: "sim" },
    },
  };
}

async function mosquitto(host: LabHost, directory: string): Promise<void> {
  const path = join(directory, "mosquitto.conf");
  const lines = ["user root", "persistence false", `listener ${BROKER_PORT} 127.0.0.1`, "allow_anonymous true"];
  await writeFile(path, `${lines.join("\n")}\n`);
  const child = host.spawn(["/usr/sbin/mosquitto", "-v", "-c", path]);
  child.stdout?.resume();
  await within(LIMIT_MS, said(child.stderr, /mosquitto version .* running/), "mosquitto did not start");
}

/** Resolves with the first line that fits; all others are read too, so that nobody waits for us. */
function said(stream: NodeJS.ReadableStream | null, fits: RegExp): Promise<void> {
  return new Promise((resolve) => {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      if (fits.test(line)) resolve();
    });
  });
}
