import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SIM_HARDWARE_SOCKET } from "../../src/app/line-ports.ts";
import { PAX_CONTROL_SOCKET, simulatedPaxOf } from "../../src/app/simulated-pax.ts";
import { press } from "../../src/cli/press.ts";
import { configError, loadConfig } from "../../src/config/load.ts";
import { SimContact } from "../../src/drivers/sim-contact.ts";
import { startPaxSimulator } from "../../src/sim/server.ts";

/** The command against a simulated PAX that runs, with a driver in the gateway's place. */

let directory: string;
let file: string;
let hardwareSocket: string;
let printed: string;
const cleanUp: (() => unknown)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "press-"));
  file = join(directory, "paxgate.yaml");
  hardwareSocket = join(directory, SIM_HARDWARE_SOCKET);
  printed = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  cleanUp.push(() => write.mockRestore());
});

afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
  await rm(directory, { recursive: true });
});

async function configure(button: string): Promise<void> {
  const lines = "lines: [{ name: pax1, type: tie-line, interface: sim }]";
  const text = `${lines}\npaths: { runtime: ${directory} }\nbutton: ${button}\n`;
  await writeFile(file, text, { mode: 0o600 });
}

async function simulate(): Promise<void> {
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw configError(loaded.error);
  const simulator = await startPaxSimulator({
    hardwareSocket,
    controlSocket: join(directory, PAX_CONTROL_SOCKET),
    topology: simulatedPaxOf(loaded.value.config),
  });
  cleanUp.push(() => simulator.close());
}

async function openButton(): Promise<[atMs: number, pressed: boolean][]> {
  const button = new SimContact({ button: true }, hardwareSocket);
  await button.open();
  cleanUp.push(() => button.close());
  const changes: [number, boolean][] = [];
  button.onChange((pressed) => changes.push([performance.now(), pressed]));
  return changes;
}

it("holds the button for as long as it was told, and says what the LED shows then", async () => {
  await configure("{ gpio: sim, led: sim }");
  await simulate();
  const changes = await openButton();
  expect(await press.run(["-c", file, "--json", "0.25"])).toBe(0);
  expect(JSON.parse(printed)).toEqual({ heldMs: 250, led: "off" });
  const [downMs, pressed] = changes[0] ?? [0, false];
  expect(pressed).toBe(true);
  // Both ends bounce for up to 4 ms: what comes later than that after the press is its end.
  const [upMs] = changes.find(([atMs, active]) => !active && atMs - downMs > 100) ?? [0];
  expect(upMs - downMs).toBeGreaterThan(240);
});

it("presses shortly when it is told nothing", async () => {
  await configure("{ gpio: sim }");
  await simulate();
  await openButton();
  expect(await press.run(["-c", file])).toBe(0);
  expect(printed).toBe("pressing the button for 0.3 s ...\nreleased\n");
});

it("says that a press would be in vain when no gateway has the button", async () => {
  await configure("{ gpio: sim }");
  await simulate();
  await expect(press.run(["-c", file])).rejects.toMatchObject({ code: "not-running" });
});

it.each([
  ["{ gpio: 'pinctrl-bcm2835:17' }", "not-possible", /is real/],
  ["{}", "not-possible", /not set/],
  ["{ gpio: sim }", "not-running", /no simulated PAX runs/],
])("refuses with button %s and no simulator", async (button, code, words) => {
  await configure(button);
  await expect(press.run(["-c", file])).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
});

it.each(["hard", "0", "121", "1e9", "-3"])("does not take %s for a time", async (what) => {
  await configure("{ gpio: sim }");
  await expect(press.run(["-c", file, "--", what])).rejects.toMatchObject({ code: "usage" });
});
