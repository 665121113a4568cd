import { type Effect, type LineMachine, type Step, set, stay } from "./machine.ts";

/**
 * A line machine whose line can be taken out of service by hand. It goes on as it does, a call on it to its end; only
 * the `busy` output has another rest: while the line is blocked it is energised, so that the PAX hunts past it. Who is
 * to hear what when the PAX seizes it all the same is the call's affair.
 */
export function withBlocking(machine: LineMachine): LineMachine {
  return (before, input, context) => {
    if (input.type === "command" && input.command.type === "block") {
      const { blocked } = input.command;
      const state = { ...before, blocked };
      // A parked line is back-busied whether it is blocked or not.
      const turns = before.blocked !== blocked && before.phase.status !== "parked" && context.outputs.has("busy");
      return turns ? stay(state, set("busy", blocked)) : stay(state);
    }
    const { state, effects }: Step = machine(before, input, context);
    const { blocked } = before;
    // An interface that has gone has let everything fall; `start` follows when it is back.
    if (!blocked || input.type === "lost") return { state: { ...state, blocked }, effects };
    return { state: { ...state, blocked }, effects: effects.map(keptBusy) };
  };
}

const keptBusy = (effect: Effect): Effect =>
  effect.type === "set" && effect.output === "busy" ? set("busy", true) : effect;
