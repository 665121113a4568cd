import { open } from "node:fs/promises";
import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import {
  type LineEndStatus,
  type Method,
  type PanelStatus,
  type PaxEvent,
  type PhoneStatus,
  requestSchemas,
} from "./control-port.ts";
import type { HardwareServer } from "./hardware-server.ts";
import type { LineEnd } from "./line-end.ts";
import type { Panel } from "./panel.ts";
import { BUTTON_CONTACT, inputContact } from "./port.ts";
import type { Simulation } from "./simulation.ts";
import type { Telephone } from "./telephone.ts";
import { readRecording, type Voice } from "./voice.ts";
import { type Hearing, hear, watch } from "./watch.ts";

/** Largest recording that is played, bytes: about 17 minutes. */
const MAX_RECORDING_BYTES = 16 * 1024 * 1024;

/** Does what the control socket asks: works the telephones and puts faults on the exchange. */
export class PaxControl {
  readonly #simulation: Simulation;
  readonly #panel: Panel;
  readonly #hardware: HardwareServer;
  readonly #catchUp: () => void;

  constructor(simulation: Simulation, panel: Panel, hardware: HardwareServer, catchUp: () => void) {
    this.#simulation = simulation;
    this.#panel = panel;
    this.#hardware = hardware;
    this.#catchUp = catchUp;
  }

  /** The event that tells a circuit's new state; null for a circuit that is no longer there. */
  eventFor(id: string): PaxEvent | null {
    const telephone = this.#simulation.telephones.get(id);
    if (telephone !== undefined) return { type: "phone", phone: this.#phoneStatus(telephone) };
    const end = this.#simulation.lines.get(id);
    return end === undefined ? null : { type: "line", line: this.#lineStatus(id, end) };
  }

  get panelEvent(): PaxEvent {
    return { type: "panel", panel: this.#panelStatus() };
  }

  /** @throws GatewayError `bad-request`, `no-such-phone`, `no-such-line`, `no-such-input`, `not-possible` or `timeout`. */
  handle(method: string, params: unknown): unknown {
    if (!Object.hasOwn(requestSchemas, method)) throw new GatewayError("bad-request", `no method ${method}`);
    this.#catchUp();
    switch (method as Method) {
      case "phones":
        return [...this.#simulation.telephones.values()].map((telephone) => this.#phoneStatus(telephone));
      case "lines":
        return [...this.#simulation.lines].map(([id, end]) => this.#lineStatus(id, end));
      case "exchange":
        return { power: this.#simulation.powered, ...this.#simulation.topology.exchange };
      case "lift":
        return this.#phone(valid("lift", params).ext).lift();
      case "hangup":
        return this.#phone(valid("hangup", params).ext).hangUp();
      case "dial":
        return this.#dial(valid("dial", params));
      case "play":
        return this.#play(valid("play", params));
      case "hear":
        return this.#hear(valid("hear", params));
      case "waitFor":
        return this.#waitFor(valid("waitFor", params));
      case "setPhone":
        return this.#setPhone(valid("setPhone", params));
      case "setLine":
        return this.#setLine(valid("setLine", params));
      case "setExchange":
        return this.#setExchange(valid("setExchange", params));
      case "panel":
        return this.#panelStatus();
      case "press":
        return this.#press(valid("press", params));
      case "setInput":
        return this.#setInput(valid("setInput", params));
    }
  }

  #press({ ms }: Valid<"press">): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#panel.press(ms, resolve)) {
        reject(new GatewayError("not-possible", "the simulated PAX has no button"));
      }
      if (ms === null) resolve();
    });
  }

  #setInput({ input, active }: Valid<"setInput">): void {
    if (this.#panel.setInput(input, active)) return;
    throw new GatewayError("no-such-input", `the simulated PAX has no input ${input}`);
  }

  #panelStatus(): PanelStatus {
    const { pressed, led, inputs } = this.#panel;
    const { contacts } = this.#hardware;
    return {
      button: pressed === null ? null : { pressed, open: contacts.isHeld(BUTTON_CONTACT) },
      led: led === null ? null : { pattern: led, open: contacts.ledIsHeld },
      inputs: inputs.map((input) => ({ ...input, open: contacts.isHeld(inputContact(input.input)) })),
    };
  }

  #dial({ ext, digits }: Valid<"dial">): Promise<void> {
    const { exchange } = this.#simulation.topology;
    return new Promise((resolve, reject) => {
      const done = (complete: boolean) =>
        complete ? resolve() : reject(new GatewayError("not-possible", `${ext} was hung up while it dialled`));
      if (!this.#phone(ext).dialNumber(digits, exchange.digitMap, done)) {
        reject(new GatewayError("not-possible", `${ext} is on the hook, or dials already`));
      }
    });
  }

  async #play({ ext, voice }: Valid<"play">): Promise<void> {
    const { speaker } = this.#phone(ext);
    if (voice === null) speaker.play(null);
    else if ("file" in voice) speaker.play(await recording(voice.file));
    else speaker.play({ kind: "tone", ...voice });
  }

  #hear({ ext, ...options }: Valid<"hear">): Promise<Hearing> {
    this.#phone(ext);
    return new Promise((resolve) => hear(this.#simulation, ext, options, resolve));
  }

  #waitFor({ ext, condition, timeoutMs }: Valid<"waitFor">): Promise<void> {
    this.#phone(ext);
    const { clock } = this.#simulation;
    return new Promise((resolve, reject) => {
      let stop: Dispose = () => undefined;
      const cancel = clock.at(clock.now() + timeoutMs, () => {
        stop();
        const state = this.#simulation.circuit(ext)?.state.type;
        const details = { ext, condition, state };
        reject(new GatewayError("timeout", `${ext}: no ${condition} within ${timeoutMs} ms (${state})`, { details }));
      });
      stop = watch(this.#simulation, ext, condition, () => {
        cancel();
        resolve();
      });
    });
  }

  #setPhone({ ext, autoAnswerMs, busy, dial }: Valid<"setPhone">): void {
    const telephone = this.#phone(ext);
    if (autoAnswerMs !== undefined) telephone.autoAnswerMs = autoAnswerMs;
    if (busy !== undefined) this.#simulation.setBusied(ext, busy);
    if (dial !== undefined) telephone.dial = { ...telephone.dial, ...withoutUndefined(dial) };
  }

  #setLine({ line, stuckLoop, noCurrent, seizeMs, falseImpulseProbability }: Valid<"setLine">): void {
    const found = [...this.#simulation.lines].find(([, end]) => end.config.name === line);
    if (found === undefined) throw new GatewayError("no-such-line", `the simulated PAX has no line ${line}`);
    const [id, end] = found;
    this.#simulation.setFaults(id, {
      stuckLoop: stuckLoop ?? end.faults.stuckLoop,
      noCurrent: noCurrent ?? end.faults.noCurrent,
    });
    if (seizeMs === undefined && falseImpulseProbability === undefined) return;
    if (end.config.type !== "tie-line") throw new GatewayError("not-possible", `${line} is not a tie line`);
    end.config.seizeMs = seizeMs ?? end.config.seizeMs;
    end.config.falseImpulse.probability = falseImpulseProbability ?? end.config.falseImpulse.probability;
  }

  #setExchange({ power, ...values }: Valid<"setExchange">): void {
    Object.assign(this.#simulation.topology.exchange, withoutUndefined(values));
    if (power !== undefined) this.#simulation.setPower(power);
  }

  #phone(ext: string): Telephone {
    const telephone = this.#simulation.telephones.get(ext);
    if (telephone === undefined) throw new GatewayError("no-such-phone", `there is no telephone ${ext}`);
    return telephone;
  }

  #phoneStatus(telephone: Telephone): PhoneStatus {
    const { number: ext, offHook, dialling } = telephone;
    const state = this.#simulation.circuit(ext)?.state.type ?? "idle";
    const answered = this.#simulation.inAnsweredCall(ext);
    return { ext, offHook, dialling, state, with: this.#simulation.partnerOf(ext), answered };
  }

  #lineStatus(id: string, end: LineEnd): LineEndStatus {
    return {
      line: end.config.name,
      type: end.config.type,
      extension: end.config.type === "subscriber" ? end.config.extension : null,
      open: this.#hardware.isHeld(id),
      inputs: end.levels,
      outputs: end.outputLatch.active,
      state: this.#simulation.circuit(id)?.state.type ?? "idle",
      with: this.#simulation.partnerOf(id),
      ...end.faults,
      audio: { ...end.audioCounts },
    };
  }
}

type Valid<M extends Method> = z.output<(typeof requestSchemas)[M]>;

function valid<M extends Method>(method: M, params: unknown): Valid<M> {
  const parsed = requestSchemas[method].safeParse(params);
  if (!parsed.success) throw new GatewayError("bad-request", `${method}: ${z.prettifyError(parsed.error)}`);
  return parsed.data as Valid<M>;
}

function withoutUndefined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

async function recording(path: string): Promise<Voice> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new GatewayError("not-possible", `cannot read ${path}`, { cause });
  });
  try {
    const { size } = await file.stat();
    if (size > MAX_RECORDING_BYTES) throw new GatewayError("not-possible", `${path} is larger than 16 MiB`);
    return { kind: "recording", samples: readRecording(await file.readFile()) };
  } finally {
    await file.close();
  }
}
