import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { FakeLink } from "./publisher-fake-link.ts";
import { Requests } from "./requests-service.ts";
import { answerSchema } from "./wire/schema.ts";

const root = "paxgate/test";

async function scene(perform: (name: string, params: unknown) => Promise<unknown> = async () => ({ done: true })) {
  const clock = new VirtualClock(1_000);
  const link = new FakeLink();
  const performed: [name: string, params: unknown, by: string][] = [];
  const operations = {
    perform: (name: string, params: unknown, by: string) => {
      performed.push([name, params, by]);
      return perform(name, params);
    },
  };
  const requests = new Requests(link, operations, { root, clock, log: silentLog });
  await requests.start(new AbortController().signal);
  link.connect();
  const ask = async (name: string, payload: string) => {
    link.comes(`${root}/request/${name}`, payload);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const answers = () =>
    link.take().map(({ topic, payload, retain }) => {
      expect(retain).toBe(false);
      return { to: topic.slice(`${root}/response/`.length), ...answerSchema.parse(JSON.parse(payload)) };
    });
  return { clock, link, performed, requests, ask, answers };
}

describe("requests", () => {
  it("are performed, and answered with their transaction", async () => {
    const { ask, performed, answers } = await scene();
    await ask("line/block", '{"line":"1","transaction":"abc"}');
    expect(performed).toEqual([["line/block", { line: "1" }, "mqtt"]]);
    expect(answers()).toEqual([
      { to: "line/block", status: "ok", error: null, transaction: "abc", data: { done: true } },
    ]);
  });

  it("that fail are answered: a fault for people as it is, anything else without its text", async () => {
    const { ask, answers } = await scene(async (name) => {
      if (name === "line/block") throw new GatewayError("unknown-line", "there is no line 9");
      throw new Error("ENOENT /etc/secret");
    });
    await ask("line/block", "{}");
    await ask("guard/refresh", "{}");
    const [known, unknown] = answers();
    expect(known).toMatchObject({ status: "error", error: { code: "unknown-line", message: "there is no line 9" } });
    expect(unknown).toMatchObject({ status: "error", error: { code: "failed" } });
    expect(JSON.stringify(unknown)).not.toContain("secret");
  });

  it("of unknown names and without sense are answered, and not performed", async () => {
    const { ask, performed, answers } = await scene();
    await ask("credentials/show", "{}");
    await ask("a/b/c/../../../availability", "{}");
    await ask("line/block", "[1]");
    expect(performed).toEqual([]);
    expect(answers().map(({ to, error }) => [to, error?.code])).toEqual([
      ["credentials/show", "unknown-request"],
      ["invalid", "unknown-request"],
      ["line/block", "invalid-request"],
    ]);
  });

  it("that were retained are not performed, but deleted; the deletion is no request", async () => {
    const { link, performed } = await scene();
    link.retained.set(`${root}/request/asterisk/restart`, "{}");
    link.disconnect();
    link.connect();
    await new Promise((resolve) => setImmediate(resolve));
    expect(performed).toEqual([]);
    expect(link.take()).toEqual([{ topic: `${root}/request/asterisk/restart`, payload: "", retain: true, qos: 1 }]);
    expect(link.retained.size).toBe(0);
  });

  it("that come twice are performed once and answered twice; a minute later anew", async () => {
    const { ask, performed, answers, clock } = await scene();
    await ask("call/test", '{"transaction":"t"}');
    await ask("call/test", '{"transaction":"t"}');
    await ask("call/test", '{"transaction":"u"}');
    expect(performed.length).toBe(2);
    expect(answers().length).toBe(3);
    clock.advance(60_000);
    await ask("call/test", '{"transaction":"t"}');
    expect(performed.length).toBe(3);
  });

  it("that come again while they are under way are neither performed nor answered twice", async () => {
    let end: (value: unknown) => void = () => undefined;
    const { ask, performed, answers } = await scene(() => new Promise((resolve) => (end = resolve)));
    await ask("call/test", '{"transaction":"t"}');
    await ask("call/test", '{"transaction":"t"}');
    end("done");
    await new Promise((resolve) => setImmediate(resolve));
    expect(performed.length).toBe(1);
    expect(answers().length).toBe(1);
  });

  it("come at most 20 at once and 10 a second, and at most 8 are under way", async () => {
    const { ask, performed, clock, answers } = await scene();
    for (let at = 0; at < 50; at += 1) await ask("guard/refresh", "{}");
    expect(performed.length).toBe(20);
    clock.advance(1_000);
    for (let at = 0; at < 50; at += 1) await ask("guard/refresh", "{}");
    expect(performed.length).toBe(30);
    expect(answers().length).toBe(30);

    const slow = await scene(() => new Promise(() => undefined));
    for (let at = 0; at < 10; at += 1) await slow.ask("guard/refresh", "{}");
    expect(slow.performed.length).toBe(8);
    expect(slow.answers().map(({ error }) => error?.code)).toEqual(["busy", "busy"]);
  });

  it("have answers of bounded length", async () => {
    const { ask, answers } = await scene(async () => "x".repeat(50_000));
    await ask("call/test", "{}");
    expect(answers()[0]).toMatchObject({ status: "error", error: { code: "too-long" } });
  });

  it("of other sites and after stop are none of ours", async () => {
    const { link, performed, requests, ask } = await scene();
    link.comes("paxgate/other/request/line/block", "{}");
    await requests.stop();
    await ask("line/block", "{}");
    expect(performed).toEqual([]);
  });
});
