import { formatNetwork, type IpNetwork, parseAddress } from "../base/ip.ts";
import { counterNames, MARKER, ourObjects } from "./layout.ts";
import type { InKernel } from "./plan.ts";
import type { Counters, LimitedSource } from "./types.ts";

/** Reads what nft says as JSON (libnftables-json(5)). Whatever is not in form counts as not there. */

type Fields = Readonly<Record<string, unknown>>;

function entriesOf(listing: unknown): [kind: string, fields: Fields][] {
  if (!Array.isArray(listing)) return [];
  return listing.flatMap((entry: unknown) =>
    isFields(entry)
      ? Object.entries(entry).flatMap(([kind, fields]) =>
          isFields(fields) ? [[kind, fields] as [string, Fields]] : [],
        )
      : [],
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface ReadTable {
  readonly table: InKernel["table"];
  /** Everything but handles, counts and elements: equal texts are equal rules. */
  readonly text: string;
}

/** `listing`: of `NftPort.table`. */
export function readTable(listing: unknown): ReadTable {
  const entries = entriesOf(listing);
  if (entries.length === 0) return { table: "absent", text: "" };
  const objects = new Set(
    entries.flatMap(([kind, { name }]) => (kind === "table" || kind === "rule" ? [] : [`${kind} ${String(name)}`])),
  );
  const complete = objects.size === ourObjects.size && [...objects].every((name) => ourObjects.has(name));
  const plain = entries.map(([kind, { handle, packets, bytes, elem, ...rest }]) => [kind, rest]);
  return { table: complete && objects.has(`chain ${MARKER}`) ? "ours" : "foreign", text: JSON.stringify(plain) };
}

/** The named counters, in the order of the rules. `listing`: of `NftPort.table`. */
export function countersOf(listing: unknown): Counters {
  const found = new Map<unknown, { packets: number; bytes: number }>();
  for (const [kind, { name, packets, bytes }] of entriesOf(listing)) {
    if (kind === "counter" && typeof packets === "number" && typeof bytes === "number") {
      found.set(name, { packets, bytes });
    }
  }
  return new Map(
    Object.keys(counterNames).flatMap((name) => {
      const counted = found.get(name);
      return counted === undefined ? [] : [[name, counted] as const];
    }),
  );
}

/** Elements with their fields, of a set whose elements have time-outs. `listing`: of `NftPort.set`. */
function elementsOf(listing: unknown): { readonly address: IpNetwork; readonly fields: Fields }[] {
  const [set] = entriesOf(listing).filter(([kind]) => kind === "set");
  const elements = set?.[1]["elem"];
  if (!Array.isArray(elements)) return [];
  return elements.flatMap((element: unknown) => {
    const fields = isFields(element) && isFields(element["elem"]) ? element["elem"] : {};
    const address = typeof fields["val"] === "string" ? parseAddress(fields["val"]) : null;
    return address === null ? [] : [{ address, fields }];
  });
}

/** Sources in a set that the kernel fills. `listing`: of `NftPort.set`. */
export function sourcesOf(listing: unknown): LimitedSource[] {
  return elementsOf(listing).map(({ address, fields: { expires } }) => ({
    source: formatNetwork(address.family === 4 ? address : { ...address, prefix: 64 }),
    expiresS: typeof expires === "number" ? expires : 0,
  }));
}

/** Addresses with what their elements have counted, packets. `listing`: of `NftPort.set`. */
export function packetsOf(listing: unknown): [address: string, packets: number][] {
  return elementsOf(listing).flatMap(({ address, fields: { counter } }) => {
    const packets = isFields(counter) ? counter["packets"] : undefined;
    return typeof packets === "number" ? [[formatNetwork(address), packets]] : [];
  });
}

/** A set's content as a text, to be compared with itself later. */
export function contentText(listing: unknown): string {
  const [set] = entriesOf(listing).filter(([kind]) => kind === "set");
  return JSON.stringify(set?.[1]["elem"] ?? []);
}
