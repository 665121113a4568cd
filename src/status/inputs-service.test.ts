import { afterEach, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { TypedEmitter } from "../base/events.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { InputConfig } from "../config/schema.ts";
import { InputsService } from "./inputs-service.ts";
import type { ContactPort, InputCounts } from "./port.ts";
import { inputSchema } from "./schema.ts";

/** A contact that a test moves, unplugs and plugs in again. */
class FakeContact implements ContactPort {
  readonly #events = new TypedEmitter<{ change: [active: boolean]; lost: [error: Error] }>();
  plugged = true;
  level = false;
  opened = 0;
  async open() {
    if (!this.plugged) throw new GatewayError("contact-unavailable", "not plugged in");
    this.opened++;
  }
  async close() {
    this.opened--;
  }
  async active() {
    return this.level;
  }
  onChange(listener: (active: boolean) => void) {
    return this.#events.on("change", listener);
  }
  onLost(listener: (error: Error) => void) {
    return this.#events.on("lost", listener);
  }
  move(active: boolean) {
    this.level = active;
    this.#events.emit("change", active);
  }
  unplug() {
    this.plugged = false;
    this.opened--;
    this.#events.emit("lost", new GatewayError("contact-unavailable", "unplugged"));
  }
}

function config(name: string, more: Partial<InputConfig> = {}): InputConfig {
  return { name, label: `The ${name}`, gpio: "sim", activeLow: true, debounceMs: 20, alarm: false, ...more };
}

/** Lets promises that are settled already have their say. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

let service: InputsService | undefined;
afterEach(() => service?.stop());

async function rig(names = ["selector-1", "fuse"]) {
  const clock = new VirtualClock(5_000);
  const operations = new Map<string, number>();
  const counts: InputCounts = {
    operated: (input) => void operations.set(input, (operations.get(input) ?? 0) + 1),
    today: (input) => operations.get(input) ?? 0,
    ever: (input) => 1_000 + (operations.get(input) ?? 0),
  };
  const contacts = names.map(() => new FakeContact());
  const inputs = names.map((name, at) => ({ config: config(name), contact: contacts[at] as FakeContact }));
  const started = new InputsService({ inputs, counts, log: silentLog, clock, wallMs: () => 1e12 + clock.now() });
  service = started;
  const changes: string[] = [];
  started.onChange((input) => changes.push(input));
  const start = () => started.start(new AbortController().signal);
  return { clock, contacts, changes, start, service: started, first: contacts[0] as FakeContact };
}

it("shows inputs as unknown before, and as they stand after the start, in the schema's words", async () => {
  const { service, first, start } = await rig();
  expect(service.read().map(({ active }) => active)).toEqual([null, null]);
  first.level = true;
  await start();
  expect(service.read()[0]).toEqual({
    input: "selector-1",
    label: "The selector-1",
    active: true,
    sinceMs: 1e12 + 5_000,
    alarm: false,
    operationsToday: 0,
    operations: 1_000,
  });
  for (const input of service.read()) expect(inputSchema.safeParse(input).success).toBe(true);
});

it("counts an operation once however the contact bounces, and tells of it when it is counted", async () => {
  const { service, clock, first, changes, start } = await rig();
  await start();
  changes.length = 0;
  service.onChange(() => expect(service.read()[0]?.operationsToday).toBe(1));
  for (const [at, active] of [
    [0, true],
    [3, false],
    [4, true],
    [7, false],
    [8, true],
  ] as const) {
    clock.advanceTo(6_000 + at);
    first.move(active);
  }
  clock.advanceTo(6_027);
  expect(changes).toEqual([]);
  clock.advanceTo(6_028);
  expect(changes).toEqual(["selector-1"]);
  expect(service.read()[0]).toMatchObject({ active: true, sinceMs: 1e12 + 6_028, operations: 1_001 });
});

it("loses one input without the others, tries it again ever more rarely, and has it back", async () => {
  const { service, clock, contacts, first, start } = await rig();
  await start();
  first.unplug();
  expect(service.read().map(({ active }) => active)).toEqual([null, false]);
  expect(service.faults()).toEqual([
    { input: "selector-1", label: "The selector-1", fault: "unplugged", sinceMs: 1e12 + 5_000 },
  ]);
  for (const ms of [1_000, 2_000, 4_000]) {
    clock.advance(ms);
    await turn();
    expect(clock.pending).toBe(1);
  }
  first.plugged = true;
  first.level = true;
  clock.advance(7_999);
  await turn();
  expect(first.opened).toBe(0);
  clock.advance(1);
  await turn();
  expect(service.read()[0]).toMatchObject({ active: true, operationsToday: 0 });
  expect(service.faults()).toEqual([]);
  expect(contacts[1]?.opened).toBe(1);
});

it("starts although no input is there", async () => {
  const { service, first, start } = await rig(["one"]);
  first.plugged = false;
  await start();
  expect(service.faults()[0]?.fault).toBe("not plugged in");
});

it("leaves nothing open and no timer behind, also when it is stopped in mid-bounce", async () => {
  const { service, clock, contacts, first, start } = await rig();
  await start();
  first.move(true);
  await service.stop();
  await service.stop();
  expect(clock.pending).toBe(0);
  expect(contacts.map(({ opened }) => opened <= 0)).toEqual([true, true]);
  clock.advance(1_000);
  expect(service.read()[0]?.operationsToday).toBe(0);
});
