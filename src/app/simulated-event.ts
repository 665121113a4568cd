import { join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { Config, TrunkConfig } from "../config/schema.ts";
import type { TrunkPasswords } from "../config/secrets.ts";
import { AriConnection } from "../drivers/ari.ts";
import { AsteriskFiles, findAsterisk } from "../drivers/asterisk-files.ts";
import { AsteriskProcess } from "../drivers/asterisk-process.ts";
import type { EventDrivers } from "../sim/event-port.ts";
import type { AccountOptions, EventNetworkOptions, PhoneOptions } from "../sim/event-types.ts";
import { directoriesBelow } from "../sip/model.ts";
import type { Directories } from "../sip/port.ts";

/** Name of the socket, in the runtime directory, by which `EventControlClient` works the simulated event network. */
export const EVENT_CONTROL_SOCKET = "event-control.sock";

/** Telephones of the simulated event network: one for each way in which a call can go. */
export const EVENT_PHONES: readonly (PhoneOptions & { readonly does: string })[] = [
  { number: "4123", behaviour: { kind: "answer", afterMs: 1_500 }, does: "answers" },
  { number: "4124", behaviour: { kind: "answer", afterMs: 1_000 }, does: "answers" },
  { number: "4125", behaviour: { kind: "busy" }, does: "is busy" },
  { number: "4126", behaviour: { kind: "no-answer" }, does: "rings, and nobody answers" },
  { number: "4127", behaviour: { kind: "reject" }, does: "refuses every call" },
  { number: "4128", behaviour: { kind: "congestion" }, does: "cannot be reached: the network is congested" },
  { number: "4129", behaviour: { kind: "echo" }, does: "answers and returns what it hears" },
];

/** Trunks to a server on this machine's loopback, where no event has one. */
export function simulatedTrunks(config: Config): readonly TrunkConfig[] {
  return config.trunks.filter(({ server }) => server === "127.0.0.1" || server === "localhost");
}

/**
 * The event network that a configuration's loopback trunks register with: their accounts, and the further numbers of
 * the number plan dealt out among them.
 * @throws GatewayError `no-simulated-event` without such a trunk, or when they name several ports
 */
export function simulatedEventOf(config: Config, passwords: TrunkPasswords): EventNetworkOptions {
  const trunks = simulatedTrunks(config);
  const ports = new Set(trunks.map(({ port }) => port));
  const [sipPort] = ports;
  if (sipPort === undefined || ports.size > 1) {
    throw new GatewayError("no-simulated-event", "the trunks to 127.0.0.1 must all have one port", {
      details: { ports: [...ports] },
    });
  }
  const own = new Set(trunks.map(({ username }) => username));
  // The network's routing knows digits and X only; the gateway's own plan refuses what is too much.
  const further = config.numberPlan.toPax
    .map(({ number }) => number.replace(/\[[^\]]*\]|[ZN]/g, "X"))
    .filter((number) => !own.has(number));
  const accounts = trunks.map(
    ({ name, username }, at): AccountOptions => ({
      number: username,
      password: passwords.get(name) ?? "",
      numbers: further.filter((_, place) => place % trunks.length === at),
    }),
  );
  const directory = eventDirectories(config).run;
  return { directory, accounts, phones: EVENT_PHONES.map(({ does: _, ...phone }) => phone), sipPort };
}

/** Where the event network's own Asterisk lives. */
export function eventDirectories({ paths }: Config): Directories {
  return directoriesBelow(join(paths.runtime, "event"), join(paths.state, "event"), findAsterisk().modules);
}

/** The event network's way to a real Asterisk, run as `user` when we are root. */
export function eventDrivers(
  directories: Directories,
  user: { readonly uid: number; readonly gid: number } | null,
  log: Log,
): EventDrivers {
  const process = new AsteriskProcess(processOptions(directories, user), log);
  return {
    asterisk: ({ files }) => new EventAsterisk(directories, files, user, process),
    ari: (options) => new AriConnection({ ...options, holder: (port) => process.holderOf(port) }, log),
  };
}

class EventAsterisk implements Service {
  readonly name = "asterisk";
  readonly #files: ReadonlyMap<string, string>;
  readonly #writer: AsteriskFiles;
  readonly #process: AsteriskProcess;

  constructor(
    directories: Directories,
    files: ReadonlyMap<string, string>,
    user: { readonly uid: number; readonly gid: number } | null,
    process: AsteriskProcess,
  ) {
    this.#files = new Map([...files, ["asterisk.conf", asteriskConf(directories)]]);
    this.#writer = new AsteriskFiles(directories, user);
    this.#process = process;
  }

  async start(): Promise<void> {
    await this.#writer.write(this.#files);
    await this.#process.start();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

const processOptions = (directories: Directories, user: { readonly uid: number; readonly gid: number } | null) => ({
  program: findAsterisk().program,
  configFile: join(directories.config, "asterisk.conf"),
  runDirectory: directories.run,
  user,
});

/** `asterisk.conf` can't come from the network: it has to name the directories. */
function asteriskConf(directories: Directories): string {
  const lines = [
    ["astetcdir", directories.config],
    ["astmoddir", directories.modules],
    ["astvarlibdir", directories.data],
    ["astdatadir", directories.data],
    ["astdbdir", directories.database],
    ["astkeydir", directories.keys],
    ["astspooldir", directories.spool],
    ["astrundir", directories.run],
    ["astlogdir", directories.log],
  ];
  return `[directories]\n${lines.map(([key, value]) => `${key} => ${value}\n`).join("")}`;
}
