import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { eventually } from "./command.ts";

/** A local stream socket that speaks in lines. */
export class LineSocket {
  readonly #socket: Socket;
  readonly #listeners = new Set<(line: string) => void>();
  #rest = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (this.#rest + chunk).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) for (const listener of [...this.#listeners]) listener(line.trimEnd());
    });
    socket.on("error", () => undefined);
  }

  /** Connects as soon as somebody listens there. */
  static open(path: string): Promise<LineSocket> {
    return eventually(`a listener at ${path}`, 10_000, async () => {
      const socket = createConnection(path);
      await once(socket, "connect");
      return new LineSocket(socket);
    });
  }

  /** Resolves with the lines that come until `last` says of one that nothing follows. Rejects when the socket closes. */
  ask(request: string, last: (line: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const gone = () => finish(() => reject(new Error(`closed before it answered ${request}`)));
      const listener = (line: string) => {
        if (last(line)) finish(() => resolve(line));
      };
      const finish = (settle: () => void) => {
        this.#listeners.delete(listener);
        this.#socket.off("close", gone);
        settle();
      };
      this.#listeners.add(listener);
      this.#socket.once("close", gone);
      if (this.#socket.destroyed) gone();
      else if (request !== "") this.#socket.write(`${request}\n`);
    });
  }

  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.destroy();
  }
}
