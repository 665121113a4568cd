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
