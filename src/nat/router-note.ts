import type { Forward, RouterStep } from "./router.ts";

/** How the machine was before we changed it: what is put back at the end, also by a successor. */
export interface RouterNote {
  /** The values that stood there before. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly addresses: readonly { readonly interface: string; readonly address: string }[];
  /** Interfaces that we switched on. */
  readonly links: readonly string[];
  /** Forwards that were in force last. */
  readonly forwards: readonly Forward[];
}

export const emptyNote: RouterNote = { sysctls: new Map(), addresses: [], links: [], forwards: [] };

/** The note with what a step is about to change; the first value that we found is the one that counts. */
export function noteStep(note: RouterNote, step: RouterStep, before: ReadonlyMap<string, string>): RouterNote {
  switch (step.kind) {
    case "sysctl": {
      const value = before.get(step.key);
      if (value === undefined || note.sysctls.has(step.key)) return note;
      return { ...note, sysctls: new Map([...note.sysctls, [step.key, value]]) };
    }
    case "add-address": {
      const known = note.addresses.some((one) => one.interface === step.interface && one.address === step.address);
      const added = { interface: step.interface, address: step.address };
      return known ? note : { ...note, addresses: [...note.addresses, added] };
    }
    case "link":
      return note.links.includes(step.interface) ? note : { ...note, links: [...note.links, step.interface] };
    case "remove-address":
    case "dhcp-start":
    case "dhcp-stop":
      return note;
  }
}

/** Everything back as it was. Forwarding ends first. */
export function planUndo(note: RouterNote): RouterStep[] {
  return [
    { kind: "dhcp-stop" },
    ...[...note.sysctls].map(([key, value]): RouterStep => ({ kind: "sysctl", key, value })),
    ...note.addresses.map((one): RouterStep => ({ kind: "remove-address", ...one })),
    ...note.links.map((name): RouterStep => ({ kind: "link", interface: name, up: false })),
  ];
}

/** Plain data for a file. */
export function packNote(note: RouterNote): unknown {
  return { ...note, sysctls: [...note.sysctls] };
}

/** Anything that is not in form counts as if it had never been written. */
export function unpackNote(data: unknown): RouterNote {
  const { sysctls, addresses, links, forwards } = record(data);
  return {
    sysctls: new Map(
      list(sysctls).flatMap((entry): [string, string][] => {
        const [key, value] = list(entry);
        const fits = typeof key === "string" && /^net\/ipv[46]\/(?!.*\.\.)[A-Za-z0-9._/-]+$/.test(key);
        return fits && typeof value === "string" && /^[0-9]{1,9}$/.test(value) ? [[key, value]] : [];
      }),
    ),
    addresses: list(addresses).flatMap((entry) => {
      const { interface: name, address } = record(entry);
      return isName(name) && typeof address === "string" && /^[0-9.]{7,15}\/[0-9]{1,2}$/.test(address)
        ? [{ interface: name, address }]
        : [];
    }),
    links: list(links).filter(isName),
    forwards: list(forwards).flatMap((entry): Forward[] => {
      const { name, protocol, port, to, toPort } = record(entry);
      if (typeof name !== "string" || (protocol !== "udp" && protocol !== "tcp")) return [];
      if (typeof port !== "number" || typeof to !== "string") return [];
      return [{ name, protocol, port, to, ...(typeof toPort === "number" ? { toPort } : {}) }];
    }),
  };
}

function record(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === "object" && data !== null ? { ...data } : {};
}

function list(data: unknown): readonly unknown[] {
  return Array.isArray(data) ? data.slice(0, 256) : [];
}

function isName(data: unknown): data is string {
  return typeof data === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/.test(data);
}
