/** Addresses and networks for a block list, as lines; none of them is any of the lab's. Another `seed`, another half. */
export function blockText(addresses: number, networks: number, seed = 0): string {
  const lines: string[] = [];
  // 20.0.0.0 upwards, spread: neighbours would be joined to networks by nobody, but lie close in a tree.
  for (let at = 0; at < addresses; at++) lines.push(dotted(0x14000000 + (at + (seed * addresses) / 2) * 61));
  // 60.0.0.0 upwards: of the lengths that lists have, most /24.
  for (let at = 0; at < networks; at++) {
    const length = [24, 24, 24, 24, 23, 22, 21, 20, 19, 16][at % 10] ?? 24;
    const first = 0x3c000000 + (at + seed) * 0x10000;
    lines.push(`${dotted(first)}/${length}`);
  }
  return `${lines.join("\n")}\n`;
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) & 255).join(".");
}
