import type { Dispose } from "../base/events.ts";
import { JsonLinesClient } from "../base/json-lines.ts";
import type { LineEndStatus, Method, PanelStatus, Params, PaxEvent, PhoneStatus } from "./control-port.ts";
import type { Hearing, PhoneCondition } from "./watch.ts";

/** Works the telephones of a simulated PAX, and tells what they hear. Every method rejects with a GatewayError. */
export class SimClient {
  readonly #connection: JsonLinesClient;

  constructor(controlSocket: string) {
    this.#connection = new JsonLinesClient(controlSocket);
  }

  /** @throws GatewayError `not-running` */
  connect(): Promise<void> {
    return this.#connection.connect();
  }

  close(): void {
    this.#connection.close();
  }

  onEvent(listener: (event: PaxEvent) => void): Dispose {
    return this.#connection.onEvent((event) => listener(event as PaxEvent));
  }

  /** The simulator has gone. */
  onClose(listener: () => void): Dispose {
    return this.#connection.onClose(listener);
  }

  async phones(): Promise<readonly PhoneStatus[]> {
    return (await this.#ask("phones", null)) as PhoneStatus[];
  }

  async lines(): Promise<readonly LineEndStatus[]> {
    return (await this.#ask("lines", null)) as LineEndStatus[];
  }

  /** The exchange's settings, and whether it has power. */
  async exchange(): Promise<Readonly<Record<string, unknown>>> {
    return (await this.#ask("exchange", null)) as Record<string, unknown>;
  }

  async lift(ext: string): Promise<void> {
    await this.#ask("lift", { ext });
  }

  async hangup(ext: string): Promise<void> {
    await this.#ask("hangup", { ext });
  }

  /** Resolves at the last make of the last digit. Rejects with `not-possible` when the handset is on the hook. */
  async dial(ext: string, digits: string): Promise<void> {
    await this.#ask("dial", { ext, digits });
  }

  /** Speaks a tone or a recording (WAV or raw, 16 bit, mono, 8 kHz) until told otherwise; null is silence. */
  async play(ext: string, voice: Params<"play">["voice"]): Promise<void> {
    await this.#ask("play", { ext, voice });
  }

  /** Listens for `ms`, beginning now. */
  async hear(ext: string, options: Omit<Params<"hear">, "ext">): Promise<Hearing> {
    return (await this.#ask("hear", { ext, ...options })) as Hearing;
  }

  /** Rejects with `timeout` when the condition has not come to hold in time. */
  async waitFor(ext: string, condition: PhoneCondition, timeoutMs: number): Promise<void> {
    await this.#ask("waitFor", { ext, condition, timeoutMs });
  }

  /** Automatic answer, a made-busy extension, a worn dial. */
  async setPhone(ext: string, settings: Omit<Params<"setPhone">, "ext">): Promise<void> {
    await this.#ask("setPhone", { ext, ...settings });
  }

  /** Faults on a gateway line. */
  async setLine(line: string, settings: Omit<Params<"setLine">, "line">): Promise<void> {
    await this.#ask("setLine", { line, ...settings });
  }

  /** Power, registers, intrusion and other habits of the exchange. */
  async setExchange(settings: Params<"setExchange">): Promise<void> {
    await this.#ask("setExchange", settings);
  }

  /** The button, the LED and the contacts of the monitored inputs. */
  async panel(): Promise<PanelStatus> {
    return (await this.#ask("panel", null)) as PanelStatus;
  }

  /** Presses the reset button; resolves when it is let go of. Null: for good. Rejects with `not-possible` without one. */
  async press(ms: number | null): Promise<void> {
    await this.#ask("press", { ms });
  }

  /** Puts a monitored input by hand; null: it follows the exchange again. Rejects with `no-such-input`. */
  async setInput(input: string, active: boolean | null): Promise<void> {
    await this.#ask("setInput", { input, active });
  }

  #ask<M extends Method>(method: M, params: Params<M>): Promise<unknown> {
    return this.#connection.request(method, params);
  }
}
