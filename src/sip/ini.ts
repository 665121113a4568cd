/** A section: its name and its lines in order. Values were checked before they came here. */
export type Section = readonly [name: string, entries: readonly Entry[]];
export type Entry = readonly [key: string, value: string];

/** Text of a configuration file in Asterisk's form. */
export function renderSections(sections: readonly Section[], assign = "="): string {
  return sections
    .map(([name, entries]) => `[${name}]\n${entries.map(([key, value]) => `${key}${assign}${value}\n`).join("")}`)
    .join("\n");
}
