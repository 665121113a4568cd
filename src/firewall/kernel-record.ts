import { contentText, type ReadTable, readTable } from "./counters.ts";
import { type StaticSet, TABLE } from "./layout.ts";
import { type InKernel, nothingKnown, same, type Wanted } from "./plan.ts";
import type { NftPort } from "./port.ts";
import type { Elements } from "./render.ts";

/** Sets whose content is read back: small, and worth an attack. */
const watchedSets: readonly StaticSet[] = [
  "trusted4",
  "trusted6",
  "allowed4",
  "allowed6",
  "management4",
  "management6",
];

/** What we put into the kernel, and what it said of it then; hence what somebody else has changed since. */
export class KernelRecord {
  readonly #nft: NftPort;
  #known: InKernel = nothingKnown("absent");
  #table: ReadTable = { table: "absent", text: "" };
  readonly #contents = new Map<StaticSet, string>();

  constructor(nft: NftPort) {
    this.#nft = nft;
  }

  get known(): InKernel {
    return this.#known;
  }

  /** Looks at what is there before we have done anything. */
  async begin(): Promise<void> {
    this.forget(readTable(await this.#nft.table(TABLE)).table);
  }

  /** Nothing is known for certain any more but, perhaps, what sort of table there is. */
  forget(table: InKernel["table"] = this.#known.table): void {
    this.#known = nothingKnown(table);
  }

  /** These sets are to be filled again. */
  forgetSets(...names: readonly StaticSet[]): void {
    const sets = new Map<StaticSet, Elements>(this.#known.sets);
    for (const name of names) sets.delete(name);
    this.#known = { ...this.#known, sets };
  }

  /** What is wanted has just been put there. */
  async note({ rules, sets }: Wanted): Promise<void> {
    const before = this.#known;
    const anew = before.table !== "ours";
    if (anew || before.rules !== rules) this.#table = readTable(await this.#nft.table(TABLE));
    for (const name of watchedSets) {
      const [known, wanted] = [before.sets.get(name), sets.get(name)];
      if (!anew && known !== undefined && wanted !== undefined && same(known, wanted)) continue;
      this.#contents.set(name, contentText(await this.#nft.set(TABLE, name)));
    }
    this.#known = { table: this.#table.table, rules, sets };
  }

  /** What differs from what was noted, in words; null when nothing does. It is forgotten then. */
  async difference(): Promise<string | null> {
    const { table, text } = readTable(await this.#nft.table(TABLE));
    const changed = [];
    if (table === "absent") changed.push("the table is gone");
    else if (table !== this.#table.table || text !== this.#table.text) changed.push("rules were changed");
    else {
      for (const name of watchedSets) {
        const content = contentText(await this.#nft.set(TABLE, name));
        if (content !== this.#contents.get(name)) changed.push(`set ${name} was changed`);
      }
    }
    if (changed.length === 0) return null;
    this.forget(table);
    return changed.join(", ");
  }
}
