import { fail, type Heard, type LineContext, type LineState, type MachineInput, type Step } from "./machine.ts";

/** What tones of the PAX say of a call that we make: that it is over. */

/** Cycles of busy tone, 1.5 s each, after which nobody will intrude any more (EJ). */
const INTRUSION_BUSY_CYCLES = 10;

/** Whether a tone that was heard says that the call is over. The detector reports NU only after its full time. */
export function isOver(heard: Heard, context: LineContext): boolean {
  if (heard.tone === "unobtainable") return true;
  return (heard.tone === "busy" || heard.tone === "congestion") && heard.cycles >= context.profile.busyCycles;
}

/** The failure that a busy or NU tone means, or null. With intrusion there is time to decide. */
export function heardBusy(
  state: LineState,
  input: Extract<MachineInput, { type: "heard" }>,
  context: LineContext,
): Step | null {
  if (!isOver(input.heard, context)) return null;
  if (input.heard.tone === "unobtainable") return fail(state, "unobtainable", input.atMs, context);
  if (context.profile.intrudeOnBusy && input.heard.cycles < INTRUSION_BUSY_CYCLES) return null;
  return fail(state, "busy", input.atMs, context);
}
