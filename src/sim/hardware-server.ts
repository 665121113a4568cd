import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { CircuitId } from "./exchange-state.ts";
import type { LineEnd } from "./line-end.ts";
import type { Panel } from "./panel.ts";
import { PanelSessions } from "./panel-sessions.ts";
import {
  encodeAudio,
  encodeJson,
  type FromLine,
  parseToLine,
  parseToPanel,
  type ToLine,
  type Wire,
  WireReader,
} from "./port.ts";
import type { Simulation } from "./simulation.ts";

/** Audio for a driver that doesn't read is thrown away beyond this, bytes: about ten seconds. */
const MAX_UNREAD_BYTES = 160_000;

/** One driver's connection. */
interface Session {
  readonly socket: Socket;
  line: { readonly id: CircuitId; readonly end: LineEnd } | null;
}

/**
 * The lines' interfaces, and the panel's contacts, on a local socket: a connection for each that is opened. A driver that opens a line which
 * another one holds takes it over, as the supervisor does that was started again.
 */
export class HardwareServer {
  /** The contacts and the LED, which have connections of their own. */
  readonly contacts: PanelSessions;
  readonly #path: string;
  readonly #simulation: Simulation;
  readonly #catchUp: () => void;
  readonly #log: Log;
  readonly #holders = new Map<CircuitId, Session>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(path: string, simulation: Simulation, panel: Panel, catchUp: () => void, log: Log) {
    this.contacts = new PanelSessions(panel, () => simulation.clock.now());
    this.#path = path;
    this.#simulation = simulation;
    this.#catchUp = catchUp;
    this.#log = log;
  }

  /** Only the owner may connect. What a killed process left at this path is removed. */
  async start(): Promise<void> {
    await rm(this.#path, { force: true });
    this.#server = createServer((socket) => this.#serve(socket)).listen(this.#path);
    await once(this.#server, "listening");
    await chmod(this.#path, 0o600);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Whether a driver has the line open. */
  isHeld(id: CircuitId): boolean {
    return this.#holders.has(id);
  }

  #serve(socket: Socket): void {
    const session: Session = { socket, line: null };
    const reader = new WireReader();
    this.#sockets.add(socket);
    socket.on("error", (error) => this.#log.debug("a driver's connection failed", { error: error.message }));
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#catchUp();
      this.#letGo(session);
      this.contacts.letGo(socket);
    });
    socket.on("data", (chunk) => {
      this.#catchUp();
      try {
        for (const wire of reader.push(chunk)) this.#receive(session, wire);
      } catch (error) {
        this.#log.warn("a driver sent what cannot be understood", { error: String(error) });
        socket.destroy();
      }
    });
  }

  #receive(session: Session, wire: Wire): void {
    if (wire.kind === "audio") {
      if (session.line?.end.audioOpen === true) session.line.end.pushAudio(wire.samples);
      return;
    }
    const toPanel = session.line === null ? parseToPanel(wire.value) : null;
    if (toPanel !== null) return this.contacts.receive(session.socket, toPanel);
    const message = parseToLine(wire.value);
    if (message === null) throw new GatewayError("bad-request", `no message of a line: ${JSON.stringify(wire.value)}`);
    if (message.type === "open") this.#open(session, message.line);
    else if (session.line === null) throw new GatewayError("bad-request", "a message before the line was opened");
    else this.#perform(session, session.line, message);
  }

  #open(session: Session, name: string): void {
    const found = [...this.#simulation.lines].find(([, end]) => end.config.name === name);
    if (found === undefined || session.line !== null) {
      send(session, { type: "refused", code: "no-such-line", message: `the simulated PAX has no line ${name}` });
      session.socket.end();
      return;
    }
    const [id, end] = found;
    const former = this.#holders.get(id);
    if (former !== undefined) {
      this.#letGo(former);
      former.socket.destroy();
    }
    session.line = { id, end };
    this.#holders.set(id, session);
    end.outputLatch.reset();
    send(session, { type: "opened", inputs: end.inputs, outputs: end.outputs });
    end.onEdge((edge) => send(session, { type: "edge", ...edge }));
    this.#simulation.events.emit("circuit", id);
  }

  #perform(session: Session, line: { id: CircuitId; end: LineEnd }, message: Exclude<ToLine, { type: "open" }>): void {
    const { id, end } = line;
    const { outputLatch } = end;
    switch (message.type) {
      case "close":
        outputLatch.reset();
        session.socket.end();
        return;
      case "set":
        if (end.outputs.includes(message.output)) outputLatch.set(message.output, message.active);
        return;
      case "pattern":
        outputLatch.playPattern(message.steps);
        return;
      case "refresh":
        outputLatch.refresh();
        return;
      case "audio":
        this.#simulation.sound.openLine(id, message.on ? (frame) => sendAudio(session, frame) : null);
        return;
      case "levels":
        send(session, { type: "levels", id: message.id, active: end.levels });
    }
  }

  /** The driver is gone. What it had energised stays so until the dead-man. */
  #letGo(session: Session): void {
    const { line } = session;
    session.line = null;
    if (line === null) return;
    this.#holders.delete(line.id);
    line.end.onEdge(() => undefined);
    this.#simulation.sound.openLine(line.id, null);
    this.#simulation.events.emit("circuit", line.id);
  }
}

function send(session: Session, message: FromLine): void {
  if (!session.socket.destroyed) session.socket.write(encodeJson(message));
}

function sendAudio(session: Session, frame: Int16Array): void {
  if (session.socket.destroyed || session.socket.writableLength > MAX_UNREAD_BYTES) return;
  session.socket.write(encodeAudio(frame));
}
