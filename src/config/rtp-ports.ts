import type { Config } from "./schema.ts";

/** UDP ports that a line in a call uses: RTP and RTCP, towards the phone and towards the line's audio. */
export const RTP_PORTS_PER_LINE = 4;
/** UDP ports beyond those of the lines, for calls that are being refused or cleared (EJ). */
export const RTP_PORTS_MARGIN = 8;
/** What a router is asked for at the least when `sip.rtpPorts` has them: 50 calls' audio from outside (EJ). */
const ROUTER_PORTS = 100;

/** How many ports the lines can use at once. */
export function rtpPortsNeeded(lines: number): number {
  return lines * RTP_PORTS_PER_LINE + RTP_PORTS_MARGIN;
}

/**
 * The ports that are used of `sip.rtpPorts`: all, but behind a router that is asked for each of them only the first
 * ones, as many as the lines can use. A home router takes 3 to 8 s for 1,000 ports, and longer than a stop may last to
 * give them back.
 */
export function rtpPortsUsed({ nat, sip, lines }: Config): Config["sip"]["rtpPorts"] {
  const { from, to } = sip.rtpPorts;
  if (nat.mode !== "upstream") return sip.rtpPorts;
  return { from, to: Math.min(to, from + Math.max(ROUTER_PORTS, rtpPortsNeeded(lines.length)) - 1) };
}
