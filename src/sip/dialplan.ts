import { APPLICATION, LEASE_S, type SipModel, type TrunkPeer } from "./model.ts";
import { checked } from "./values.ts";

/** One step of an extension: application and its argument, as Asterisk will show them. */
export interface DialplanStep {
  readonly application: string;
  readonly argument: string;
}

/** Contexts in order; each maps an extension (a pattern with its `_`) to its steps. */
export type Dialplan = ReadonlyMap<string, ReadonlyMap<string, readonly DialplanStep[]>>;

const step = (application: string, argument = ""): DialplanStep => ({ application, argument });
const DIGITS_OF_EXTEN = `\${FILTER(0-9,\${EXTEN})}`;

/** Cause 34, no circuit: chan_sip makes 503 of it. Reached when the supervisor is not connected. */
const CONGESTION = step("Hangup", "34");

/**
 * The whole dialplan. No context includes another, none has `s`, `i`, `t` or `h`: those are names a stranger could
 * call (INVITE sip:h@…). An unknown number finds no extension and gets 404; what leaves Stasis runs off the end and is
 * hung up.
 */
export function buildDialplan(model: SipModel): Dialplan {
  const contexts = new Map<string, Map<string, DialplanStep[]>>([["block-caller", new Map()]]);
  for (const trunk of model.trunks) {
    contexts.set(`from-trunk-${trunk.name}`, inward(model, "trunk", checked("word", trunk.name, "trunk name")));
    contexts.set(`to-trunk-${trunk.name}`, outward(trunk, model.dialTimeoutS));
  }
  for (const account of model.accounts) {
    contexts.set(`from-account-${account.name}`, inward(model, "account", checked("word", account.name, "account")));
  }
  const accounts = model.accounts.map((account): [string, DialplanStep[]] => [
    checked("word", account.name, "account name"),
    dialled(`SIP/${checked("word", account.username, "account username")}`, model.dialTimeoutS),
  ]);
  contexts.set("to-accounts", new Map(accounts));
  const services = Object.keys(SERVICES).map((name): [string, DialplanStep[]] => [
    name,
    dialled(`Local/${name}@service-audio/n`, model.dialTimeoutS),
  ]);
  contexts.set("services", new Map(services));
  contexts.set("service-audio", new Map(Object.entries(SERVICES)));
  return contexts;
}

/** Calls from outside: strict patterns only, everything filtered, a lease before the supervisor takes over. */
function inward(model: SipModel, kind: "trunk" | "account", name: string): Map<string, DialplanStep[]> {
  const steps = [
    // A pattern also matches its own text: somebody who calls "_41XX" has called no number.
    step("GotoIf", `$["${DIGITS_OF_EXTEN}"="\${EXTEN}"]?3`),
    step("Hangup", "1"),
    step("Set", `CALLERID(num)=\${FILTER(0-9,\${CALLERID(num)})}`),
    step("Set", "CALLERID(name)="),
    step("Set", `TIMEOUT(absolute)=${LEASE_S}`),
    step("Stasis", `${APPLICATION},incoming,${kind},${name},${DIGITS_OF_EXTEN}`),
    CONGESTION,
  ];
  return new Map(model.toPax.map((number) => [extensionOf(checked("pattern", number, "numberPlan.toPax")), steps]));
}

/** Calls the supervisor places: its number plan has decided; here only what that plan lists passes, once more. */
function outward(trunk: TrunkPeer, timeoutS: number): Map<string, DialplanStep[]> {
  const steps = dialled(`SIP/${checked("word", trunk.peer, "trunk name")}/${DIGITS_OF_EXTEN}`, timeoutS);
  return new Map(trunk.outward.map((number) => [extensionOf(checked("pattern", number, "numberPlan.fromPax")), steps]));
}

/**
 * Dials, and brings the line's channel back to the supervisor with the outcome (`g`: also after an answered call). The
 * supervisor gives up an unanswered call by itself; the time-out counts when it does not.
 */
function dialled(where: string, timeoutS: number): DialplanStep[] {
  return [
    step("Dial", `${where},${timeoutS},g`),
    step("Stasis", `${APPLICATION},dialled,\${FILTER(A-Z,\${DIALSTATUS})},\${FILTER(0-9,\${HANGUPCAUSE})}`),
    CONGESTION,
  ];
}

/** Services need no sound files. They are dialled through a Local channel, so that they ring and answer like a call. */
const SERVICES: Readonly<Record<string, DialplanStep[]>> = {
  echo: [step("Answer"), step("Echo"), step("Hangup", "16")],
  // Speaking clock stand-in: the three strokes of 1000 Hz, a second apart, every ten seconds.
  clock: [
    step("Answer"),
    step("PlayTones", "1000/100,0/900,1000/100,0/900,1000/100,0/7900"),
    step("Wait", "3600"),
    step("Hangup", "16"),
  ],
  milliwatt: [step("Answer"), step("Milliwatt"), step("Hangup", "16")],
};

/** A number or pattern of ours as an extension: a pattern gets Asterisk's `_`. */
export function extensionOf(number: string): string {
  return /^[0-9]+$/.test(number) ? number : `_${number}`;
}

/** extensions.conf. */
export function renderDialplan(dialplan: Dialplan): string {
  const lines = ["[general]", "static=yes", "writeprotect=yes", "autofallthrough=yes", "clearglobalvars=yes", ""];
  for (const [context, extensions] of dialplan) {
    lines.push(`[${context}]`);
    for (const [extension, steps] of extensions) {
      steps.forEach((each, index) => {
        const head = index === 0 ? `exten => ${extension},1` : " same => n";
        lines.push(`${head},${each.application}(${each.argument})`);
      });
    }
    lines.push("");
  }
  return lines.join("\n");
}
