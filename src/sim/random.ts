/** Repeatable chance: the same seed gives the same exchange, impulse by impulse. */
export interface Random {
  /** At least 0, less than 1. */
  next(): number;
  between(low: number, high: number): number;
}

/** Marsaglia's 32-bit xorshift ("Xorshift RNGs", 2003): even enough for contact bounce. */
export function seededRandom(seed: number): Random {
  // A state of zero would stay zero; neighbouring seeds are driven apart by the first rounds.
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x5a17c9e3) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  return { next, between: (low, high) => low + (high - low) * next() };
}
