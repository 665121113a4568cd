import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import { JsonLinesClient, JsonLinesServer } from "../base/json-lines.ts";
import type { Service } from "../base/lifecycle.ts";
import type { EventNetwork } from "./event-network.ts";
import type {
  CallId,
  CallView,
  EndCause,
  EventNetworkEvent,
  Heard,
  PhoneBehaviour,
  PhoneOptions,
  PhoneSound,
} from "./event-types.ts";

/** The event network worked from another process, over a local socket. */

const sound = z.union([
  z.strictObject({ kind: z.literal(["silence", "echo"]) }),
  z.strictObject({
    kind: z.literal("tone"),
    frequencyHz: z.number().positive().max(4_000),
    levelDb: z.number().max(0).exactOptional(),
  }),
]);
const behaviour = z.union([
  z.strictObject({ kind: z.literal("answer"), afterMs: z.number().min(0), sound: sound.exactOptional() }),
  z.strictObject({ kind: z.literal("no-answer"), ringMs: z.number().min(0).exactOptional() }),
  z.strictObject({ kind: z.literal(["busy", "reject", "congestion", "echo"]) }),
]);
const endCauses = ["normal", "busy", "no-answer", "unobtainable", "rejected", "congestion", "unavailable"] as const;
const call = z.string();
const nothing = z.null();

/** What each method takes. */
const params = {
  server: nothing,
  phones: nothing,
  calls: nothing,
  registered: z.strictObject({ account: z.string().regex(/^[0-9]{4,8}$/) }),
  setBehaviour: z.strictObject({ number: z.string(), behaviour }),
  call: z.strictObject({ from: z.string(), to: z.string(), sound: sound.exactOptional() }),
  answer: z.strictObject({ call }),
  hangup: z.strictObject({ call, cause: z.enum(endCauses).exactOptional() }),
  dtmf: z.strictObject({ call, digits: z.string() }),
  play: z.strictObject({ call, sound }),
  hear: z.strictObject({ call, ms: z.number().min(20), frequenciesHz: z.array(z.number().positive()).max(32) }),
  hearTone: z.strictObject({ call, frequencyHz: z.number().positive(), levelDb: z.number(), withinMs: z.number() }),
};

type Methods = { [Name in keyof typeof params]: (given: z.infer<(typeof params)[Name]>) => unknown };

function methodsOf(network: EventNetwork): Methods {
  return {
    server: () => network.server,
    phones: () => network.phones,
    calls: () => network.calls,
    registered: (given) => network.registered(given.account),
    setBehaviour: (given) => network.setBehaviour(given.number, given.behaviour),
    call: (given) => network.call(given.from, given.to, given.sound),
    answer: (given) => network.answer(given.call),
    hangup: (given) => network.hangup(given.call, given.cause),
    dtmf: (given) => network.dtmf(given.call, given.digits),
    play: (given) => network.play(given.call, given.sound),
    hear: (given) => network.hear(given.call, given.ms, given.frequenciesHz),
    hearTone: (given) => network.hearTone(given.call, given.frequencyHz, given.levelDb, given.withinMs),
  };
}

/** Serves a network at a local socket. */
export class EventControlServer implements Service {
  readonly name = "event-control";
  readonly #network: EventNetwork;
  readonly #server: JsonLinesServer;
  #unsubscribe: Dispose = () => undefined;

  constructor(network: EventNetwork, path: string) {
    this.#network = network;
    const methods = methodsOf(network);
    this.#server = new JsonLinesServer(path, (method, given) => invoke(methods, method, given));
  }

  async start(): Promise<void> {
    await this.#server.start();
    this.#unsubscribe = this.#network.onEvent((event) => this.#server.broadcast(event));
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#server.stop();
  }
}

function invoke(methods: Methods, method: string, given: unknown): unknown {
  if (!Object.hasOwn(params, method)) throw new GatewayError("no-such-method", `there is no method ${method}`);
  const name = method as keyof Methods;
  const parsed = (params[name] as z.ZodType).safeParse(given);
  if (!parsed.success) throw new GatewayError("bad-request", `${method}: ${z.prettifyError(parsed.error)}`);
  return (methods[name] as (given: unknown) => unknown)(parsed.data);
}

/** The network's methods, from another process. Answers come from our own server and are taken at their word. */
export class EventControlClient {
  readonly #client: JsonLinesClient;

  constructor(path: string) {
    this.#client = new JsonLinesClient(path);
  }

  /** @throws GatewayError `not-running` */
  connect(): Promise<void> {
    return this.#client.connect();
  }

  close(): void {
    this.#client.close();
  }

  onEvent(listener: (event: EventNetworkEvent) => void): Dispose {
    return this.#client.onEvent((event) => listener(event as EventNetworkEvent));
  }

  onClose(listener: () => void): Dispose {
    return this.#client.onClose(listener);
  }

  server(): Promise<{ host: string; port: number }> {
    return this.#ask("server");
  }

  phones(): Promise<readonly PhoneOptions[]> {
    return this.#ask("phones");
  }

  calls(): Promise<readonly CallView[]> {
    return this.#ask("calls");
  }

  registered(account: string): Promise<boolean> {
    return this.#ask("registered", { account });
  }

  setBehaviour(number: string, to: PhoneBehaviour): Promise<void> {
    return this.#ask("setBehaviour", { number, behaviour: to });
  }

  call(from: string, to: string, speak: PhoneSound = { kind: "silence" }): Promise<CallId> {
    return this.#ask("call", { from, to, sound: speak });
  }

  answer(id: CallId): Promise<void> {
    return this.#ask("answer", { call: id });
  }

  hangup(id: CallId, cause?: Exclude<EndCause, "lost">): Promise<void> {
    return this.#ask("hangup", { call: id, cause });
  }

  dtmf(id: CallId, digits: string): Promise<void> {
    return this.#ask("dtmf", { call: id, digits });
  }

  play(id: CallId, speak: PhoneSound): Promise<void> {
    return this.#ask("play", { call: id, sound: speak });
  }

  hear(id: CallId, ms: number, frequenciesHz: readonly number[] = []): Promise<Heard> {
    return this.#ask("hear", { call: id, ms, frequenciesHz });
  }

  hearTone(id: CallId, frequencyHz: number, levelDb = -40, withinMs = 5_000): Promise<Heard> {
    return this.#ask("hearTone", { call: id, frequencyHz, levelDb, withinMs });
  }

  async #ask<Answer>(method: keyof Methods, given?: object): Promise<Answer> {
    return (await this.#client.request(method, given)) as Answer;
  }
}
