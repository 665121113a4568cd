import { LineSocket } from "./line-socket.ts";

/** QEMU's own control socket. */
export class Qmp {
  readonly #socket: LineSocket;
  #serial = 0;

  private constructor(socket: LineSocket) {
    this.#socket = socket;
  }

  static async open(path: string): Promise<Qmp> {
    const qmp = new Qmp(await LineSocket.open(path));
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /** Rejects with what QEMU says is wrong. */
  async execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#serial;
    const line = await this.#socket.ask(
      JSON.stringify({ execute: command, arguments: args, id }),
      (text) => (JSON.parse(text) as { id?: number }).id === id,
    );
    const { return: value, error } = JSON.parse(line) as { return?: unknown; error?: { desc: string } };
    if (error !== undefined) throw new Error(`QEMU: ${command}: ${error.desc}`);
    return value;
  }

  /** Path of the only device of this type that the machine brought by itself. */
  async deviceOfType(type: string): Promise<string> {
    const parent = "/machine/unattached";
    const found = (await this.execute("qom-list", { path: parent })) as { name: string; type: string }[];
    const [device, ...others] = found.filter((entry) => entry.type === `child<${type}>`);
    if (device === undefined || others.length > 0) throw new Error(`${found.length} devices, none or several ${type}`);
    return `${parent}/${device.name}`;
  }

  close(): void {
    this.#socket.close();
  }
}
