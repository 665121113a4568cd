import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { desiredState } from "./desired.ts";
import type { SipModel } from "./model.ts";
import type { CommandPort, FilesPort, ProcessPort } from "./port.ts";

/** For tests: an Asterisk that runs exactly the given profile, apart from what a test makes of it. */
export class FakeAsterisk {
  readonly #model: SipModel;
  readonly #emitter = new TypedEmitter<{ exit: [how: string]; lost: []; told: [command: string] }>();
  #connected = false;
  readonly #waiting = new Set<(error: Error) => void>();
  running = false;
  starts = 0;
  /** UDP ports that it gets open. */
  udpPorts: ReadonlySet<number>;
  /** Whether it ever comes to the end of its start. */
  boots = true;
  /** Answers that differ, by command. */
  readonly answers = new Map<string, readonly string[]>();

  constructor(model: SipModel) {
    this.#model = model;
    this.udpPorts = new Set([model.port]);
  }

  readonly commands: CommandPort = {
    connect: async () => {
      if (!this.running) throw new GatewayError("ami-unreachable", "no manager interface");
      this.#connected = true;
    },
    command: (text) => this.#command(text),
    module: async () => undefined,
    close: () => this.#disconnect(),
    onLost: (listener): Dispose => this.#emitter.on("lost", listener),
  };

  readonly process: ProcessPort = this.#process();

  readonly files: FilesPort = {
    write: async () => [],
    differing: async () => [],
    boundLogs: async () => false,
  };

  /** It dies. */
  crash(): void {
    this.running = false;
    this.#disconnect();
    this.#emitter.emit("exit", "signal SIGKILL");
  }

  /** The manager's connection ends; `quietly` without anybody being told. */
  loseConnection(quietly = false): void {
    this.#disconnect();
    if (!quietly) this.#emitter.emit("lost");
  }

  /** Resolves when this command is given for the next time. */
  nextCommand(wanted: string): Promise<void> {
    return new Promise((resolve) => {
      const dispose = this.#emitter.on("told", (text) => {
        if (text !== wanted) return;
        dispose();
        resolve();
      });
    });
  }

  #process(): ProcessPort {
    const running = () => this.running;
    return {
      get running() {
        return running();
      },
      start: async () => {
        if (this.running) return "attached";
        this.running = true;
        this.starts++;
        return "started";
      },
      stop: async () => {
        if (!this.running) return;
        this.running = false;
        this.#disconnect();
        this.#emitter.emit("exit", "exit code 0");
      },
      udpPorts: async () => (this.running ? this.udpPorts : new Set()),
      tcpListeners: async () => {
        const { http, manager } = this.#model;
        return new Map(this.running ? [http, manager].map(({ port }): [number, "ours"] => [port, "ours"]) : []);
      },
      onExit: (listener) => this.#emitter.on("exit", listener),
    };
  }

  #disconnect(): void {
    this.#connected = false;
    for (const reject of this.#waiting) reject(closed());
    this.#waiting.clear();
  }

  #command(text: string): Promise<readonly string[]> {
    this.#emitter.emit("told", text);
    if (!this.#connected) return Promise.reject(closed());
    if (text === "core waitfullybooted" && !this.boots) {
      return new Promise((_, reject) => this.#waiting.add(reject));
    }
    return Promise.resolve(this.answers.get(text) ?? this.#readout(text));
  }

  #readout(text: string): readonly string[] {
    const { settings, peers, modules, dialplan } = desiredState(this.#model);
    const lines = (values: ReadonlyMap<string, string>) => [...values].map(([key, value]) => `  ${key}: ${value}`);
    const peer = /^sip show peer (.*)$/.exec(text)?.[1];
    if (peer !== undefined) return lines(peers.get(peer) ?? new Map());
    switch (text) {
      case "sip show settings":
        return lines(settings);
      case "sip show peers":
        return [...peers.keys()].map((name) => `${name}   (Unspecified)`);
      case "module show":
        return [...modules].map((file) => `${file}   module   0   Running   core`);
      case "dialplan show":
        return [...dialplan].flatMap(([context, extensions]) => [
          `[ Context '${context}' created by 'pbx_config' ]`,
          ...[...extensions].map((line) => {
            const [, extension, priority, what] = /^([^,]*),(\d+),(.*)$/.exec(line) ?? [];
            return `  '${extension}' => ${priority}. ${what} [pbx_config]`;
          }),
        ]);
      default:
        return [];
    }
  }
}

function closed(): GatewayError {
  return new GatewayError("ami-closed", "no connection to Asterisk's manager");
}
