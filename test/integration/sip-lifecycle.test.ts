import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { describeError } from "../../src/base/errors.ts";
import { within } from "../../src/base/lifecycle.ts";
import type { SipModel } from "../../src/sip/model.ts";
import type { AsteriskService } from "../../src/sip/service.ts";
import { prepareAsterisk, type TestAsterisk } from "./support/asterisk.ts";

const plan = { accounts: [{ name: "kitchen" }], numberPlan: { toPax: [{ number: "41XX", extension: "XX" }] } };
const running: TestAsterisk[] = [];

async function asterisk(): Promise<TestAsterisk> {
  const made = await prepareAsterisk(plan);
  running.push(made);
  return made;
}

afterEach(async () => {
  for (const each of running.splice(0)) await each.remove();
});

function next(service: AsteriskService, event: "up" | "down"): Promise<void> {
  const happened = new Promise<void>((resolve) => {
    const dispose = service.on(event, () => {
      dispose();
      resolve();
    });
  });
  return within(10_000, happened, `no "${event}"`);
}

/** What an administrator would type. */
async function onConsole(model: SipModel, command: string): Promise<void> {
  await promisify(execFile)("/usr/sbin/asterisk", [
    "-C",
    join(model.directories.config, "asterisk.conf"),
    "-rx",
    command,
  ]);
}

describe("Asterisk under the supervisor", () => {
  it("is ready soon, with the profile in force and nothing to complain of", async () => {
    const { service, commands, readLog } = await asterisk();
    const began = performance.now();
    await service.start(new AbortController().signal);
    const took = performance.now() - began;
    console.info(`ready after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(3_000);
    expect(await service.check()).toEqual([]);
    expect(await commands.command("core show uptime")).toEqual(
      expect.arrayContaining([expect.stringMatching(/uptime/)]),
    );
    expect(await commands.command("features show")).toContainEqual(expect.stringMatching(/^Pickup .*no pickup/));
    const complaints = readLog("messages")
      .split("\n")
      .filter((line) => /WARNING|ERROR/.test(line));
    // The one that cannot be had otherwise: chan_sip is deprecated, and says so at every start.
    expect(
      complaints.filter((line) => !line.includes("Module 'chan_sip' has been loaded but will be deprecated")),
    ).toEqual([]);
  });

  it("ends with the service, and within the time that a service has", async () => {
    const { service, process } = await asterisk();
    await service.start(new AbortController().signal);
    const pid = process.pid ?? 0;
    expect(() => globalThis.process.kill(pid, 0)).not.toThrow();
    const began = performance.now();
    await service.stop();
    console.info(`stopped after ${Math.round(performance.now() - began)} ms`);
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(process.running).toBe(false);
    expect(() => globalThis.process.kill(pid, 0)).toThrow();
  });

  it("is started again at once when it was killed", async () => {
    const { service, process } = await asterisk();
    await service.start(new AbortController().signal);
    const first = process.pid ?? 0;
    const down = next(service, "down");
    const up = next(service, "up");
    const began = performance.now();
    globalThis.process.kill(first, "SIGKILL");
    await down;
    const noticed = performance.now() - began;
    await up;
    console.info(
      `death noticed after ${Math.round(noticed)} ms, up again after ${Math.round(performance.now() - began)} ms`,
    );
    // By the process's end, and not at the next look: those are half a minute apart.
    expect(noticed).toBeLessThan(5_000);
    expect(process.pid).not.toBe(first);
    expect(await service.check()).toEqual([]);
  });

  it.each(["http", "manager"] as const)(
    "does not count as started without its %s port, which it names",
    async (what) => {
      const { service, model, process } = await asterisk();
      const { port } = model[what];
      const other = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
      await once(other, "listening");
      const failed = await service.start(new AbortController().signal).catch((error: unknown) => error);
      expect(describeError(failed)).toMatch(new RegExp(`TCP (port )?${port} of 127.0.0.1`));
      await service.stop();
      expect(process.running).toBe(false);
      other.close();
    },
  );

  it("does not count as started when another program has its port", async () => {
    const { service, config, process } = await asterisk();
    const other = createSocket("udp4");
    other.bind(config.sip.port, "127.0.0.1");
    await once(other, "listening");
    await expect(service.start(new AbortController().signal)).rejects.toMatchObject({
      code: "sip-profile",
      message: expect.stringContaining(`UDP ${config.sip.port}`),
    });
    await service.stop();
    expect(process.running).toBe(false);
    other.close();
  });

  it("outlives its supervisor and is taken over by the next", async () => {
    const { service, process, successor } = await asterisk();
    await service.start(new AbortController().signal);
    const second = successor();
    await second.service.start(new AbortController().signal);
    expect(second.process.pid).toBe(process.pid);
    const down = next(service, "down");
    await second.service.stop();
    await down;
    expect(second.process.running).toBe(false);
    await service.stop();
  });

  it("takes a changed configuration from the next supervisor without a restart", async () => {
    const { service, process, model, successor } = await asterisk();
    await service.start(new AbortController().signal);
    const second = successor({ ...model, codecs: ["alaw"], toPax: ["42XX"] });
    await second.service.start(new AbortController().signal);
    expect(second.process.pid).toBe(process.pid);
    expect(await second.service.check()).toEqual([]);
    expect((await second.commands.command("dialplan show")).join("\n")).not.toContain("_41XX");
  });
});

describe("drift", () => {
  it("of a hand-edited and reloaded sip.conf is found and undone", async () => {
    const { service, commands, model } = await asterisk();
    await service.start(new AbortController().signal);
    appendFileSync(
      join(model.directories.config, "sip.conf"),
      "\n[general](+)\nallowguest=yes\n[back-door]\ntype=friend\n",
    );
    await commands.command("sip reload");
    expect((await commands.command("sip show settings")).join("\n")).toMatch(/Allow unknown access: +Yes/);
    const findings = await service.check();
    expect(findings.map((each) => `${each.kind} ${each.subject}`)).toEqual([
      "file sip.conf",
      "setting Allow unknown access",
      "peer-unknown back-door",
    ]);
    expect(await service.check()).toEqual([]);
  });

  it("of a module loaded by hand is found and the module unloaded", async () => {
    const { service, commands, model } = await asterisk();
    await service.start(new AbortController().signal);
    await onConsole(model, "module load app_system.so");
    expect((await commands.command("module show")).join("\n")).toContain("app_system.so");
    expect((await service.check()).map((each) => each.subject)).toEqual(["app_system.so"]);
    expect(await service.check()).toEqual([]);
  });

  it("of a dialplan changed by hand is found and undone", async () => {
    const { service, commands } = await asterisk();
    await service.start(new AbortController().signal);
    await commands.command("dialplan add extension 999,1,Echo, into block-caller");
    await commands.command("dialplan add extension 1,1,Echo, into hidden");
    const findings = await service.check();
    expect(findings.map((each) => each.kind)).toEqual(["dialplan", "dialplan"]);
    expect(await service.check()).toEqual([]);
  });

  it("that no reload cures leads to a restart", async () => {
    const { service, process, model } = await asterisk();
    await service.start(new AbortController().signal);
    const first = process.pid;
    const down = next(service, "down");
    // A file that Asterisk reads only when it starts: what is in force cannot be read back, so it begins anew.
    appendFileSync(join(model.directories.config, "asterisk.conf"), "[options](+)\nlive_dangerously=yes\n");
    const up = next(service, "up");
    expect((await service.check()).map((each) => each.subject)).toEqual(["asterisk.conf"]);
    await down;
    await up;
    expect(process.pid).not.toBe(first);
    expect(await service.check()).toEqual([]);
  });
});

describe("logs", () => {
  it("are moved aside when they have grown", async () => {
    const { service, model, readLog } = await asterisk();
    await service.start(new AbortController().signal);
    const { watch } = await import("node:fs");
    const watcher = watch(model.directories.log);
    appendFileSync(join(model.directories.log, "security"), "x".repeat(1_100_000));
    for (;;) {
      const [, name] = (await within(10_000, once(watcher, "change"), "the log was not moved")) as [string, string];
      if (name === "security.old") break;
    }
    watcher.close();
    expect(readLog("security.old").length).toBeGreaterThan(1_000_000);
  });
});
