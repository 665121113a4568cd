import { afterEach, expect, it } from "vitest";
import { silentLog } from "../base/log.ts";
import { FakeAsterisk } from "./fake-asterisk.ts";
import { AsteriskService } from "./service.ts";
import { exampleModel } from "./test-model.ts";

const running: AsteriskService[] = [];

function supervised() {
  const asterisk = new FakeAsterisk(exampleModel());
  const service = new AsteriskService(exampleModel(), asterisk, silentLog);
  running.push(service);
  return { asterisk, service };
}

afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
});

it("a stop does not wait for an Asterisk that is still starting", async () => {
  const { asterisk, service } = supervised();
  asterisk.boots = false;
  const stop = new AbortController();
  const started = service.start(stop.signal);
  await asterisk.nextCommand("core waitfullybooted");
  stop.abort();
  await expect(started).rejects.toThrow(/abort/i);
  await service.stop();
  expect(asterisk.running).toBe(false);
});

it("an Asterisk with the profile in force is up", async () => {
  const { service } = supervised();
  await service.start(new AbortController().signal);
  expect(service.up).toBe(true);
  expect(await service.check()).toEqual([]);
});

function next(service: AsteriskService, event: "up" | "down"): Promise<void> {
  return new Promise((resolve) => {
    const dispose = service.on(event, () => {
      dispose();
      resolve();
    });
  });
}

it("what keeps it from coming up again is its fault, until it is up", async () => {
  const { asterisk, service } = supervised();
  await service.start(new AbortController().signal);
  expect(service.fault).toBeNull();
  asterisk.udpPorts = new Set();
  const up = next(service, "up");
  asterisk.crash();
  expect(service.fault).toBe("Asterisk ended: signal SIGKILL");
  await expect.poll(() => service.fault).toMatch(/UDP 5060 could not be opened/);
  asterisk.udpPorts = new Set([5060]);
  await up;
  expect(service.fault).toBeNull();
});

it("a difference that cannot be repaired is its fault, until it is gone", async () => {
  const { asterisk, service } = supervised();
  await service.start(new AbortController().signal);
  const modules = await asterisk.commands.command("module show");
  asterisk.answers.set("module show", [...modules, "app_system.so   module   0   Running   core"]);
  const up = next(service, "up");
  await service.check();
  expect(service.fault).not.toBeNull();
  await expect.poll(() => service.fault).toMatch(/app_system\.so is loaded, not absent/);
  asterisk.answers.clear();
  await up;
  expect(service.fault).toBeNull();
});

it("a connection whose end nobody was told of is made again when the check finds it closed", async () => {
  const { asterisk, service } = supervised();
  await service.start(new AbortController().signal);
  asterisk.loseConnection(true);
  const up = next(service, "up");
  await expect(service.check()).rejects.toMatchObject({ code: "ami-closed" });
  await up;
  expect(await service.check()).toEqual([]);
  // The calls are none of its business: Asterisk has gone on.
  expect(asterisk.starts).toBe(1);
});
