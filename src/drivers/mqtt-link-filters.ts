/** Topic filters (MQTT 3.1.1 section 4.7). */

/** Whether a topic fits a filter. */
export function fits(filter: string, topic: string): boolean {
  const [wanted, levels] = [filter.split("/"), topic.split("/")];
  for (const [at, level] of wanted.entries()) {
    // `a/#` fits `a` as well.
    if (level === "#") return at <= levels.length;
    if (at >= levels.length || (level !== "+" && level !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}

/** Whether everything that fits `narrow` fits `wide` too. */
export function covers(wide: string, narrow: string): boolean {
  const [outer, inner] = [wide.split("/"), narrow.split("/")];
  for (const [at, level] of outer.entries()) {
    if (level === "#") return at <= inner.length;
    if (at >= inner.length || inner[at] === "#") return false;
    if (level !== "+" && level !== inner[at]) return false;
  }
  return outer.length === inner.length;
}

/**
 * The filters that no other one covers. Only these are asked of a broker: it may deliver a message once for each
 * filter that it fits (MQTT 3.1.1 section 3.3.5), and a request must not come twice.
 */
export function widest(filters: Iterable<string>): readonly string[] {
  const all = [...new Set(filters)];
  return all.filter((one) => !all.some((other) => other !== one && covers(other, one)));
}
