/** Names by which attack tools announce themselves. Everybody can change his; most don't. */

/** `anywhere`: long and unmistakable. `agent`: short, so only where the User-Agent's value begins. */
export interface ScannerToken {
  readonly token: string;
  readonly where: "anywhere" | "agent";
}

/** Exact names of tools. None of them occurs in the corpus of legitimate software in the tests. */
export const FIRST_TIER: readonly ScannerToken[] = [
  { token: "friendly-scanner", where: "anywhere" },
  { token: "sipvicious", where: "anywhere" },
  { token: "sundayddr", where: "anywhere" },
  { token: "VaxSIPUserAgent", where: "anywhere" },
  { token: "VaxIPUserAgent", where: "anywhere" },
  { token: "siparmyknife", where: "anywhere" },
  { token: "CensysInspect", where: "anywhere" },
  { token: "sipcli", where: "agent" },
  { token: "sipsak", where: "agent" },
  { token: "sip-scan", where: "agent" },
  { token: "scanSIP", where: "agent" },
  { token: "pplsip", where: "agent" },
  { token: "sipptk", where: "agent" },
  { token: "SIVuS", where: "agent" },
  { token: "iWar", where: "agent" },
  { token: "smap", where: "agent" },
  { token: "Gulp", where: "agent" },
  { token: "Nmap", where: "agent" },
];

/**
 * Software that attackers use and honest people too: toll fraud is dialled with it, and so are ordinary calls. Off by
 * default.
 */
export const SECOND_TIER: readonly ScannerToken[] = [
  { token: "eyeBeam", where: "agent" },
  { token: "X-Lite", where: "agent" },
  { token: "CSipSimple", where: "agent" },
  { token: "MizuPhone", where: "agent" },
  { token: "PortSIP", where: "agent" },
  { token: "Linksys", where: "agent" },
  { token: "voip", where: "agent" },
  { token: "PBX", where: "agent" },
];
