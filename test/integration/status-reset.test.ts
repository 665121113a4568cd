import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { within } from "../../src/base/lifecycle.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { DeskPhone } from "./support/desk-phone.ts";
import { freeTcpPort } from "./support/free-port.ts";
import type { GatewayRig } from "./support/gateway-rig.ts";
import { MqttWatch } from "./support/mqtt-watch.ts";
import { clearAll, fastDials, hearEachOther, paxTalksTo, quick } from "./support/scenes.ts";
import { nextOf, Page, pageIsUp, type Stored, secretsOf, statusRig, stored } from "./support/status-rig.ts";
import { ask, logIn } from "./support/web-rig.ts";

/** The reset button, held in the simulator, and everything that follows in the whole gateway. */

const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");
const ROOT = "paxgate/reset-field";
/** Between reset and nothing, with room for a slow machine: see `credentials/button.ts`. */
const RESET_MS = 5_400;
const FACTORY_S = "15.6";

let rig: GatewayRig;
let place: Awaited<ReturnType<typeof temporaryDirectory>>;
let file: string;
let webPort: number;
let brokerPort: number;
const phones: DeskPhone[] = [];
/** Every secret of every generation. */
const secrets = new Set<string>();
const tidy: (() => unknown)[] = [];

beforeAll(async () => {
  place = await temporaryDirectory();
  file = join(place.path, "paxgate-credentials.txt");
  webPort = await freeTcpPort();
  brokerPort = await freeTcpPort();
  const config = {
    site: { id: "reset-field", name: "Reset Field" },
    web: { enabled: true, port: webPort, listen: "loopback" },
    status: { broker: { enabled: true, port: brokerPort } },
    accounts: [{ name: "desk" }],
    button: { gpio: "sim", led: "sim" },
    credentials: { file, windowMinutes: 1 },
    pax: { overrides: quick },
  } as object;
  rig = await statusRig({ tieLines: 1, trunks: 1, config }, () => pageIsUp(webPort));
  await fastDials(rig, "21");
});
afterAll(async () => {
  for (const phone of phones) phone.close();
  await rig?.stop();
  await place?.remove();
});
afterEach(async () => {
  for (const undo of tidy.splice(0).reverse()) await undo();
  await clearAll(rig);
});

/** What is stored now. */
function issued(): Stored {
  const now = stored(rig);
  for (const secret of secretsOf(now)) secrets.add(secret);
  return now;
}

async function phone({ accounts }: Stored, secret = accounts["desk"]?.secret): Promise<DeskPhone> {
  const made = await new DeskPhone(rig.config.sip.port, accounts["desk"]?.username ?? "", secret ?? "").open();
  phones.push(made);
  return made;
}

/** Whether the phone may register. */
async function registers(issued: Stored): Promise<boolean> {
  const one = await phone(issued);
  return one.register().then(
    () => true,
    (error: unknown) => {
      if (/refused with (?:401|403)/.test(String(error))) return false;
      throw error;
    },
  );
}

/** Somebody who reads the gateway's own broker. */
async function watching({ broker }: Stored): Promise<MqttWatch> {
  const { username, secret } = broker.viewer;
  const watch = await MqttWatch.open(brokerPort, `${ROOT}/#`, { username, password: secret, reconnectPeriod: 0 });
  tidy.push(() => watch.close());
  return watch;
}

/** Whether the broker takes its password. */
async function brokerTakes(issued: Stored): Promise<boolean> {
  const { username, secret } = issued.broker.viewer;
  const { connectAsync } = await import("mqtt");
  const options = { username, password: secret, reconnectPeriod: 0 };
  return connectAsync(`mqtt://127.0.0.1:${brokerPort}`, options, false).then(
    async (client) => {
      await client.endAsync(true);
      return true;
    },
    () => false,
  );
}

const logsIn = (password: string) =>
  logIn(webPort, password).then(
    () => true,
    () => false,
  );

const feedStatus = async (cookie: string) =>
  (await ask(webPort, { path: "/api/history", headers: { Cookie: cookie } })).status;

/** Holds the button for a reset; resolves when its new credentials are in force everywhere. Times from letting go, ms. */
async function reset(): Promise<{ readonly took: number; readonly letGo: number }> {
  const from = rig.log.length;
  await rig.pax.press(RESET_MS);
  const letGo = performance.now();
  await rig.logged((record) => record["msg"] === "the new credentials are in force everywhere", from);
  return { took: performance.now() - letGo, letGo };
}

describe("the button", () => {
  it("held for 5 s makes every old credential worthless within 2 s, and a call goes on", async () => {
    const old = issued();
    const desk = await phone(old);
    await desk.register();
    expect(await rig.asterisk("database show SIP/Registry")).toContain(old.accounts["desk"]?.username);
    const page = await Page.open(webPort, old.dashboard);
    tidy.push(() => page.close());
    await page.next(({ topic }) => topic === "credentials");
    const watch = await watching(old);
    const kicked = new Promise<void>((resolve) => watch.client.once("close", () => resolve()));
    const call = await paxTalksTo(rig, "21", "4124");
    expect(existsSync(file)).toBe(false);

    const { took, letGo } = await reset();
    const fresh = issued();
    expect(fresh.reset).toMatchObject({ pending: false, count: 1 });
    expect(
      secretsOf(fresh)
        .filter((secret) => secretsOf(old).includes(secret))
        .sort(),
    ).toEqual(Object.values(old.asterisk).sort());
    await within(5_000, Promise.all([page.listening.whenClosed, kicked]), "an old connection was kept");
    expect(await registers(old)).toBe(false);
    expect(await rig.asterisk("database show SIP/Registry")).not.toContain(old.accounts["desk"]?.username);
    expect(await registers(fresh)).toBe(true);
    expect(await feedStatus(page.cookie)).toBe(401);
    expect(await logsIn(old.dashboard)).toBe(false);
    expect(await brokerTakes(old)).toBe(false);
    const all = performance.now() - letGo;
    console.info(`reset: in force after ${took.toFixed(0)} ms, everything looked at after ${all.toFixed(0)} ms`);
    // When all of it was looked at is this machine's affair: it held from the gateway's word on.
    expect(took).toBeLessThan(2_000);
    expect(await logsIn(fresh.dashboard)).toBe(true);
    expect(await brokerTakes(fresh)).toBe(true);
    await hearEachOther(rig, "21", call);
  });

  it("opens the window: a file for its owner alone, and the page for the first who asks, and nobody else", async () => {
    const fresh = issued();
    const handout = { method: "POST", path: "/api/handout", json: {} } as const;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const secret of [fresh.dashboard, fresh.accounts["desk"]?.secret, fresh.broker.viewer.secret]) {
      expect(readFileSync(file, "utf8")).toContain(secret);
    }
    const first = await ask(webPort, handout);
    expect(first.status).toBe(200);
    const { credentials } = JSON.parse(first.body) as { credentials: { kind: string; secret: string; uri: string }[] };
    expect(credentials.map(({ secret }) => secret)).toEqual(
      expect.arrayContaining([fresh.dashboard, fresh.accounts["desk"]?.secret, fresh.broker.viewer.secret]),
    );
    expect(credentials.find(({ kind }) => kind === "sip")?.uri).toContain(fresh.accounts["desk"]?.username);
    const claim = first.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await ask(webPort, { ...handout, headers: { Cookie: claim } })).status).toBe(200);
    for (const another of [{ ...handout }, { ...handout, headers: { Cookie: claim }, from: "127.0.0.9" }]) {
      const refused = await ask(webPort, another);
      expect(refused.status).toBeGreaterThanOrEqual(400);
      for (const secret of secretsOf(fresh)) expect(refused.body).not.toContain(secret);
    }
    // Retained by now, or still to come; in whatever order: each has a subscriber of its own.
    await nextOf(await watching(fresh), "credentials", ({ topic, payload }) => {
      if (topic !== `${ROOT}/credentials`) return false;
      const { collectedBy, resetPending } = JSON.parse(payload) as { collectedBy: unknown; resetPending: unknown };
      return collectedBy === "127.0.0.1" && resetPending === false;
    });
    await nextOf(await watching(fresh), "alert", ({ topic }) => topic === `${ROOT}/alerts/credentials-collected`);
  });

  it("pressed shortly tells which gateway it is, and let go of in between nothing", async () => {
    const before = issued();
    const watch = await watching(before);
    const pressed = async (ms: number) => {
      await rig.pax.press(ms);
      const told = await nextOf(watch, "press", ({ topic }) => topic === `${ROOT}/button`);
      return (JSON.parse(told.payload) as { type: string }).type;
    };
    expect(await pressed(300)).toBe("identify");
    expect((await rig.pax.panel()).led).toMatchObject({ pattern: "identify" });
    expect(await pressed(2_500)).toBe("cancelled");
    // That they were collected is written a little later, to spare the card.
    expect({ ...issued(), audit: [] }).toEqual({ ...before, audit: [] });
  });

  it("ends the window with the gateway: the file goes, and the page has nothing any more", async () => {
    expect(existsSync(file)).toBe(true);
    await rig.stopGateway();
    expect(existsSync(file)).toBe(false);
    expect(issued().audit.map(({ type, address }) => [type, address])).toEqual([
      ["reset", null],
      ["collected", "127.0.0.1"],
    ]);
    await rig.startGateway();
    await pageIsUp(webPort);
    const answer = await ask(webPort, { method: "POST", path: "/api/handout", json: {} });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain("window-closed");
  });

  it("held, and the gateway killed before Asterisk has taken the new credentials: the next start does the rest", async () => {
    const old = issued();
    const armed = new Promise<void>((resolve) => {
      tidy.push(
        rig.pax.onEvent((event) => {
          if (event.type === "panel" && event.panel.led?.pattern === "armed-reset") resolve();
        }),
      );
    });
    const released = rig.pax.press(RESET_MS);
    await within(RESET_MS, armed, "the LED did not show that letting go resets");
    const asterisk = rig.asteriskPid;
    process.kill(asterisk, "SIGSTOP");
    try {
      await released;
      await within(5_000, isPending(), "the reset was not stored");
      await within(5_000, fileIsThere(), "no file was written");
      await rig.stopGateway("SIGKILL");
    } finally {
      process.kill(asterisk, "SIGCONT");
    }
    expect(await registers(old)).toBe(true);
    const from = rig.log.length;
    const started = performance.now();
    await rig.startGateway();
    await rig.logged(({ msg }) => msg === "the new credentials are in force everywhere", from);
    console.info(`cut short, and complete ${(performance.now() - started).toFixed(0)} ms after the next start`);
    expect(rig.log.slice(from).map(({ msg }) => msg)).toContain(
      "a reset of credentials was cut short: it is done again",
    );
    const fresh = issued();
    expect(fresh.reset).toMatchObject({ pending: false, count: 2 });
    expect(fresh.dashboard).not.toBe(old.dashboard);
    expect(await registers(old)).toBe(false);
    expect(await registers(fresh)).toBe(true);
    expect(readFileSync(file, "utf8")).toContain(fresh.accounts["desk"]?.secret);
    // What a loss of power leaves of the window is gone with the next start.
    await rig.stopGateway("SIGKILL");
    expect(existsSync(file)).toBe(true);
    await rig.startGateway();
    await pageIsUp(webPort);
    expect(existsSync(file)).toBe(false);
  });

  it("held for 15 s makes the gateway forget everything but its configuration, and start anew in place", async () => {
    const old = issued();
    const pid = rig.gatewayPid;
    const configuration = readFileSync(rig.configFile, "utf8");
    writeFileSync(join(rig.config.paths.state, "left-behind"), "something");
    const from = rig.log.length;
    await promisify(execFile)(process.execPath, [PROGRAM, "press", FACTORY_S, "-c", rig.configFile]);
    const letGo = performance.now();
    await rig.logged(({ msg }) => msg === "ready for calls", from);
    await rig.until(({ lines }) => lines.every(({ status }) => status === "idle"));
    await pageIsUp(webPort);
    console.info(`factory reset: ready again after ${(performance.now() - letGo).toFixed(0)} ms`);
    expect(rig.gatewayPid).toBe(pid);
    expect(() => process.kill(pid, 0)).not.toThrow();
    const fresh = issued();
    expect(secretsOf(fresh).filter((secret) => secretsOf(old).includes(secret))).toEqual([]);
    expect(fresh.reset).toEqual({ pending: false, lastMs: null, count: 0 });
    expect(fresh.audit).toEqual([]);
    expect(existsSync(join(rig.config.paths.state, "left-behind"))).toBe(false);
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(rig.configFile, "utf8")).toBe(configuration);
    expect(await registers(old)).toBe(false);
    expect(await registers(fresh)).toBe(true);
    expect(await logsIn(old.dashboard)).toBe(false);
    expect(await logsIn(fresh.dashboard)).toBe(true);
    expect(await brokerTakes(old)).toBe(false);
    await watching(fresh);
  });

  it("never puts a secret into the log", () => {
    // Four generations, of which three left those between the gateway and its Asterisk as they were.
    expect(secrets.size).toBe(4 * 4 + 2 * 3);
    const text = JSON.stringify(rig.log);
    expect([...secrets].filter((secret) => text.includes(secret))).toEqual([]);
  });
});

async function fileIsThere(): Promise<void> {
  while (!existsSync(file) || statSync(file).size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Resolves when a reset is stored that is not complete. */
async function isPending(): Promise<void> {
  while (!issued().reset.pending) await new Promise((resolve) => setTimeout(resolve, 5));
}
