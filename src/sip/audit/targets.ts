import { type Dialplan, type Extension, extensionsFor } from "./dialplan.ts";
import { assigned, type Environment, type Shared } from "./environment.ts";
import { evaluate, shapeOf } from "./evaluate.ts";
import { argumentsOf, partsOf, referenceOf } from "./expression.ts";
import { isPattern } from "./pattern.ts";
import { bounded, restricted, type Value } from "./value.ts";

/** Where the flow is: a step, and the context that the channel is in (which may only include the step's own). */
export interface Spot {
  readonly context: string;
  readonly extension: Extension;
  readonly index: number;
}

export interface Target {
  readonly spot: Spot;
  readonly environment: Environment;
}

/** Where `[[context,]extension,]priority` leads, with the environment there. */
export function targetsOf(
  dialplan: Dialplan,
  shared: Shared,
  spot: Spot,
  text: string,
  environment: Environment,
): Target[] {
  const [step = "1", extension, context] = argumentsOf(text).reverse();
  const label = step.trim() === "" ? "1" : step.trim();
  if (extension === undefined) {
    const index = indexOf(spot.extension, label);
    return index < 0 ? [] : [{ spot: { ...spot, index }, environment }];
  }
  const place = filled(dialplan, context ?? spot.context);
  if (place.includes("$")) return [];
  const name = filled(dialplan, extension);
  const dialled = evaluate(name, { environment, shared });
  return extensionsFor(dialplan, place, shapeOf(name, spot.extension.shape)).flatMap((found) => {
    const index = indexOf(found, label);
    if (index < 0) return [];
    const there = called(environment, shared, found, dialled);
    return [{ spot: { context: place, extension: found, index }, environment: there }];
  });
}

/** The environment where a text lands in an extension: a pattern without end takes it as it is. */
export function called(environment: Environment, shared: Shared, extension: Extension, dialled: Value): Environment {
  const literal = extension.shape.elements.join("");
  const fits = extension.shape.open ? dialled : restricted(bounded(dialled), literal);
  return assigned(environment, shared, "EXTEN", isPattern(extension.name) ? fits : undefined);
}

/** Text with the global variables that the configuration itself gives filled in. */
export function filled(dialplan: Dialplan, text: string): string {
  const parts = partsOf(text).map((part) => {
    if (part.kind === "text") return part.text;
    if (part.kind === "expression") return `$[${part.inner}]`;
    const { name, args } = referenceOf(part.inner);
    const global = args !== null && name === "GLOBAL" ? args : name;
    const known = dialplan.globals.get(global.toLowerCase());
    return known === undefined || known.includes("$") ? `\${${part.inner}}` : known;
  });
  return parts.join("").trim();
}

/** Index of a priority by label or number; a computed one is taken for the first. */
function indexOf(extension: Extension, label: string): number {
  if (label.includes("$")) return 0;
  const number = /^\d+$/.test(label) ? Number(label) : null;
  return extension.priorities.findIndex((one) => one.label === label || one.number === number);
}
