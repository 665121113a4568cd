import { setTimeout as delay } from "node:timers/promises";
import { within } from "../../base/lifecycle.ts";
import { Contention } from "./contention.ts";
import type { Finding, Goal } from "./finding.ts";
import { callOut } from "./latency-bench.ts";
import { waitedMs } from "./process-usage.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { memoryOf, processorShare } from "./resources-bench.ts";
import { alawSdp } from "./sip-text.ts";
import { quantile } from "./statistics.ts";
import { TonePhone } from "./tone-phone.ts";

/** A frame is 20 ms long: one that is held up for longer comes too late for its place. */
const FRAME_MS = 20;
const PAX_TONE_HZ = 500;
const SETTLE_MS = 2_000;
const LISTEN_MS = 1_000;
const STRAIGHT_LIMIT_MS = 10_000;
/** A tone of -10 dBm0 that arrives weaker than this is not heard. */
const HEARD_DBM0 = -20;
const none: Goal = { most: 0, of: "worst" };

/** Every line in talk at once, with a tone each way, for `ms`. */
export async function benchTalk(rehearsal: Rehearsal, lines: number, ms: number): Promise<Finding[]> {
  const { pax, tap } = rehearsal;
  const extensions = Array.from({ length: lines }, (_, at) => String(30 + at));
  const phones = await Promise.all(
    extensions.map(async (ext, at) => {
      const invite = await callOut(rehearsal, ext, `43${1 + (at % 3)}${1 + Math.floor(at / 3)}`);
      const phone = await TonePhone.answer(invite.sdp);
      invite.respond(200, alawSdp(phone.port));
      await pax.play(ext, { frequencyHz: PAX_TONE_HZ });
      return phone;
    }),
  );
  try {
    await within(STRAIGHT_LIMIT_MS, Promise.all(phones.map((phone) => phone.hearing)), "no sound came");
    await delay(SETTLE_MS);
    for (const phone of phones) phone.clear();
    for (const line of tap.lines.values()) line.clear();
    const heardBefore = await pax.lines();
    const waited = await waitedMs(rehearsal.gatewayPid);
    const when = `${lines} lines in talk`;
    const contention = new Contention(rehearsal.gatewayPid);
    contention.start();
    const processor = await processorShare(rehearsal, when, null, () => delay(ms));
    contention.stop();
    const talked = [...tap.lines.values()].map((line) => ({
      turnarounds: [...line.turnaroundsMs],
      since: [...line.sinceMs],
      silent: line.silent,
    }));
    const waitedFor = (await waitedMs(rehearsal.gatewayPid)) - waited;
    const heardAfter = await pax.lines();
    const memory = await memoryOf(rehearsal, when);
    const heard = await Promise.all(
      extensions.map((ext) => pax.hear(ext, { ms: LISTEN_MS, frequenciesHz: [TonePhone.frequencyHz] })),
    );
    const deaf = heard.filter(({ tones }) => (tones[0]?.levelDbm0 ?? -100) < HEARD_DBM0).length;

    // Takes a while, in which nobody speaks: last of all.
    const reports = phones.map((phone) => phone.report(PAX_TONE_HZ));
    const turnarounds = talked.flatMap((line) => line.turnarounds);
    const late = talked.flatMap(({ turnarounds: all, since }) =>
      all.flatMap((heldMs, at) => (heldMs > FRAME_MS ? [{ heldMs, fromMs: since[at] ?? 0 }] : [])),
    );
    const ours = late.filter(({ heldMs, fromMs }) => heldMs - contention.between(fromMs, fromMs + heldMs) > FRAME_MS);
    const due = (lines * ms) / FRAME_MS;
    const all = (pick: (report: (typeof reports)[number]) => number) =>
      reports.reduce((sum, one) => sum + pick(one), 0);
    const counted = (key: "missed" | "dropped") =>
      heardAfter.reduce((sum, line, at) => sum + line.audio[key] - (heardBefore[at]?.audio[key] ?? 0), 0);
    const figure = (name: string, unit: string, value: number, goal: Goal | null = null): Finding => ({
      name: `${when}: ${name}`,
      unit,
      goal,
      values: [value],
    });
    return [
      figure("frames held up > 20 ms by us", "frames", ours.length, none),
      figure("frames held up > 20 ms by a busy machine", "frames", late.length - ours.length),
      figure("frames lost by us", "frames", Math.max(0, Math.floor(due * 0.99) - turnarounds.length), none),
      figure("lines without tone, either way", "lines", deaf + reports.filter(({ heard }) => !heard).length, none),
      figure("hold-up p50", "ms", quantile(turnarounds, 0.5)),
      figure("hold-up p99", "ms", quantile(turnarounds, 0.99)),
      figure("hold-up, longest", "ms", quantile(turnarounds, 1)),
      figure("frames", "frames", turnarounds.length),
      figure(
        "frames towards the PAX without sound",
        "frames",
        talked.reduce((sum, { silent }) => sum + silent, 0),
      ),
      figure(
        "packets missing at the trunk",
        "packets",
        all(({ missing }) => missing),
      ),
      figure(
        "packets without tone at the trunk",
        "packets",
        all(({ silent }) => silent),
      ),
      figure(
        "packet spacing at the trunk, p99",
        "ms",
        quantile(
          reports.flatMap(({ gapsMs }) => gapsMs),
          0.99,
        ),
      ),
      figure(
        "packet spacing at the trunk, longest",
        "ms",
        quantile(
          reports.flatMap(({ gapsMs }) => gapsMs),
          1,
        ),
      ),
      figure("frames that the simulated PAX missed", "frames", counted("missed")),
      figure("frames that the simulated PAX dropped", "frames", counted("dropped")),
      figure("supervisor waited for a processor", "ms", waitedFor),
      ...processor,
      ...memory,
    ];
  } finally {
    for (const phone of phones) phone.hangUp();
    for (const ext of extensions) await pax.hangup(ext);
    await rehearsal.quiet();
  }
}
