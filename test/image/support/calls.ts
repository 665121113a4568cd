import { agree, callee, caller, pause, receive, stream, toneFile } from "../../integration/support/sipp.ts";
import type { Appliance } from "./appliance.ts";
import { SipPeer } from "./sip-peer.ts";

/** Of what the event's side sings and the PAX telephone's side. */
export const EVENT_HZ = 1_400;
export const PAX_HZ = 700;

/** The event's server takes a call, or several, sings, and waits until the gateway clears. */
export async function eventAnswers(appliance: Appliance, calls = 1): Promise<SipPeer> {
  const tone = await toneFile(appliance.directory, EVENT_HZ);
  return SipPeer.run(
    appliance.outside,
    receive('request="INVITE"') +
      callee.respondWithMedia("200 OK", "stream") +
      receive('request="ACK"') +
      stream(tone) +
      receive('request="BYE"') +
      agree,
    { calls },
  );
}

/** For how long the event's party talks before it clears, ms. */
const TALK_MS = 2_000;

/**
 * The event calls a number of ours. `clears`: who of the two parties does, and the other one may not; the gateway hears of
 * the PAX's party's only by the exchange's busy tone, for which sound has to be joined.
 */
export function eventCalls(
  appliance: Appliance,
  number: string,
  { clears = "pax" }: { readonly clears?: "pax" | "event" } = {},
): Promise<SipPeer> {
  return SipPeer.run(
    appliance.outside,
    caller.invite("echo") +
      receive('response="100"', 'optional="true"') +
      receive('response="183"', 'optional="true"') +
      receive('response="200"', 'rtd="true"') +
      caller.ack +
      (clears === "event" ? pause(TALK_MS) + caller.bye + receive('response="200"') : receive('request="BYE"') + agree),
    { number },
  );
}

/** A PAX telephone lifts, takes a tie line and dials; resolves when it is joined to the line. */
export async function paxDials(appliance: Appliance, ext: string, digits: string): Promise<void> {
  const { client } = appliance.pax;
  await client.setPhone(ext, { dial: { bounceMs: 0 } });
  await client.lift(ext);
  await client.waitFor(ext, "dial-tone", 5_000);
  await client.dial(ext, "9");
  await client.waitFor(ext, "connected", 10_000);
  await client.waitFor(ext, "dial-tone", 20_000);
  await client.dial(ext, digits);
}

/** One whole call from the event to a PAX telephone, which answers; the event clears, and nobody before it. */
export async function callIntoPax(appliance: Appliance, ext: string): Promise<void> {
  const peer = await eventCalls(appliance, `41${ext}`, { clears: "event" });
  const { client } = appliance.pax;
  try {
    await client.waitFor(ext, "ringing", 90_000);
    await client.lift(ext);
    await client.waitFor(ext, "connected", 10_000);
    await peer.done(150_000);
  } finally {
    await peer.stop();
    await client.hangup(ext).catch(() => undefined);
  }
}

/** Resolves once sipp has sent or received something like this. */
export async function messageSeen(peer: SipPeer, pattern: RegExp, limitMs: number): Promise<void> {
  const until = performance.now() + limitMs;
  while (!pattern.test(peer.messages)) {
    if (performance.now() > until)
      throw new Error(`no ${pattern} within ${limitMs} ms:\n${peer.messages.slice(-3_000)}`);
    // sipp writes a file and tells nobody.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Level of a tone at a PAX telephone, over a second, dBm0. */
export async function heardAt(appliance: Appliance, ext: string, frequencyHz: number): Promise<number> {
  const { tones } = await appliance.pax.client.hear(ext, { ms: 1_000, frequenciesHz: [frequencyHz] });
  return tones[0]?.levelDbm0 ?? -100;
}
