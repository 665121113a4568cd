import type { Caller, Door, Findings } from "./accounts.ts";
import { shown } from "./accounts.ts";
import { type Dialplan, withIncludes } from "./dialplan.ts";
import { Shared } from "./environment.ts";
import { evaluate } from "./evaluate.ts";
import { argumentsOf, splitOutside } from "./expression.ts";
import { type Budget, Flow, type Observer } from "./flow.ts";
import { APPLICATION_SINKS, DANGERS, type Danger, FUNCTION_SINKS, HARMLESS } from "./sinks.ts";
import { filled, type Spot } from "./targets.ts";
import type { Place, Report, Severity } from "./types.ts";
import type { Value } from "./value.ts";

/** What a call into a context comes to. */
export type Reach = "trunk" | "something" | "nothing";

/** Steps followed in one audit: some seconds' work. A dialplan of 5,000 telephones takes two fifths of it. */
const MAX_STEPS = 100_000;

/** How often a dialplan is gone through until what it keeps in global variables and the database is known. */
const MAX_ROUNDS = 3;

/** Follows calls from every door, worst first; what no door leads to is followed last, from wherever it begins. */
export function checkDialplan(dialplan: Dialplan, { doors, telephones, report }: Findings): void {
  const shared = new Shared();
  const budget: Budget = { steps: MAX_STEPS };
  const kept = new Map<string, () => void>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    shared.changed = false;
    kept.clear();
    const visited = new Set<string>();
    const follow = (caller: Caller, contexts: Iterable<string>) => {
      const keep: Report = (id, place, why, severity) => {
        const key = `${id} ${place.file}:${place.line}:${place.column}`;
        // Doors come worst first: what was found through a worse one stands.
        if (!kept.has(key)) kept.set(key, () => report(id, place, why, severity));
      };
      const flow = new Flow(dialplan, shared, budget, observer(dialplan, telephones, caller, keep));
      for (const context of contexts) flow.enter(context);
      for (const context of flow.visited) visited.add(context);
    };
    for (const caller of ["anybody", "server", "telephone"] as const) follow(caller, contextsOf(doors, caller));
    const mentioned = mentionedIn(dialplan);
    const rest = () => [...dialplan.contexts.keys()].filter((name) => !visited.has(name));
    follow(
      "unknown",
      rest().filter((name) => !mentioned.has(name)),
    );
    // What is mentioned only by what is itself never reached.
    for (const name of rest()) if (!visited.has(name)) follow("unknown", [name]);
    if (!shared.changed) break;
  }
  for (const add of kept.values()) add();
  for (const { name, switches } of dialplan.contexts.values()) {
    for (const { target, place } of switches) {
      const where = target.split(/[/,]/)[0] ?? "";
      report("dialplan-remote", place, `[${name}] asks ${shown(where)} for extensions, which are not visible here.`);
    }
  }
  if (budget.steps <= 0) {
    const place = [...dialplan.contexts.values()][0]?.place ?? { file: "extensions.conf", line: 1, column: 1 };
    report(
      "not-analysed-rest",
      place,
      `After ${MAX_STEPS} steps there were more ways to follow; faults behind them are not shown.`,
    );
  }
}

const contextsOf = (doors: readonly Door[], caller: Caller): Set<string> =>
  new Set(doors.filter((door) => door.caller === caller).map(({ context }) => context));

/** Contexts that an include or an application names. */
function mentionedIn({ contexts }: Dialplan): Set<string> {
  const mentioned = new Set<string>();
  for (const context of contexts.values()) {
    for (const { name } of context.includes) mentioned.add(name);
    for (const { priorities } of context.extensions) {
      for (const { application, args } of priorities) {
        for (const word of args.match(/[\w.-]+/g) ?? []) if (contexts.has(word)) mentioned.add(word);
        if (/^macro/i.test(application)) mentioned.add(`macro-${argumentsOf(args)[0] ?? ""}`);
      }
    }
  }
  return mentioned;
}

/** What a call into a context comes to, whoever makes it. */
export function reachOf(dialplan: Dialplan, telephones: ReadonlySet<string>, context: string): Reach {
  let reach: Reach = "nothing";
  const observe: Observer = (spot, _, name, args) => {
    if (HARMLESS.has(name.toLowerCase())) return;
    if (reach === "nothing") reach = "something";
    if (name.toLowerCase() === "dial" && resources(dialplan, spot, args).some((one) => outward(one, telephones)))
      reach = "trunk";
  };
  const flow = new Flow(dialplan, new Shared(), { steps: MAX_STEPS / 10 }, observe);
  flow.enter(context);
  const switched = withIncludes(dialplan, context).some(({ switches }) => switches.length > 0);
  return reach === "nothing" && switched ? "something" : reach;
}

/** How bad a danger is by who can call there. */
const BY_CALLER: Readonly<
  Record<Danger | "open" | "caller-transfer" | "called-transfer", Readonly<Record<Caller, Severity>>>
> = {
  shell: { anybody: "critical", server: "critical", telephone: "critical", unknown: "high" },
  application: { anybody: "critical", server: "critical", telephone: "critical", unknown: "high" },
  dial: { anybody: "critical", server: "high", telephone: "high", unknown: "medium" },
  file: { anybody: "high", server: "medium", telephone: "medium", unknown: "low" },
  place: { anybody: "high", server: "medium", telephone: "medium", unknown: "low" },
  eval: { anybody: "critical", server: "high", telephone: "high", unknown: "medium" },
  sql: { anybody: "high", server: "high", telephone: "medium", unknown: "medium" },
  url: { anybody: "medium", server: "low", telephone: "low", unknown: "low" },
  open: { anybody: "critical", server: "high", telephone: "medium", unknown: "low" },
  "caller-transfer": { anybody: "high", server: "high", telephone: "low", unknown: "low" },
  "called-transfer": { anybody: "medium", server: "medium", telephone: "low", unknown: "low" },
};

const WHO: Readonly<Record<Caller, string>> = {
  anybody: "Anybody can call there.",
  server: "Callers of a trunk come there.",
  telephone: "Registered telephones come there.",
  unknown: "No peer's context leads there by itself.",
};

const HOW: Readonly<Record<Danger, string>> = {
  shell: "comes to a shell as it is: ; or $( in it runs a program",
  application: "comes to Exec as it is and can name any application",
  dial: "comes to Dial as it is: with & in it a caller adds a call of his own",
  file: "becomes a part of a file's name: / in it leads elsewhere",
  place: "chooses where the call goes on",
  eval: "is evaluated: ${ in it reads any variable or function",
  sql: "becomes a part of a query: a quote in it ends the text",
  url: "becomes a part of an address that is asked",
};

function observer(dialplan: Dialplan, telephones: ReadonlySet<string>, caller: Caller, report: Report): Observer {
  return (spot, { place }, name, args, scope) => {
    const lower = name.toLowerCase();
    const check = (danger: Danger, value: Value) => {
      const { id, characters } = DANGERS[danger];
      if (value === undefined || ![...characters].some((one) => value.special.includes(one))) return;
      report(id, place, `${capital(value.origin)}, ${HOW[danger]}. ${WHO[caller]}`, BY_CALLER[danger][caller]);
    };
    const onFunction = (called: string, value: Value) => {
      const danger = Object.hasOwn(FUNCTION_SINKS, called) ? FUNCTION_SINKS[called] : undefined;
      if (danger !== undefined) check(danger, value);
    };
    // Of a text with a condition only what is chosen goes on; functions are read wherever they stand.
    evaluate(args, { ...scope, onFunction });
    if (lower === "set" || lower === "mset") {
      const [, written] = /^\s*FILE\(([^=]*)\)\s*=/.exec(args) ?? [];
      if (written !== undefined) check("file", evaluate(written, scope));
    }
    const list = argumentsOf(args);
    for (const [index, danger] of APPLICATION_SINKS[lower] ?? []) {
      const text = index < 0 ? args : (list[index] ?? "");
      // MixMonitor fills in ^{X} itself, just before it runs the command.
      check(danger, evaluate(danger === "shell" ? text.replaceAll("^{", "${") : text, scope));
    }
    if (lower === "goto" && list.length > 1) check("place", evaluate(list.length > 2 ? (list[0] ?? "") : "", scope));
    if (lower === "dial") dialled(dialplan, { spot, place, args, scope, telephones, caller }, report);
    if (lower === "disa" && /^(?:no-password)?$/i.test(list[0] ?? "")) {
      report("disa-no-password", place, `DISA gives a dial tone without a password. ${WHO[caller]}`);
    }
  };
}

interface Dialled {
  readonly spot: Spot;
  readonly place: Place;
  readonly args: string;
  readonly scope: Parameters<Observer>[4];
  readonly telephones: ReadonlySet<string>;
  readonly caller: Caller;
}

function dialled(dialplan: Dialplan, { spot, place, args, scope, telephones, caller }: Dialled, report: Report): void {
  const leaving = resources(dialplan, spot, args).filter((one) => outward(one, telephones));
  for (const resource of leaving) {
    const value = evaluate(resource, scope);
    if (value?.open !== true) continue;
    const why = `${capital(value.origin)}, has any length and goes out through a trunk: expensive numbers too. ${WHO[caller]}`;
    report("open-pattern-trunk", place, why, BY_CALLER.open[caller]);
  }
  const options = (argumentsOf(filled(dialplan, args))[2] ?? "").replace(/\$\{[^}]*\}/g, "").replace(/\([^)]*\)/g, "");
  const byCaller = options.includes("T");
  const byCalled = options.includes("t") && leaving.length > 0;
  if (!byCaller && !byCalled) return;
  const who = byCaller ? "the caller" : "who is called through the trunk";
  const severity = BY_CALLER[byCaller ? "caller-transfer" : "called-transfer"][caller];
  report(
    "dial-transfer",
    place,
    `Option ${byCaller ? "T" : "t"} lets ${who} send the call to any number that [${spot.context}] reaches. ${WHO[caller]}`,
    severity,
  );
}

/** What Dial calls, one by one, with global variables filled in. */
function resources(dialplan: Dialplan, _spot: Spot, args: string): string[] {
  const [text = ""] = argumentsOf(filled(dialplan, args));
  return splitOutside(text, "&").map((one) => one.trim());
}

/** Whether a resource is a number at somebody else's: `SIP/trunk/123`, `SIP/123@trunk`, `DAHDI/g1/123`. */
function outward(resource: string, telephones: ReadonlySet<string>): boolean {
  const [technology = "", ...parts] = splitOutside(resource, "/");
  if (/^(?:Local|Console|Agent|Parking|Bridge|USTM|MulticastRTP)$/i.test(technology) || parts.length === 0)
    return false;
  const [first = "", ...more] = parts;
  const [number, host] = splitOutside(first, "@");
  if (host !== undefined) return !telephones.has(host.toLowerCase());
  return more.length > 0 && more[0] !== "" && !telephones.has((number ?? "").toLowerCase());
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
