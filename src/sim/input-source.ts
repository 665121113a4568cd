import { type Circuit, partner } from "./exchange-state.ts";

/**
 * What a monitored input of the simulated exchange follows. A PAX has many contacts that could be wired out; these are
 * the ones whose state the simulation really has.
 */
export type InputSource =
  /** At least so many registers are engaged: register N of the exchange, as they are allotted in order. */
  | { readonly type: "registers"; readonly atLeast: number }
  /** At least so many conversations, or calls that ring, are switched through: link (selector) N. */
  | { readonly type: "links"; readonly atLeast: number }
  /** Somebody waits for a register. */
  | { readonly type: "congestion" }
  /** The ringing machine runs. */
  | { readonly type: "ringing" }
  /** A gateway line, or an extension, is engaged. */
  | { readonly type: "engaged"; readonly circuit: string }
  /** The exchange has no power: its fuse alarm. */
  | { readonly type: "power-fail" };

/** What is needed of the lines to know them by name. */
interface NamedLine {
  readonly name: string;
  /** An extension line's number, which is its circuit in the exchange; a tie line's circuit is its name. */
  readonly extension?: string;
}

/**
 * What an input follows by itself, told by its name as far as that means something the simulation knows; null: nothing,
 * it is at rest until somebody sets it.
 */
export function sourceOf(name: string, lines: readonly NamedLine[]): InputSource | null {
  const line = lines.find((one) => name === one.name || name === `${one.name}-busy`);
  if (line !== undefined) return { type: "engaged", circuit: line.extension ?? line.name };
  const extension = /^(?:ext|extension|telephone|phone)-?([0-9]{2})(?:-busy)?$/.exec(name)?.[1];
  if (extension !== undefined) return { type: "engaged", circuit: extension };
  if (/^(?:fuse|fuses|fuse-alarm|power-fail|power-failure|no-power)$/.test(name)) return { type: "power-fail" };
  if (/^(?:congestion|registers-busy|no-register)$/.test(name)) return { type: "congestion" };
  if (/^(?:ringing|ringer|ringing-machine)$/.test(name)) return { type: "ringing" };
  const numbered = /^(register|registers|selector|connector|link)(?:-?([0-9]{1,2}))?(?:-busy|-in-use)?$/.exec(name);
  if (numbered === null) return null;
  const atLeast = Math.max(1, Number(numbered[2] ?? 1));
  return { type: numbered[1]?.startsWith("register") === true ? "registers" : "links", atLeast };
}

/** Whether the input that follows `source` is active in this state of the exchange. */
export function sourceActive(source: InputSource, powered: boolean, circuits: Iterable<Circuit>): boolean {
  if (source.type === "power-fail") return !powered;
  if (!powered) return false; // its relays are at rest
  const all = [...circuits];
  const count = (is: (circuit: Circuit) => boolean) => all.filter(is).length;
  switch (source.type) {
    case "registers":
      return count(({ state: { type } }) => type === "register" || type === "finding-register") >= source.atLeast;
    case "links":
      return count(isCalling) >= source.atLeast;
    case "congestion":
      return count(({ state }) => state.type === "awaiting-register") > 0;
    case "ringing":
      return count(({ state }) => state.type === "rung") > 0;
    case "engaged":
      return count(({ id, state }) => id === source.circuit && state.type !== "idle") > 0;
  }
}

/** The one end of each connection that counts it. */
function isCalling(circuit: Circuit): boolean {
  const { state } = circuit;
  if (state.type === "talking") return state.role === "caller";
  return state.type === "calling" || (state.type === "on-tie" && partner(circuit) !== null);
}
