import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type ConfigFault, type ConfigFaults, formatFaults } from "./faults.ts";
import { LARGEST_FILE, type ParsedConfig, parseConfig } from "./parse.ts";
import { rtpPortsUsed } from "./rtp-ports.ts";
import type { Config } from "./schema.ts";

export interface LoadedConfig extends Pick<ParsedConfig, "faultAt"> {
  /** `paths` and every other file that it names are absolute here; `sip.rtpPorts` are the ports that are used, `sip.tcp` says whether TCP is open. */
  readonly config: Config;
  /** Absolute path of the file. */
  readonly file: string;
  /** The file's directory, to which everything relative in it is relative. */
  readonly directory: string;
}

/**
 * Reads and checks a configuration file. Reports every fault at once; see `formatFaults` for their text. What is
 * relative in it is relative to `base`, its own directory unless told: a copy kept elsewhere means the same places.
 */
export async function loadConfig(file: string, base?: string): Promise<Result<LoadedConfig, ConfigFaults>> {
  const path = resolve(file);
  const bytes = await readBounded(path);
  if (!bytes.ok) return fail({ file, faults: [bytes.error] });
  const parsed = parseConfig(bytes.value);
  if (!parsed.ok) return fail({ file, faults: parsed.error });
  const directory = base ?? dirname(path);
  const { config, faultAt } = parsed.value;
  const paths = {
    state: resolve(directory, config.paths.state),
    runtime: resolve(directory, config.paths.runtime),
  };
  const blockLists = config.firewall.blockLists.map((list) =>
    list.file === undefined ? list : { ...list, file: resolve(directory, list.file) },
  );
  const firewall = { ...config.firewall, blockLists };
  const absolute = <T extends object>(section: T, keys: readonly string[]): T =>
    Object.fromEntries(
      Object.entries(section).map(([key, value]) => [
        key,
        keys.includes(key) && typeof value === "string" ? resolve(directory, value) : value,
      ]),
    ) as T;
  const mqtt = config.status.mqtt === undefined ? {} : { mqtt: absolute(config.status.mqtt, ["ca", "cert", "key"]) };
  const status = { ...config.status, ...mqtt };
  const web = absolute(config.web, ["cert", "key"]);
  const credentials = absolute(config.credentials, ["file"]);
  // chan_sip has no TCP that only calls out: a trunk over TCP opens the port.
  const tcp = config.sip.tcp || config.trunks.some(({ transport }) => transport === "tcp");
  const sip = { ...config.sip, tcp, rtpPorts: rtpPortsUsed(config) };
  return ok({ config: { ...config, sip, firewall, status, web, credentials, paths }, file: path, directory, faultAt });
}

/** The faults as an error with the code `config-invalid`, its text ready for people, for commands that end on it. */
export function configError(faults: ConfigFaults): GatewayError {
  return new GatewayError("config-invalid", formatFaults(faults), { details: { ...faults } });
}

async function readBounded(path: string): Promise<Result<Uint8Array, ConfigFault>> {
  const refuse = (message: string, allowed?: string) =>
    fail<ConfigFault>({
      code: "file",
      path: [],
      line: 0,
      column: 0,
      message,
      ...(allowed === undefined ? {} : { allowed }),
    });
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a named pipe in the file's place would hold the start up for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return refuse("is not a file");
    // One byte more than allowed is enough to be refused; the rest of a huge file is never read.
    const buffer = new Uint8Array(LARGEST_FILE + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return ok(buffer.subarray(0, length));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      return refuse(
        "there is no such file: copy src/config/generated/paxgate.example.yaml there, or name another file",
      );
    }
    if (code === "EACCES" || code === "EPERM") return refuse("may not be read by this user");
    return refuse(`cannot be read (${code ?? "unknown error"})`);
  } finally {
    await handle?.close();
  }
}
