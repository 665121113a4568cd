import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SimContact } from "../../src/drivers/sim-contact.ts";
import { SimLed } from "../../src/drivers/sim-led.ts";
import { SimClient } from "../../src/sim/client.ts";
import type { PanelStatus } from "../../src/sim/control-port.ts";
import { encodeJson } from "../../src/sim/port.ts";
import { startPaxSimulator } from "../../src/sim/server.ts";

/** The simulated button, LED and monitored inputs over their sockets, in real time. */

let directory: string;
let hardwareSocket: string;
let controlSocket: string;
let close: () => Promise<void>;
let pax: SimClient;
const cleanUp: (() => unknown)[] = [];

async function start(): Promise<void> {
  ({ close } = await startPaxSimulator({
    hardwareSocket,
    controlSocket,
    topology: {
      telephones: ["20", "21"],
      inputs: [{ name: "register-1", follows: { type: "registers", atLeast: 1 } }, { name: "door" }],
      button: true,
      led: true,
    },
  }));
  pax = new SimClient(controlSocket);
  await pax.connect();
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sim-panel-"));
  hardwareSocket = join(directory, "hardware.sock");
  controlSocket = join(directory, "control.sock");
  await start();
});

afterEach(async () => {
  for (const clean of cleanUp.splice(0)) await clean();
  pax.close();
  await close();
  await rm(directory, { recursive: true });
});

async function opened(of: ConstructorParameters<typeof SimContact>[0]): Promise<SimContact> {
  const contact = new SimContact(of, hardwareSocket);
  cleanUp.push(() => contact.close());
  await contact.open();
  return contact;
}

/** Resolves when the contact has come to rest so: bounces are over after 4 ms, and the status knows nothing of them. */
const changesTo = (contact: SimContact, active: boolean) =>
  new Promise<void>((resolve) => {
    const stop = contact.onChange((now) => {
      if (now !== active) return;
      stop();
      resolve();
    });
  });

const panelWhen = (is: (panel: PanelStatus) => boolean) =>
  new Promise<PanelStatus>((resolve, reject) => {
    const look = (panel: PanelStatus) => {
      if (!is(panel)) return;
      stop();
      resolve(panel);
    };
    const stop = pax.onEvent((event) => {
      if (event.type === "panel") look(event.panel);
    });
    pax.panel().then(look, reject);
  });

it("tells a press of the button and its end, as long as it was", async () => {
  const button = await opened({ button: true });
  expect(await button.active()).toBe(false);
  const [down, begun] = [changesTo(button, true), performance.now()];
  const pressed = pax.press(300);
  await down;
  const up = changesTo(button, false);
  await pressed;
  await up;
  expect(performance.now() - begun).toBeGreaterThan(295);
});

it("tells a driver that opens a pressed button that it is pressed", async () => {
  await pax.press(null);
  const button = await opened({ button: true });
  // It may have been opened in the first milliseconds, while the contact still bounces.
  await vi.waitFor(async () => expect(await button.active()).toBe(true), 10_000);
});

it("shows what the exchange does at its inputs, and what is put there by hand", async () => {
  const [register, door] = [await opened({ input: "register-1" }), await opened({ input: "door" })];
  const engaged = changesTo(register, true);
  await pax.lift("20");
  await engaged;
  const opens = changesTo(door, true);
  await pax.setInput("door", true);
  await opens;
  await expect(pax.setInput("window", true)).rejects.toMatchObject({ code: "no-such-input" });
  expect((await pax.panel()).inputs).toMatchObject([
    { input: "register-1", active: true, forced: false, open: true },
    { input: "door", active: true, forced: true, open: true },
  ]);
});

it("refuses a contact that it does not have, and one where no simulator is", async () => {
  const window = new SimContact({ input: "window" }, hardwareSocket);
  await expect(window.open()).rejects.toMatchObject({ code: "contact-unavailable" });
  const nowhere = new SimContact({ button: true }, join(directory, "none.sock"));
  await expect(nowhere.open()).rejects.toMatchObject({ code: "contact-unavailable" });
});

it("gives a contact to whoever opened it last, and tells the former holder", async () => {
  const former = await opened({ button: true });
  const lost = new Promise<Error>((resolve) => former.onLost(resolve));
  await opened({ button: true });
  expect((await lost).message).toMatch(/let go of it/);
  await expect(former.active()).rejects.toMatchObject({ code: "contact-unavailable" });
});

it("loses a contact with the simulator, and can open it again when that is back", async () => {
  const button = await opened({ button: true });
  const lost = new Promise<Error>((resolve) => button.onLost(resolve));
  pax.close();
  await close();
  await lost;
  await start();
  await button.open();
  const down = changesTo(button, true);
  await pax.press(50);
  await down;
});

it("shows the LED's patterns, and the last one again after the simulator was started anew", async () => {
  const led = new SimLed(hardwareSocket);
  cleanUp.push(() => led.close());
  const armed = panelWhen(({ led }) => led?.pattern === "armed-reset");
  await led.show("identify");
  await led.show("armed-reset");
  expect((await armed).led).toEqual({ pattern: "armed-reset", open: true });
  pax.close();
  await close();
  await led.show("busy");
  await start();
  await panelWhen(({ led }) => led?.pattern === "busy");
});

it("lets no LED be lit by a driver that has not opened it", async () => {
  const socket = createConnection(hardwareSocket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(encodeJson({ type: "led", pattern: "on" }));
  await once(socket, "close");
  expect((await pax.panel()).led).toEqual({ pattern: "off", open: false });
});
