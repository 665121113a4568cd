import { type Dialplan, type Extension, type Priority, withIncludes } from "./dialplan.ts";
import { assigned, type Environment, keyOf, merged, type Shared, signature } from "./environment.ts";
import { evaluate, type Scope } from "./evaluate.ts";
import { applicationOf, argumentsOf, referenceOf, splitOutside } from "./expression.ts";
import { type Fact, factsOf } from "./guards.ts";
import { called, type Spot, type Target, targetsOf } from "./targets.ts";
import { anything, type Outside, type Value } from "./value.ts";

/** Told of every application that can run, with what its variables can hold then. */
export type Observer = (spot: Spot, priority: Priority, name: string, args: string, scope: Scope) => void;

/** Steps of all walks of one audit together; the whole sample set takes about 3,000. */
export interface Budget {
  steps: number;
}

/** Gosubs within Gosubs that are followed. */
const MAX_CALLS = 12;

interface Frame {
  readonly states: Map<string, Environment>;
  readonly queue: { readonly key: string; readonly spot: Spot }[];
  readonly depth: number;
  exit: Environment | null;
}

/** What the keys of a telephone can send. */
const KEYS: Outside = { origin: "the keys that the caller presses", special: "#*", open: false };

/** Ends a call, so that nothing follows but the extension `h`. */
const ENDS = new Set(["hangup", "congestion", "busy"]);

/**
 * Follows calls through a dialplan: every step that a call from some contexts can come to, with what the variables
 * hold there. Conditions are believed to go either way, but what they prove is kept on each way.
 */
export class Flow {
  readonly visited = new Set<string>();
  readonly #dialplan: Dialplan;
  readonly #shared: Shared;
  readonly #observe: Observer;
  readonly #budget: Budget;
  readonly #calls = new Map<string, Environment | null>();

  constructor(dialplan: Dialplan, shared: Shared, budget: Budget, observe: Observer) {
    this.#dialplan = dialplan;
    this.#shared = shared;
    this.#budget = budget;
    this.#observe = observe;
  }

  /** Calls that arrive in a context, with a number that the caller chose. */
  enter(context: string): void {
    const frame: Frame = { states: new Map(), queue: [], depth: 0, exit: null };
    this.#enterAll(frame, context, new Map(), (extension) => ({
      ...anything(`the number called (${extension.name})`),
      open: true,
    }));
    this.#run(frame);
  }

  #enterAll(frame: Frame, context: string, environment: Environment, dialled: (extension: Extension) => Value): void {
    for (const { extensions } of withIncludes(this.#dialplan, context)) {
      for (const extension of extensions) {
        const [first] = extension.priorities;
        // A later step may go on where another extension's end; one with a label is there to be jumped to.
        if (first === undefined || (first.number !== 1 && first.label !== null)) continue;
        const there = called(environment, this.#shared, extension, dialled(extension));
        this.#push(frame, { context, extension, index: 0 }, there);
      }
    }
  }

  #push(frame: Frame, spot: Spot, environment: Environment): void {
    if (spot.extension.priorities[spot.index] === undefined) return;
    // Joining what many variables hold is the dear part.
    this.#budget.steps -= environment.size >> 3;
    if (this.#budget.steps <= 0) return;
    const key = keyOfSpot(spot);
    const before = frame.states.get(key);
    const after = before === undefined ? environment : merged(before, environment, this.#shared);
    if (before === after) return;
    frame.states.set(key, after);
    frame.queue.push({ key, spot });
  }

  #run(frame: Frame): void {
    for (let next = frame.queue.shift(); next !== undefined; next = frame.queue.shift()) {
      if (this.#budget.steps-- <= 0) return;
      const { key, spot } = next;
      const priority = spot.extension.priorities[spot.index];
      const environment = frame.states.get(key);
      if (priority === undefined || environment === undefined) continue;
      this.visited.add(spot.extension.context);
      const after = this.#execute(frame, spot, priority.application, priority.args, environment, 0);
      if (after === null) continue;
      if (spot.index + 1 < spot.extension.priorities.length)
        this.#push(frame, { ...spot, index: spot.index + 1 }, after);
      else this.#leave(frame, after);
    }
  }

  #leave(frame: Frame, environment: Environment): void {
    frame.exit = frame.exit === null ? environment : merged(frame.exit, environment, this.#shared);
  }

  #value(text: string, environment: Environment): Value {
    return evaluate(text, { environment, shared: this.#shared });
  }

  /** What one application does; the environment of the step behind it, or null when there is none. */
  #execute(
    frame: Frame,
    spot: Spot,
    application: string,
    args: string,
    given: Environment,
    nesting: number,
  ): Environment | null {
    const priority = spot.extension.priorities[spot.index];
    if (priority === undefined || nesting > 4) return given;
    this.#observe(spot, priority, application, args, { environment: given, shared: this.#shared });
    const name = application.toLowerCase();
    if (ENDS.has(name) || name === "dial" || name === "queue") this.#jump(frame, spot, `${spot.context},h,1`, given);
    if (ENDS.has(name)) return null;
    switch (name) {
      case "set":
        return this.#assign(args, given);
      case "mset":
        return argumentsOf(args).reduce((environment, one) => this.#assign(one, environment), given);
      case "goto":
        this.#jump(frame, spot, args, given);
        return null;
      case "gotoif":
      case "gotoiftime":
        return this.#branch(args, given, (target, environment) => {
          this.#jump(frame, spot, target, environment);
          return null;
        });
      case "gosub":
        return this.#gosub(frame, spot, args, given);
      case "gosubif":
        return this.#branch(args, given, (target, environment) => this.#gosub(frame, spot, target, environment));
      case "macro":
      case "macroexclusive":
        return this.#macro(frame, spot, argumentsOf(args), given);
      case "macroif":
        return this.#branch(args, given, (target, environment) =>
          this.#macro(frame, spot, argumentsOf(target), environment),
        );
      case "execif":
        return this.#branch(args, given, (target, environment) => {
          const inner = applicationOf(target.trim());
          return this.#execute(frame, spot, inner.name, inner.args, environment, nesting + 1);
        });
      case "exec":
      case "tryexec": {
        const inner = applicationOf(args.trim());
        return this.#execute(frame, spot, inner.name, inner.args, given, nesting + 1);
      }
      case "return":
        this.#leave(frame, assigned(given, this.#shared, "GOSUB_RETVAL", this.#value(args, given)));
        return null;
      case "macroexit":
        this.#leave(frame, given);
        return null;
      case "endwhile":
        this.#again(frame, spot, given);
        return given;
      case "read":
        return assigned(given, this.#shared, argumentsOf(args)[0] ?? "", KEYS);
      case "background":
      case "waitexten":
      case "disa":
      case "directory":
        this.#keys(frame, name, argumentsOf(args), spot, given);
        return given;
      case "dial":
        this.#dial(frame, spot, argumentsOf(args), given);
        return given;
    }
    return given;
  }

  #assign(text: string, environment: Environment): Environment {
    const [left = "", ...rest] = splitOutside(text, "=", 2);
    if (rest.length === 0) return environment;
    const value = this.#value(rest[0] ?? "", environment);
    const { name, args } = referenceOf(left.trim().replace(/^_{1,2}/, ""));
    if (name === "ARRAY" && args !== null) {
      return argumentsOf(args).reduce((next, one) => assigned(next, this.#shared, one, value), environment);
    }
    return assigned(environment, this.#shared, keyOf(name, args), value);
  }

  /** `condition?then:else`; what takes no way there goes on behind. */
  #branch(
    text: string,
    environment: Environment,
    take: (target: string, environment: Environment) => Environment | null,
  ): Environment | null {
    const [condition = "", targets = ""] = splitOutside(text, "?", 2);
    const [then = "", otherwise = ""] = splitOutside(targets, ":", 2);
    const facts = factsOf(condition);
    const ways = [then, otherwise].map((target, at) => {
      const known = this.#knowing(environment, facts, at === 0);
      return target.trim() === "" ? known : take(target.trim(), known);
    });
    return ways.reduce((one, other) =>
      one === null || other === null ? (one ?? other) : merged(one, other, this.#shared),
    );
  }

  #knowing(environment: Environment, facts: readonly Fact[], holds: boolean): Environment {
    return facts
      .filter(({ when }) => when === holds)
      .reduce((next, { key, apply }) => {
        const value = this.#value(`\${${key}}`, next);
        return value === undefined ? next : assigned(next, this.#shared, key, apply(value));
      }, environment);
  }

  #targets(spot: Spot, text: string, environment: Environment): Target[] {
    return targetsOf(this.#dialplan, this.#shared, spot, text, environment);
  }

  #jump(frame: Frame, spot: Spot, text: string, environment: Environment): void {
    for (const target of this.#targets(spot, text, environment)) this.#push(frame, target.spot, target.environment);
  }

  #again(frame: Frame, spot: Spot, environment: Environment): void {
    const before = spot.extension.priorities.slice(0, spot.index);
    const index = before.findLastIndex((one) => one.application.toLowerCase() === "while");
    if (index >= 0) this.#push(frame, { ...spot, index }, environment);
  }

  #gosub(frame: Frame, spot: Spot, text: string, environment: Environment): Environment {
    const brackets = /^(.*?)\((.*)\)$/s.exec(lastOf(text));
    const target = brackets === null ? text : text.slice(0, text.length - lastOf(text).length) + (brackets[1] ?? "");
    return this.#call(frame, this.#targets(spot, target, environment), argumentsOf(brackets?.[2] ?? ""), environment);
  }

  #macro(frame: Frame, spot: Spot, [name = "", ...args]: readonly string[], environment: Environment): Environment {
    const inside = assigned(environment, this.#shared, "MACRO_EXTEN", environment.get("EXTEN"));
    return this.#call(frame, this.#targets(spot, `macro-${name},s,1`, inside), args, environment);
  }

  /** A subroutine, followed for these arguments only; its own number called and arguments are gone behind it. */
  #call(frame: Frame, targets: readonly Target[], args: readonly string[], environment: Environment): Environment {
    if (frame.depth >= MAX_CALLS || targets.length === 0) return environment;
    const inner: Frame = { states: new Map(), queue: [], depth: frame.depth + 1, exit: null };
    const values = args.map((one) => this.#value(one, environment));
    let key = "";
    for (const target of targets) {
      const inside = values.reduce<Environment>(
        (next, value, at) => assigned(next, this.#shared, `ARG${at + 1}`, value),
        target.environment,
      );
      key += `${keyOfSpot(target.spot)}\n${signature(inside)}\0`;
      this.#push(inner, target.spot, inside);
    }
    const known = this.#calls.get(key);
    if (known === undefined) {
      // A subroutine that calls itself: what it changes is found where it was called first.
      this.#calls.set(key, null);
      this.#run(inner);
      this.#calls.set(key, inner.exit);
    }
    const exit = known ?? inner.exit;
    if (exit === null) return environment;
    const own = ["EXTEN", "MACRO_EXTEN", ...args.map((_, at) => `ARG${at + 1}`)];
    return own.reduce((next, name) => assigned(next, this.#shared, name, environment.get(name)), exit);
  }

  /** Keys that the caller presses lead to extensions. */
  #keys(frame: Frame, name: string, args: readonly string[], spot: Spot, environment: Environment): void {
    const context = { background: args[3], disa: args[1], directory: args[1] }[name] ?? spot.context;
    this.#enterAll(frame, context, environment, () => ({ ...KEYS, open: true }));
  }

  /** Local channels and the subroutines in Dial's options. */
  #dial(frame: Frame, spot: Spot, [resources = "", , options = ""]: readonly string[], environment: Environment): void {
    for (const resource of splitOutside(resources, "&")) {
      const [, extension, context] = /^Local\/(.*)@([^/@]+)/i.exec(resource.trim()) ?? [];
      if (extension !== undefined) this.#jump(frame, spot, `${context},${extension},1`, environment);
    }
    for (const [, option, inner = ""] of options.matchAll(/([GMUF])\(([^()]*(?:\([^()]*\)[^()]*)*)\)/g)) {
      const [target = "", ...args] = inner.split("^");
      if (option === "M") this.#macro(frame, spot, [target, ...args], environment);
      else if (option === "U") this.#gosub(frame, spot, `${target},s,1(${args.join(",")})`, environment);
      else this.#jump(frame, spot, inner.replaceAll("^", ","), environment);
    }
  }
}

const lastOf = (text: string): string => splitOutside(text, ",").at(-1) ?? "";

const keyOfSpot = ({ context, extension, index }: Spot): string =>
  `${context}\n${extension.context}\n${extension.name}\n${index}`;
