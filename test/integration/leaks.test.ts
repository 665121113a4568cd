import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import { CallWatch, eventOf, fastDials, hangUp, quick } from "./support/scenes.ts";

/** Many calls, and then nothing may be left of them: no call, file handle, socket, channel, bridge or memory. */

/** Enough for whatever is left by each call to be seen; a night's run may ask for more. */
const CALLS = Number(process.env["PAXGATE_LEAK_CALLS"] ?? 200);
/** Of these before memory is measured, so that what is made once and kept is not taken for a leak. */
const WARM_UP = 40;
/** Growth of the resident set that is no leak: collectors and allocators do not give everything back, MiB. */
const RSS_GROWTH_MIB = 20;

/** Requests to Asterisk go over at most so many connections, which are kept. */
const KEPT_CONNECTIONS = 8;

/** Five lines for each direction, each with a telephone of its own, so that all of them are busy all the time. */
const LINES = 5;
const CALLERS = Array.from({ length: LINES }, (_, at) => String(20 + at));
/** Of two ones: the fewest impulses that a number can have. */
const CALLEES = Array.from({ length: LINES }, (_, at) => ({ ext: `1${at + 1}`, number: `415${at}` }));

let rig: GatewayRig;
beforeAll(async () => {
  const line = (direction: string) => (_: unknown, at: number) => ({ name: `${direction}${at + 1}`, group: direction });
  rig = await GatewayRig.start({
    trunks: 1,
    callLimit: 2 * LINES,
    config: {
      lines: [...Array.from({ length: LINES }, line("out")), ...Array.from({ length: LINES }, line("in"))],
      limits: { callsPerHourPerLine: 10_000, callsPerHourPerAccount: 10_000, callsPerHourPerTrunk: 10_000 },
      numberPlan: {
        fromPax: [{ dial: "1", trunk: "event", number: "4129" }],
        toPax: CALLEES.map(({ ext, number }) => ({ number, extension: ext, group: "in" })),
      },
      pax: { overrides: { ...quick, interDigitalPauseMs: 240, sendBreakMs: 62, sendMakeMs: 28 } },
    },
    topology: (standard) => ({
      ...standard,
      exchange: { ...standard.exchange, registers: 2 * LINES, tieGuardMs: 100 },
      telephones: [...CALLERS, ...CALLEES.map(({ ext }) => ext)],
      lines: standard.lines?.map((one) => ({ ...one, reversal: true })) ?? [],
    }),
  });
  eventOf(rig).addPhone({ number: "4129", behaviour: { kind: "echo" }, lines: 2 * LINES });
  await fastDials(rig, ...CALLERS);
  for (const { ext } of CALLEES) await rig.pax.setPhone(ext, { autoAnswerMs: 100 });
}, 60_000);
afterAll(() => rig?.stop());

/** A PAX telephone calls the echo on the network, is answered, and clears. */
async function outward(ext: string): Promise<void> {
  const { pax } = rig;
  await pax.lift(ext);
  await pax.waitFor(ext, "dial-tone", 15_000);
  await pax.dial(ext, "9");
  await pax.waitFor(ext, "connected", 15_000);
  await pax.waitFor(ext, "dial-tone", 15_000);
  await pax.dial(ext, "1");
  await pax.waitFor(ext, "answered", 15_000);
  await hangUp(rig, ext);
}

/** A telephone on the network calls a PAX telephone, is answered, and clears. */
async function inward({ ext, number }: { ext: string; number: string }): Promise<void> {
  const watch = new CallWatch(rig, eventOf(rig).call("4777", number));
  await watch.event("answered");
  await eventOf(rig).hangup(watch.call);
  await watch.event("ended");
  await hangUp(rig, ext);
  // The line rests a moment before it may be seized again; meanwhile its group would be full.
  await rig.pax.waitFor(ext, "idle", 15_000);
}

async function makeCalls(count: number): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let left = count;
  const keepCalling = async (place: () => Promise<void>, name: string, recover: () => Promise<void>) => {
    while (left > 0) {
      left--;
      const outcome = await place().then(
        () => `${name} succeeded`,
        async (error: unknown) => {
          await recover();
          return `${name}: ${String(error)}`;
        },
      );
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  const clear = async (ext: string) => hangUp(rig, ext).catch(() => undefined);
  await Promise.all([
    ...CALLERS.map((ext) =>
      keepCalling(
        () => outward(ext),
        "outward",
        () => clear(ext),
      ),
    ),
    ...CALLEES.map((one) =>
      keepCalling(
        () => inward(one),
        "inward",
        () => clear(one.ext),
      ),
    ),
  ]);
  return outcomes;
}

/** What a process holds open, by kind. */
function handles(pid: number): { udp: number; tcp: number; local: number; files: number } {
  const inodes = (table: string) =>
    new Set(
      readFileSync(`/proc/${pid}/net/${table}`, "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/)[9]),
    );
  const [udp, tcp] = [inodes("udp"), inodes("tcp")];
  const found = { udp: 0, tcp: 0, local: 0, files: 0 };
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const link = linkOf(`/proc/${pid}/fd/${fd}`);
    if (link === "") continue;
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    if (inode === undefined) found.files++;
    else if (udp.has(inode)) found.udp++;
    else if (tcp.has(inode)) found.tcp++;
    else found.local++;
  }
  return found;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // closed in this moment
  }
}

const statusOf = (pid: number, field: string) =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

async function count() {
  const bridges = await rig.asterisk("bridge show all");
  const dialogues = await rig.asterisk("sip show channels");
  return {
    gateway: handles(rig.gatewayPid),
    asterisk: handles(rig.asteriskPid),
    channels: (await rig.asterisk("core show channels count")).trim().split("\n").slice(0, 2).join(", "),
    bridges: bridges.trim().split("\n").length - 1,
    dialogues: dialogues.split("\n").filter((line) => /INVITE|BYE|ACK|CANCEL/.test(line)).length,
    threads: statusOf(rig.gatewayPid, "Threads"),
  };
}

const rss = () => ({
  gateway: statusOf(rig.gatewayPid, "VmRSS") / 1024,
  asterisk: statusOf(rig.asteriskPid, "VmRSS") / 1024,
});

/** How often the idle gateway wakes in three seconds: a timer that was forgotten shows here. */
async function wakeUps(): Promise<number> {
  const before = statusOf(rig.gatewayPid, "voluntary_ctxt_switches");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return statusOf(rig.gatewayPid, "voluntary_ctxt_switches") - before;
}

it(
  `leaves nothing behind after ${CALLS} calls`,
  async () => {
    const before = await count();
    const wakeUpsBefore = await wakeUps();
    const warmUp = await makeCalls(WARM_UP);
    const rssBefore = rss();
    const began = performance.now();
    const outcomes = await makeCalls(CALLS - WARM_UP);
    const seconds = Math.round((performance.now() - began) / 1000);
    await rig.quiet();
    const failed = [...Object.keys(warmUp), ...Object.keys(outcomes)].filter((one) => !one.endsWith("succeeded"));
    const said = rig.log.filter(({ level, msg }) => level === "warn" || level === "error" || msg === "call refused");
    expect(failed, JSON.stringify(said.slice(-20))).toEqual([]);
    // chan_sip keeps a dialogue, with its audio's socket, for 32 s after the call (64 times T1, RFC 3261, section 17).
    await expect.poll(async () => (await count()).dialogues, { timeout: 45_000, interval: 500 }).toBe(0);
    const after = await count();
    // By now the gateway has collected what its sockets' buffers had left, as it does whenever it is quiet.
    const rssAfter = rss();
    const wakeUpsAfter = await wakeUps();
    console.info(
      JSON.stringify({ seconds, outcomes, before, after, rssBefore, rssAfter, wakeUpsBefore, wakeUpsAfter }),
    );
    expect(after.channels).toBe(before.channels);
    expect(after.bridges).toBe(before.bridges);
    expect(after.threads).toBeLessThanOrEqual(before.threads);
    for (const side of ["gateway", "asterisk"] as const) {
      expect(after[side].udp, `${side}'s UDP sockets`).toBe(before[side].udp);
      expect(after[side].files, `${side}'s files`).toBeLessThanOrEqual(before[side].files);
      expect(after[side].local, `${side}'s local sockets`).toBeLessThanOrEqual(before[side].local);
      expect(after[side].tcp - before[side].tcp, `${side}'s connections`).toBeLessThanOrEqual(KEPT_CONNECTIONS);
      expect(rssAfter[side] - rssBefore[side], `${side}'s memory, MiB`).toBeLessThan(RSS_GROWTH_MIB);
    }
    expect(wakeUpsAfter).toBeLessThan(2 * wakeUpsBefore + 30);
    expect((await rig.status()).calls).toEqual([]);
  },
  150_000 + 500 * CALLS,
);
