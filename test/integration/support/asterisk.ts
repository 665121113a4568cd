import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "../../../src/base/log.ts";
import { type Config, configSchema } from "../../../src/config/schema.ts";
import { AmiConnection } from "../../../src/drivers/ami.ts";
import { AsteriskFiles, asteriskUser, findAsterisk } from "../../../src/drivers/asterisk-files.ts";
import { AsteriskProcess } from "../../../src/drivers/asterisk-process.ts";
import { buildModel, directoriesBelow, type SipModel } from "../../../src/sip/model.ts";
import { AsteriskService } from "../../../src/sip/service.ts";
import { freeTcpPort, freeUdpPort } from "./free-port.ts";

/** Input of the configuration's schema: what a test wants to differ from the minimal configuration. */
export type ConfigInput = Parameters<typeof configSchema.parse>[0] & object;

/** A directory of the test's own that Asterisk's user can pass through. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "paxgate-"));
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The smallest configuration on loopback with free ports, with a test's differences. */
export async function loopbackConfig(input: ConfigInput = {}): Promise<Config> {
  const from = 30_000 + 2 * Math.floor(Math.random() * 10_000);
  const sip = { port: await freeUdpPort(), bindAddress: "127.0.0.1", rtpPorts: { from, to: from + 99 } };
  return configSchema.parse({
    lines: [{ name: "one" }],
    ...input,
    sip: { ...sip, ...("sip" in input ? (input.sip as object) : {}) },
  });
}

export interface TestAsterisk {
  readonly config: Config;
  readonly model: SipModel;
  readonly service: AsteriskService;
  readonly process: AsteriskProcess;
  readonly commands: AmiConnection;
  /** A second supervisor on the same directories, as after a crash of the first. */
  successor(model?: SipModel): Omit<TestAsterisk, "successor" | "remove">;
  /** Text of a log: `messages`, `security` or `console`. */
  readLog(name: string): string;
  /** Stops Asterisk and removes the directory. */
  remove(): Promise<void>;
}

/** Everything for a real Asterisk in a directory of its own; `service.start` is left to the test. */
export async function prepareAsterisk(input: ConfigInput = {}, log: Log = silentLog): Promise<TestAsterisk> {
  const config = await loopbackConfig(input);
  const directory = await temporaryDirectory();
  const { program, modules } = findAsterisk();
  const directories = directoriesBelow(directory.path, directory.path, modules);
  const secret = () => randomBytes(24).toString("hex");
  const model = buildModel(config, {
    directories,
    httpPort: await freeTcpPort(),
    managerPort: await freeTcpPort(),
    noAnswerMs: 120_000,
    secrets: {
      trunks: new Map(config.trunks.map((trunk) => [trunk.name, secret()])),
      accounts: new Map(
        config.accounts.map(({ name }) => [name, { username: `${name}-${secret().slice(0, 8)}`, secret: secret() }]),
      ),
      ari: secret(),
      manager: secret(),
      securityEvents: secret(),
    },
  });
  const user = await asteriskUser();
  const supervisor = (of: SipModel) => {
    const process = new AsteriskProcess(
      {
        program,
        configFile: join(directories.config, "asterisk.conf"),
        runDirectory: directories.run,
        user,
      },
      log,
    );
    const commands = new AmiConnection({ ...of.manager, holder: (port) => process.holderOf(port) }, log);
    const files = new AsteriskFiles(directories, user);
    const service = new AsteriskService(of, { commands, process, files }, log);
    return { config, model: of, service, process, commands, readLog };
  };
  const readLog = (name: string) =>
    readFileSync(join(name === "console" ? directories.config : directories.log, name), "utf8");
  const made = supervisor(model);
  const started = [made];
  return {
    ...made,
    successor: (other = model) => {
      const next = supervisor(other);
      started.push(next);
      return next;
    },
    remove: async () => {
      for (const each of started) await each.service.stop();
      await directory.remove();
    },
  };
}
