import type { ScannerRules } from "./port.ts";
import { FIRST_TIER, type ScannerToken, SECOND_TIER } from "./scanner-tokens.ts";
import type { FirewallPolicy } from "./types.ts";

/**
 * The filter of User-Agents. The kernel's match sees bytes, not headers: a short token such as `smap` would also hit
 * somebody's name or a word in a body. So short tokens are looked for with the header's name before them, in the two
 * ways in which it is written (RFC 3261 section 7.3.1 allows more; whoever writes those is not stopped here, as this
 * lowers noise and defends nothing). The longer text is cheaper too: Boyer-Moore skips by its length.
 */

/** What a further token from the configuration must be long enough for to be looked for anywhere. */
const UNMISTAKABLE = 10;

/** The rules that the policy asks for; null when the filter is off. `mark`: what strangers' SIP packets carry. */
export function scannerRules(policy: FirewallPolicy, mark: number): ScannerRules | null {
  const { scanner, sip } = policy;
  if (!scanner.enabled) return null;
  const wanted = [
    ...FIRST_TIER,
    ...(scanner.strict ? SECOND_TIER : []),
    ...scanner.tokens.map((text) => text.trim()).flatMap((token) => (token.length < 3 ? [] : [furtherToken(token)])),
  ];
  const patterns: Record<string, readonly string[]> = {};
  const seen = new Set<string>();
  for (const token of wanted) {
    const key = token.token.toLowerCase();
    if (seen.has(key)) continue;
    seen.add(key);
    patterns[token.token] = patternsOf(token);
  }
  return { mark, sipPort: sip.port, tcp: sip.tcp, tokens: Object.keys(patterns), patterns };
}

/** The texts that the kernel looks for, in any case. */
export function patternsOf({ token, where }: ScannerToken): readonly string[] {
  return where === "anywhere" ? [token] : [`User-Agent: ${token}`, `User-Agent:${token}`];
}

/** The token that a packet is dropped for, or null: the kernel's match, in a pure form for the tests. */
export function matchedToken(rules: ScannerRules, packet: string): string | null {
  const folded = packet.toLowerCase();
  const hit = (token: string) =>
    (rules.patterns?.[token] ?? [token]).some((text) => folded.includes(text.toLowerCase()));
  return rules.tokens.find(hit) ?? null;
}

function furtherToken(token: string): ScannerToken {
  return { token, where: token.length >= UNMISTAKABLE ? "anywhere" : "agent" };
}
