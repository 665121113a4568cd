import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serviceManager } from "./systemd-notify.ts";

describe("a service manager", () => {
  it("is none when none wants to be told", () => {
    expect(serviceManager({})).toBeNull();
    expect(serviceManager({ NOTIFY_SOCKET: "" })).toBeNull();
  });

  it.each([
    ["30000000", 30_000],
    [undefined, null],
    ["0", null],
    ["soon", null],
  ])("that wants a sign of life every %s µs is given one every %s ms", (text, expected) => {
    const environment = { NOTIFY_SOCKET: "/run/notify", ...(text === undefined ? {} : { WATCHDOG_USEC: text }) };
    expect(serviceManager(environment)?.watchdogMs).toBe(expected);
  });
});

describe("without a socket of its own", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "paxgate-notify-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("the tool is given each message as one word, and a status is one line", async () => {
    const tool = join(directory, "tool");
    await writeFile(tool, '#!/bin/sh\nprintf "%s|%s\\n" "$#" "$1" >>"$(dirname "$0")/said"\n');
    await chmod(tool, 0o755);
    // A descriptor that was handed to our parent is not ours.
    const environment = { NOTIFY_SOCKET: "/run/notify", LISTEN_PID: String(process.ppid), LISTEN_FDNAMES: "notify" };
    const manager = serviceManager(environment, tool);
    await manager?.ready();
    await manager?.status("ready\nREADY=0");
    await manager?.alive();
    await manager?.stopping();
    const said = (await readFile(join(directory, "said"), "utf8")).trim().split("\n");
    expect(said).toEqual(["1|READY=1", "1|STATUS=ready READY=0", "1|WATCHDOG=1", "1|STOPPING=1"]);
  });

  it("a tool that is missing troubles nobody", async () => {
    await serviceManager({ NOTIFY_SOCKET: "/run/notify" }, join(directory, "missing"))?.alive();
  });
});
