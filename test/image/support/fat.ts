import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./command.ts";

/** One entry of an MBR's table of partitions, in bytes. */
export interface Partition {
  readonly number: number;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** The primary partitions of a card's image. Throws on what has no MBR. */
export async function partitionsOf(image: string): Promise<readonly Partition[]> {
  const file = await open(image, "r");
  try {
    const sector = Buffer.alloc(512);
    await file.read(sector, 0, 512, 0);
    if (sector.readUInt16LE(510) !== 0xaa55) throw new Error(`${image} has no MBR`);
    return [1, 2, 3, 4].flatMap((number) => {
      const at = 446 + 16 * (number - 1);
      const type = sector[at + 4] ?? 0;
      const offset = sector.readUInt32LE(at + 8) * 512;
      return type === 0 ? [] : [{ number, type, offset, size: sector.readUInt32LE(at + 12) * 512 }];
    });
  } finally {
    await file.close();
  }
}

/** The boot partition of an image, while no machine runs from it: what a person sees who has the card in a laptop. */
export class Fat {
  readonly #place: string;

  constructor(image: string, offset: number) {
    this.#place = `${image}@@${offset}`;
  }

  static async of(image: string): Promise<Fat> {
    const [first] = await partitionsOf(image);
    if (first === undefined) throw new Error(`${image} has no partition`);
    return new Fat(image, first.offset);
  }

  /** Names in a directory (`""`: the root), directories with a slash. */
  async list(directory = ""): Promise<readonly string[]> {
    const text = await run(["mdir", "-b", "-i", this.#place, `::${directory}`]);
    return text.split("\n").flatMap((line) => (line === "" ? [] : [line.replace(/^::\//, "")]));
  }

  async has(path: string): Promise<boolean> {
    return run(["mtype", "-i", this.#place, `::${path}`]).then(
      () => true,
      () => false,
    );
  }

  async read(path: string): Promise<string> {
    return (await this.bytes(path)).toString("utf8");
  }

  async bytes(path: string): Promise<Buffer> {
    return temporarily(async (file) => {
      await this.copyOut(path, file);
      return readFile(file);
    });
  }

  copyOut(path: string, file: string): Promise<string> {
    return run(["mcopy", "-n", "-i", this.#place, `::${path}`, file]);
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    await temporarily(async (file) => {
      await writeFile(file, content);
      await run(["mcopy", "-o", "-i", this.#place, file, `::${path}`]);
    });
  }

  async makeDirectory(path: string): Promise<void> {
    if ((await this.list()).includes(`${path}/`)) return;
    await run(["mmd", "-D", "s", "-i", this.#place, `::${path}`]);
  }

  async remove(path: string): Promise<void> {
    if (await this.has(path)) await run(["mdel", "-i", this.#place, `::${path}`]);
  }
}

async function temporarily<T>(use: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "fat-"));
  try {
    return await use(join(directory, "file"));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
