import { expect, it } from "vitest";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { ButtonService } from "./button-service.ts";
import type { ContactPort, LedPort } from "./port.ts";
import type { ButtonMeaning, LedPattern } from "./types.ts";

/** A contact that is worked by hand, and can be missing or break. */
class HandContact implements ContactPort {
  readonly #emitter = new TypedEmitter<{ change: [active: boolean]; lost: [error: Error] }>();
  level = false;
  missing = false;
  opens = 0;
  closes = 0;
  async open(): Promise<void> {
    this.opens++;
    if (this.missing) throw new Error("no such line");
  }
  async close(): Promise<void> {
    this.closes++;
  }
  async active(): Promise<boolean> {
    return this.level;
  }
  onChange(listener: (active: boolean) => void): Dispose {
    return this.#emitter.on("change", listener);
  }
  onLost(listener: (error: Error) => void): Dispose {
    return this.#emitter.on("lost", listener);
  }
  set(level: boolean): void {
    this.level = level;
    this.#emitter.emit("change", level);
  }
  lose(): void {
    this.#emitter.emit("lost", new Error("unplugged"));
  }
}

class Lamp implements LedPort {
  readonly shown: LedPattern[] = [];
  failure: Error | null = null;
  async show(pattern: LedPattern): Promise<void> {
    if (this.failure !== null) throw this.failure;
    this.shown.push(pattern);
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function started(prepare: (contact: HandContact) => void = () => undefined) {
  const [contact, lamp, clock] = [new HandContact(), new Lamp(), new VirtualClock(1_000)];
  prepare(contact);
  const service = new ButtonService(contact, lamp, clock, silentLog);
  const meanings: ButtonMeaning[] = [];
  service.onMeaning((meaning) => meanings.push(meaning));
  await service.start(new AbortController().signal);
  const press = async (ms: number) => {
    contact.set(true);
    clock.advance(ms);
    contact.set(false);
    clock.advance(100);
    await settle();
  };
  return { contact, lamp, clock, service, meanings, press };
}

it("a press is shown while it lasts, told when it is let go, and the LED shows again what it did", async () => {
  const { lamp, press, meanings, service, clock } = await started();
  await press(16_000);
  await press(200);
  expect(meanings).toEqual(["factory-reset", "identify"]);
  expect(lamp.shown).toEqual(["on", "pressed", "armed-reset", "pressed", "armed-factory", "on", "pressed", "on"]);
  service.indicate("busy");
  await settle();
  expect(lamp.shown.at(-1)).toBe("busy");
  await service.stop();
  expect(clock.pending).toBe(0);
});

it("what others show waits until the button has let go of the LED", async () => {
  const { contact, lamp, clock, service } = await started();
  contact.set(true);
  clock.advance(1_000);
  service.indicate("busy");
  await settle();
  expect(lamp.shown.at(-1)).toBe("pressed");
  contact.set(false);
  clock.advance(100);
  await settle();
  expect(lamp.shown.at(-1)).toBe("busy");
});

it("a button that is missing is said, tried again with growing pauses, and works once it is there", async () => {
  const { contact, clock, service, press, meanings } = await started((each) => {
    each.missing = true;
  });
  expect(service.fault).toContain("no such line");
  for (const ms of [1_000, 2_000, 4_000]) {
    clock.advance(ms);
    await settle();
  }
  expect(contact.opens).toBe(4);
  contact.missing = false;
  clock.advance(8_000);
  await settle();
  expect(service.fault).toBeNull();
  await press(6_000);
  expect(meanings).toEqual(["reset"]);
});

it("one that is lost while it is held, and still held when it is back, does nothing", async () => {
  const { contact, clock, meanings, service, lamp } = await started();
  contact.set(true);
  clock.advance(6_000);
  contact.lose();
  await settle();
  expect(service.fault).toContain("unplugged");
  expect(lamp.shown.at(-1)).toBe("on");
  clock.advance(1_000);
  await settle();
  contact.set(false);
  clock.advance(10_000);
  expect(meanings).toEqual([]);
  await service.stop();
});

it("one that is stuck is said until it is let go", async () => {
  const { contact, clock, service, meanings } = await started((each) => {
    each.level = true;
  });
  clock.advance(29_999);
  expect(service.fault).toBeNull();
  clock.advance(1);
  expect(service.fault).toContain("stuck");
  contact.set(false);
  clock.advance(100);
  expect(service.fault).toBeNull();
  expect(meanings).toEqual(["stuck"]);
});

it("a LED that fails stops nothing, and neither button nor LED have to be there", async () => {
  const { lamp, press, meanings } = await started();
  lamp.failure = new Error("no such LED");
  await press(200);
  lamp.failure = null;
  await press(200);
  expect(meanings).toEqual(["identify", "identify"]);
  expect(lamp.shown.at(-1)).toBe("on");
  const bare = new ButtonService(null, null, new VirtualClock(), silentLog);
  await bare.start(new AbortController().signal);
  bare.indicate("busy");
  expect(bare.fault).toBeNull();
  await bare.stop();
});
