import { expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { AsteriskService } from "./service.ts";
import { exampleModel, exampleTrunk } from "./test-model.ts";
import { TrunkWatch } from "./trunk-watch.ts";

const row = (state: string) =>
  `${`${exampleTrunk.server}:${exampleTrunk.port}`.padEnd(39)} N      ${exampleTrunk.username.padEnd(12)}       285 ${state.padEnd(20)} `;

function watched() {
  const clock = new VirtualClock(0);
  const told: [string, unknown][] = [];
  const log = {
    ...silentLog,
    info: (message: string, fields?: unknown) => told.push([message, fields]),
    warn: (message: string, fields?: unknown) => told.push([message, fields]),
  };
  const asterisk = { state: "Request Sent", looks: 0 };
  const commands = {
    command: async () => {
      asterisk.looks++;
      return [row(asterisk.state)];
    },
  };
  const model = exampleModel({ trunks: [{ ...exampleTrunk, register: true }] });
  const emitter = new TypedEmitter<{ up: []; down: [string]; drift: [readonly never[], boolean] }>();
  const supervisor = { up: true, on: emitter.on.bind(emitter) as AsteriskService["on"] };
  const watch = new TrunkWatch(model, commands, supervisor, clock, log);
  /** Lets time pass, and the look that is then due come to its end. */
  const pass = async (ms: number) => {
    const before = asterisk.looks;
    clock.advance(ms);
    expect(asterisk.looks).toBe(before + 1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { watch, asterisk, told, pass, clock, emitter };
}

it("a trunk is known to be registered soon after it is, and its loss within half a minute", async () => {
  const { watch, asterisk, told, pass, clock } = watched();
  const { name } = exampleTrunk;
  await watch.start();
  await pass(0);
  expect(watch.registered(name)).toBe(false);
  asterisk.state = "Registered";
  await pass(1_000);
  expect(watch.registered(name)).toBe(true);
  asterisk.state = "Rejected";
  await pass(30_000);
  expect(watch.registered(name)).toBe(false);
  expect(told).toEqual([
    ["trunk is registered", { trunk: name }],
    ["trunk is not registered", { trunk: name, state: "Rejected" }],
  ]);
  await watch.stop();
  const { looks } = asterisk;
  clock.advance(60_000);
  expect(asterisk.looks).toBe(looks);
});

it("a registration does not outlive Asterisk, and is no news when it is back with the next", async () => {
  const { watch, asterisk, told, pass, emitter } = watched();
  const { name } = exampleTrunk;
  asterisk.state = "Registered";
  await watch.start();
  await pass(0);
  emitter.emit("down", "it ended");
  emitter.emit("up");
  expect(watch.registered(name)).toBe(false);
  await pass(0);
  expect(watch.registered(name)).toBe(true);
  expect(told).toEqual([["trunk is registered", { trunk: name }]]);
  await watch.stop();
});
