import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MqttWatch, Seen } from "../../integration/support/mqtt-watch.ts";
import { Broker } from "./broker.ts";
import { Card } from "./card.ts";
import { configurationText, SITE } from "./configuration.ts";
import { makeDeviceTree } from "./device-tree.ts";
import { Fat, partitionsOf } from "./fat.ts";
import { chooseBoot } from "./firmware.ts";
import { findImage, flash } from "./image.ts";
import { Machine } from "./machine.ts";
import { Outside, TAP } from "./outside.ts";
import { Pax } from "./pax.ts";
import { Ssh } from "./ssh.ts";
import { BUTTON_PIN, wiringSource } from "./wiring.ts";

/** Longest boot to "ready for calls" in the emulator on a busy machine. */
export const BOOT_LIMIT_MS = 300_000;

export interface ApplianceOptions {
  /** paxgate.yaml; null: the image's own. The test's standard one unless told. */
  readonly configuration?: string | null;
  readonly memoryMb?: number;
  /** Its clock at power-on, as QEMU's `-rtc base=`. */
  readonly clock?: string;
  /** Changes to the freshly flashed card's boot partition. */
  readonly prepare?: (fat: Fat) => Promise<void>;
  readonly withoutSshKey?: boolean;
  /** What is put after the kernel's command line. */
  readonly words?: readonly string[];
}

/** The appliance as a person has it before them: a flashed card, the machine it is in, the exchange, the network. */
export class Appliance {
  readonly directory: string;
  readonly outside: Outside;
  readonly broker: Broker;
  readonly pax: Pax;
  readonly ssh: Ssh;
  readonly card: Card;
  readonly fat: Fat;
  readonly watch: MqttWatch;
  readonly #options: ApplianceOptions;
  #machine: Machine | null = null;
  #powered = false;
  /** Boots so far, resets included. */
  boots = 0;
  /** The slots that were started, by their prefixes in the boot partition. */
  readonly prefixes: string[] = [];
  readonly #booted = new Set<() => void>();
  /** Alerts that were told since power-on and hold, by their names. */
  readonly alerts = new Map<string, string>();

  private constructor(
    parts: Pick<Appliance, "directory" | "outside" | "broker" | "pax" | "ssh" | "card" | "fat" | "watch">,
    options: ApplianceOptions,
  ) {
    this.directory = parts.directory;
    this.outside = parts.outside;
    this.broker = parts.broker;
    this.pax = parts.pax;
    this.ssh = parts.ssh;
    this.card = parts.card;
    this.fat = parts.fat;
    this.watch = parts.watch;
    this.#options = options;
    const prefix = `paxgate/${SITE}/alerts/`;
    this.watch.client.on("message", (topic, payload) => {
      if (!topic.startsWith(prefix)) return;
      const name = topic.slice(prefix.length);
      if (payload.length === 0) this.alerts.delete(name);
      else this.alerts.set(name, payload.toString());
    });
  }

  /** Flashes a card and lays everything out; nothing has power yet. */
  static async create(options: ApplianceOptions = {}): Promise<Appliance> {
    const directory = await mkdtemp(join(tmpdir(), "pxi-"));
    const file = join(directory, "card.img");
    await flash(await findImage(), file);
    const fat = await Fat.of(file);
    const outside = await Outside.create(directory);
    const broker = new Broker(outside);
    await broker.start();
    const ssh = await Ssh.create(outside);
    if (options.configuration !== null) await fat.write("paxgate.yaml", options.configuration ?? configurationText());
    if (options.withoutSshKey !== true) await fat.write("ssh-authorized-keys", await ssh.publicKey());
    await options.prepare?.(fat);
    await makeDeviceTree(join(directory, "board.dtb"), options.memoryMb ?? 1_024, wiringSource());
    const card = await Card.open(file, join(directory, "card.sock"));
    const pax = await Pax.start(directory);
    const watch = await broker.watch();
    return new Appliance({ directory, outside, broker, pax, ssh, card, fat, watch }, options);
  }

  /** The machine that runs now. Throws when none does. */
  get machine(): Machine {
    if (this.#machine === null) throw new Error("the machine has no power");
    return this.#machine;
  }

  /** Overwrites the first `bytes` of the data partition with zeros, while nothing has power. */
  async wipeData(bytes: number): Promise<void> {
    const partitions = await partitionsOf(join(this.directory, "card.img"));
    const data = partitions.find(({ number }) => number === 4);
    if (data === undefined) throw new Error("the card has no data partition");
    await this.card.write(data.offset, Buffer.alloc(Math.min(bytes, data.size)));
    await this.card.flush();
  }

  /** Plugs the power in. Whenever the machine resets itself the firmware starts it again. */
  async powerOn(): Promise<void> {
    this.#powered = true;
    this.watch.seen.length = 0;
    this.alerts.clear();
    await this.#start();
  }

  async #start(): Promise<void> {
    // A reset leaves the card powered: what is in its cache can be read.
    await this.card.flush();
    const name = `boot-${++this.boots}`;
    const { prefix, ...choice } = await chooseBoot(this.fat, this.directory, name, this.#options.words ?? []);
    this.prefixes.push(prefix);
    const machine = await Machine.start({
      ...choice,
      name,
      deviceTree: join(this.directory, "board.dtb"),
      card: this.card.socket,
      inside: this.outside.inside,
      tap: TAP,
      memoryMb: this.#options.memoryMb ?? 1_024,
      clock: this.#options.clock ?? "utc",
      directory: this.directory,
      highPins: [BUTTON_PIN],
    });
    this.#machine = machine;
    await this.pax.plug(machine.pins);
    machine.ended.then(() => this.#ended(machine)).catch((error: unknown) => console.error(error));
    for (const tell of this.#booted) tell();
  }

  async #ended(machine: Machine): Promise<void> {
    if (this.#machine !== machine || !this.#powered) return;
    this.#machine = null;
    this.pax.unplug();
    await this.#start();
  }

  /** Resolves when the machine has been started for the `count`-th time. */
  async booted(count: number, limitMs: number): Promise<void> {
    await this.until(`boot ${count}`, limitMs, () => (this.boots >= count && this.#machine !== null ? true : null));
  }

  /** Asks again after each boot and each message to the broker. Null is not yet. */
  until<T>(what: string, limitMs: number, look: () => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look();
        if (found === null) return;
        finish();
        resolve(found);
      };
      const finish = () => {
        clearTimeout(timer);
        this.#booted.delete(check);
        this.watch.client.off("message", later);
      };
      const later = () => queueMicrotask(check);
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`${what}: not within ${limitMs} ms\n${this.#machine?.console.tail() ?? "no power"}`));
      }, limitMs);
      this.#booted.add(check);
      this.watch.client.on("message", later);
      check();
    });
  }

  /** Resolves when a gateway that was not heard before says that calls can be made; with how long its boot took, ms. */
  async ready(limitMs = BOOT_LIMIT_MS): Promise<number> {
    const said = await this.until("ready for calls", limitMs, () => this.watch.seen.find(isReady) ?? null);
    this.watch.seen.splice(0, this.watch.seen.indexOf(said) + 1);
    return said.atMs - this.machine.startedMs;
  }

  /** On to the next time it says so. */
  async readyAndLoggedIn(): Promise<number> {
    const tookMs = await this.ready();
    await this.ssh.connect(120_000);
    return tookMs;
  }

  /** Pulls the plug. Of what the card had not been told to flush each sector survives with this probability. */
  async powerCut(survival = Math.random(), random = Math.random): Promise<{ readonly lostSectors: number }> {
    this.#powered = false;
    const machine = this.#machine;
    this.#machine = null;
    this.pax.unplug();
    const lost = this.card.cut(() => random() < survival);
    await machine?.kill();
    await this.ssh.forget();
    return { lostSectors: await lost };
  }

  /** The boot partition as it is on the card while the machine runs, once that has written everything out. */
  async bootPartition(): Promise<Fat> {
    await this.ssh.run("sync");
    await this.card.flush();
    return this.fat;
  }

  /** Takes it all away; the card's file and the consoles' logs too, unless `PAXGATE_KEEP` is set. */
  async remove(): Promise<void> {
    this.#powered = false;
    await this.#machine?.kill();
    this.#machine = null;
    await this.ssh.forget();
    await this.watch.close();
    await this.broker.stop();
    await this.pax.close();
    await this.card.close();
    await this.outside.remove();
    if (process.env["PAXGATE_KEEP"] === undefined) await rm(this.directory, { recursive: true, force: true });
    else console.log(`kept: ${this.directory}`);
  }
}

/** Live, not retained: what a gateway said before it lost its power does not count. */
function isReady({ topic, payload, retained }: Seen): boolean {
  if (topic !== `paxgate/${SITE}/gateway` || retained || payload === "") return false;
  return (JSON.parse(payload) as { readyMs: number | null }).readyMs !== null;
}
