import { describe, expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { SecurityEvent } from "./port.ts";
import { RegisteredService } from "./registered-service.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function rig() {
  const clock = new VirtualClock();
  const emitter = new TypedEmitter<{ event: [SecurityEvent] }>();
  const now = { peers: new Map<string, string>(), fails: false, asked: 0 };
  const service = new RegisteredService(
    {
      clock,
      events: {
        up: true,
        refused: 0,
        onEvent: (listener) => emitter.on("event", listener),
        onRefused: () => () => undefined,
      },
      peers: {
        registered: async () => {
          now.asked++;
          if (now.fails) throw new Error("no Asterisk");
          return new Map(now.peers);
        },
      },
    },
    silentLog,
  );
  const changes: string[][] = [];
  service.onChanged((addresses) => changes.push([...addresses]));
  const login = () => {
    const place = { service: "SIP", address: "192.0.2.1", port: 5060, transport: "udp" } as const;
    emitter.emit("event", { type: "SuccessfulAuth", ...place, proven: false });
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { clock, now, service, changes, login, pass };
}

describe("registered phones", () => {
  it("are known at once after a good login, and every ten seconds", async () => {
    const { clock, now, service, changes, login, pass } = rig();
    await service.start();
    await settle();
    now.peers.set("kitchen", "192.0.2.1");
    login();
    await settle();
    expect(changes).toEqual([["192.0.2.1"]]);
    await pass(100);
    now.peers.delete("kitchen");
    await pass(10_000);
    expect(changes).toEqual([["192.0.2.1"], []]);
    await service.stop();
    expect(clock.pending).toBe(0);
  });

  it("stay known while Asterisk cannot be asked", async () => {
    const { now, service, changes, pass } = rig();
    now.peers.set("kitchen", "192.0.2.1");
    await service.start();
    await settle();
    now.fails = true;
    await pass(10_000);
    await pass(10_000);
    expect([...service.addresses]).toEqual(["192.0.2.1"]);
    expect(service.unknown).toBe(true);
    now.fails = false;
    now.peers.set("bar", "192.0.2.2");
    await pass(10_000);
    expect(changes.at(-1)).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(service.unknown).toBe(false);
    await service.stop();
  });
});
