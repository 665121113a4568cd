import { randomBytes } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describeError } from "../base/errors.ts";
import { configError, type LoadedConfig, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { loadSecrets, type SecretOptions, type Secrets } from "../config/secrets.ts";
import { configWarnings } from "../config/warnings.ts";
import { generateSecret, generateUsername } from "../credentials/generate.ts";
import { findAsterisk } from "../drivers/asterisk-files.ts";
import { StateFileAdapter } from "../drivers/state-file.ts";
import { resolveProfile } from "../line/profiles.ts";
import { buildModel, directoriesBelow, type SipModel } from "../sip/model.ts";
import type { CredentialSource, Credentials } from "../store/port.ts";
import { Repository } from "../store/repository.ts";

/** A configuration with everything that it refers to. */
export interface Prepared extends Omit<Secrets, "trunks"> {
  readonly loaded: LoadedConfig;
  readonly passwords: Secrets["trunks"];
  readonly repository: Repository;
  /** What is wrong with the stored state, in words. */
  readonly concerns: readonly string[];
  readonly model: SipModel;
  /** Asterisk's program. */
  readonly program: string;
}

const credentialSource: CredentialSource = {
  account: (name) => ({ username: generateUsername(name, randomBytes), secret: generateSecret(randomBytes) }),
  secret: () => generateSecret(randomBytes),
};

/**
 * Loads and checks the configuration with its secrets, without touching the stored state.
 * @throws GatewayError `config-invalid`, with every fault
 */
export async function loadWithSecrets(
  file: string,
  base?: string,
  options?: SecretOptions,
): Promise<Pick<Prepared, "loaded" | "passwords" | keyof Omit<Secrets, "trunks">>> {
  const loaded = await loadConfig(file, base);
  if (!loaded.ok) throw configError(loaded.error);
  const secrets = await loadSecrets(loaded.value, options);
  if (!secrets.ok) throw configError(secrets.error);
  const { trunks, ...others } = secrets.value;
  return { loaded: loaded.value, passwords: trunks, ...others };
}

/** What is no fault, but not as it should be. */
export async function warningsAbout(loaded: LoadedConfig): Promise<readonly string[]> {
  return [...(await readablePasswords(loaded)), ...(await configWarnings(loaded))];
}

async function readablePasswords({ config, file }: LoadedConfig): Promise<readonly string[]> {
  const inline = config.trunks.filter(({ password }) => typeof password === "string").map(({ name }) => name);
  const { mode } = await stat(file);
  if (inline.length === 0 || (mode & 0o007) === 0) return [];
  const remedy = "chmod 600 it, or put the password into a file of its own and write {file: PATH}";
  return [`${file} holds the password of ${inline.join(", ")} and every user of this machine can read it: ${remedy}`];
}

const stateWords = {
  previous: "the stored state was damaged; its previous generation is used",
  "begun-anew": "the stored state was lost; everything has new credentials",
  "not-kept": "the stored state cannot be used and is left as it is; what is issued now is forgotten at the next start",
  "not-migrated": "the stored state could not be written in its new form",
} as const;

/** Opens the stored state of a configuration; makes it when there is none. `alert`: told in words what is wrong with it. */
export async function openRepository({ config }: LoadedConfig, alert: (words: string) => void): Promise<Repository> {
  // Asterisk's own user passes through to its database; the state file itself is 0600.
  await mkdir(config.paths.state, { recursive: true, mode: 0o711 });
  const file = new StateFileAdapter(join(config.paths.state, "state.json"), ({ path, reason }) =>
    alert(`${path} is ${reason}; its previous generation is used`),
  );
  const repository = new Repository(file, credentialSource, ({ type, reason }) =>
    alert(`${stateWords[type]} (${reason})`),
  );
  await repository.open();
  return repository;
}

/**
 * The credentials of a configuration's accounts. Where new ones cannot be stored, on a full disk, an account gets some that
 * nobody is ever told: its telephone has to wait, and takes nobody else's calls away.
 */
export async function accountsIn(
  repository: Repository,
  { accounts }: Config,
  tell: (words: string) => void,
): Promise<ReadonlyMap<string, Credentials>> {
  const names = accounts.map(({ name }) => name);
  try {
    return await repository.ensureAccounts(names);
  } catch (error) {
    const without = names.filter((name) => repository.account(name) === undefined).join(", ");
    tell(`no credentials could be stored for ${without}: no telephone can register there (${describeError(error)})`);
    return new Map(names.map((name) => [name, repository.account(name) ?? credentialSource.account(name)]));
  }
}

export interface PrepareOptions extends SecretOptions {
  /** Told in words when something is wrong with the stored state. */
  readonly alert: (words: string) => void;
  /** To what the file's relative paths are relative, if not to its own directory. */
  readonly base?: string;
  /** What has to be done before the stored state is opened, such as the end of a factory reset. */
  readonly before?: (config: Config) => Promise<void>;
}

/** Everything up to the model from which Asterisk's files are rendered. */
export async function prepare(file: string, options: PrepareOptions): Promise<Prepared> {
  const { alert, base, before } = options;
  const { program, modules } = findAsterisk();
  const { loaded, passwords, ...keys } = await loadWithSecrets(file, base, options);
  const { config } = loaded;
  await before?.(config);
  const concerns: string[] = [];
  const tell = (words: string) => {
    concerns.push(words);
    alert(words);
  };
  const repository = await openRepository(loaded, tell);
  const accounts = await accountsIn(repository, config, tell);
  const { ariSecret, amiSecret, eventsSecret } = repository.asterisk;
  const model = buildModel(config, {
    directories: directoriesBelow(config.paths.runtime, config.paths.state, modules),
    secrets: { trunks: passwords, accounts, ari: ariSecret, manager: amiSecret, securityEvents: eventsSecret },
    httpPort: config.asterisk.ariPort,
    managerPort: config.asterisk.managerPort,
    noAnswerMs: resolveProfile(config.pax.profile, config.pax.overrides).noAnswerMs,
  });
  return { loaded, passwords, ...keys, repository, concerns, model, program };
}
