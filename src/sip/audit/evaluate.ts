import { type Environment, keyOf, lookUp, type Shared } from "./environment.ts";
import { argumentsOf, partsOf, referenceOf, splitOutside } from "./expression.ts";
import { joined, type Shape, shapeOfText, sliced } from "./pattern.ts";
import { CLEAN_FUNCTIONS } from "./sources.ts";
import { bounded, either, filterList, restricted, type Value } from "./value.ts";

export interface Scope {
  readonly environment: Environment;
  readonly shared: Shared;
  /** Told of every function that is read, with what its arguments can hold. */
  readonly onFunction?: (name: string, value: Value) => void;
}

/** Asterisk's own nesting ends far below. */
const MAX_NESTING = 20;

/** What a piece of dialplan text can hold once its variables are filled in. */
export function evaluate(text: string, scope: Scope, nesting = 0): Value {
  if (nesting > MAX_NESTING) return undefined;
  let value: Value;
  for (const part of partsOf(text)) {
    if (part.kind === "variable") value = either(value, variable(part.inner, scope, nesting + 1));
    else if (part.kind === "expression") {
      const inner = evaluate(part.inner, scope, nesting + 1);
      // Comparisons and sums end in a number; a match gives back a part of the text, `::` joins texts.
      if (/=~|::|[^:]:[^:]|\?/.test(withoutVariables(part.inner))) value = either(value, inner);
    }
  }
  return value;
}

const withoutVariables = (text: string): string =>
  partsOf(text)
    .map((part) => (part.kind === "text" ? part.text.replace(/"[^"]*"/g, "") : ""))
    .join("");

function variable(inner: string, scope: Scope, nesting: number): Value {
  if (nesting > MAX_NESTING) return undefined;
  const { environment, shared } = scope;
  const { name, args, slice } = referenceOf(inner);
  const exact = slice === null ? undefined : `${keyOf(name, args)}:${slice}`;
  if (exact !== undefined && environment.has(exact)) return environment.get(exact);
  if (name.includes("$")) return evaluate(name, scope, nesting);
  const whole = args === null ? lookUp(environment, shared, name, null) : functionValue(name, args, scope, nesting);
  // `${EXTEN:0:11}` is never longer than 11.
  return slice !== null && /^-?\d*:\d+$/.test(slice) ? bounded(whole) : whole;
}

function functionValue(name: string, args: string, scope: Scope, nesting: number): Value {
  const { environment, shared } = scope;
  // Each piece is evaluated once: nested functions would else double the work at every level.
  const separator = { FILTER: ",", IF: "?" }[name];
  const pieces = separator === undefined ? [args] : splitOutside(args, separator, 2);
  const [first, second] = pieces.map((piece) => evaluate(piece, scope, nesting));
  const given = either(first, second);
  scope.onFunction?.(name, given);
  // Assigned before in this dialplan, such as CALLERID(num) after it was filtered.
  if (environment.has(keyOf(name, args))) return environment.get(keyOf(name, args));
  // The name may be a function's too: CUT(PJSIP_HEADER(read,To),@,1).
  const named = () => {
    const [inner = ""] = argumentsOf(args);
    return inner.includes("$") ? given : variable(inner, scope, nesting + 1);
  };
  switch (name) {
    case "FILTER":
      return restricted(second, filterList(pieces[0] ?? ""));
    case "IF":
      return second;
    case "CUT":
    case "SHIFT":
    case "POP":
    case "LISTFILTER":
    case "STRREPLACE":
      return either(named(), name === "STRREPLACE" ? given : undefined);
    case "URIENCODE":
      return restricted(given, "%-_.!~*'()");
    case "BASE64_ENCODE":
      return restricted(given, "+/=");
    case "LOCAL":
    case "GLOBAL":
    case "DB":
    case "HASH":
      return lookUp(environment, shared, name, args);
  }
  const itself = lookUp(environment, shared, name, args);
  if (itself !== undefined) return itself;
  // What an administrator's own database answers is taken for his, whoever asked.
  if (CLEAN_FUNCTIONS.has(name) || /^(?:ODBC_|REALTIME)/.test(name)) return undefined;
  return given;
}

/** What a text can look like, as far as it is made of plain text and the number called. */
export function shapeOf(text: string, extension: Shape): Shape {
  let shape: Shape = { elements: [], open: false };
  for (const part of partsOf(text)) {
    if (part.kind === "text") shape = joined(shape, shapeOfText(part.text));
    else {
      const { name, args, slice } = referenceOf(part.kind === "variable" ? part.inner : "");
      if (name === "EXTEN" && args === null)
        shape = joined(shape, slice === null ? extension : sliced(extension, slice));
      else if (name === "FILTER") shape = joined(shape, shapeOf(splitOutside(args ?? "", ",", 2)[1] ?? "", extension));
      else shape = joined(shape, { elements: [], open: true });
    }
  }
  return shape;
}
