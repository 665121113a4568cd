/** A server's clock, heard at a time of ours. */
export interface Epoch {
  readonly serverS: number;
  readonly heardMs: number;
}

/**
 * Whether a server has lost its mappings between two answers: its clock counts from then.
 * PCP: RFC 6887 section 8.5, for which both clocks may differ by 1/16 and 2 s.
 */
export function pcpLost(before: Epoch | null, now: Epoch): boolean {
  if (before === null) return false;
  // Answers may overtake one another by a second.
  if (now.serverS < before.serverS - 1) return true;
  const serverS = now.serverS - before.serverS;
  const clientS = (now.heardMs - before.heardMs) / 1000;
  return clientS + 2 < serverS - serverS / 16 || serverS + 2 < clientS - clientS / 16;
}

/** NAT-PMP: RFC 6886 section 3.6; a clock that is too far behind, by 1/8 and 2 s. */
export function natPmpLost(before: Epoch | null, now: Epoch): boolean {
  if (before === null) return false;
  const clientS = (now.heardMs - before.heardMs) / 1000;
  return now.serverS < before.serverS + (clientS * 7) / 8 - 2;
}
