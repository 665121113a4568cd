import { existsSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { GatewayError } from "../base/errors.ts";
import { demonstrationConfig } from "./state-place.ts";

/** Exit statuses: 0 done, 1 failed, 2 called wrongly. */
export type ExitStatus = 0 | 1 | 2;

type Options = NonNullable<ParseArgsConfig["options"]>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>>;

/** One command of `paxgate`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Text of `--help`. */
  readonly help: string;
  run(args: readonly string[]): Promise<ExitStatus>;
}

interface Definition<O extends Options> {
  readonly name: string;
  readonly summary: string;
  /** What follows the command's name, such as `[--json] FILE`. */
  readonly usage: string;
  /** Explanation, options and examples. */
  readonly details: string;
  readonly options: O;
  /** How many arguments that are no options it takes. */
  readonly positionals?: { readonly min: number; readonly max: number };
  run(given: Parsed<O>): Promise<ExitStatus>;
}

/** Makes a command: parses its options, refuses what it does not know, answers `--help`. */
export function command<const O extends Options>(definition: Definition<O>): Command {
  const { name, summary, usage, details } = definition;
  const help = `Usage: paxgate ${name} ${usage}\n\n${summary}\n\n${details.replace(/^\n/, "").trimEnd()}\n`;
  const { min, max } = definition.positionals ?? { min: 0, max: 0 };
  return {
    name,
    summary,
    help,
    async run(args) {
      if (args.includes("--help") || args.includes("-h")) {
        process.stdout.write(help);
        return 0;
      }
      let given: Parsed<O>;
      try {
        given = parseArgs({ args: [...args], options: definition.options, allowPositionals: true, strict: true });
      } catch (error) {
        throw new GatewayError("usage", `${(error as Error).message}\n\n${help}`);
      }
      const count = given.positionals.length;
      if (count < min || count > max) throw new GatewayError("usage", `${name}: wrong number of arguments\n\n${help}`);
      return definition.run(given);
    },
  };
}

/** Where the configuration is when no option says otherwise: the boot partition's place, mounted at /boot/firmware. */
export const DEFAULT_CONFIG = "/boot/firmware/paxgate.yaml";

/** The option that every command with a configuration has. */
export const configOption = { config: { type: "string", short: "c" } } as const;
export const configHelp = `  -c, --config FILE  configuration (default ${DEFAULT_CONFIG}; where that is not there,
                     the one that "paxgate start" has written)`;

/**
 * The configuration that a command is about when it is not told.
 * @throws GatewayError `no-config`
 */
export function usualConfig(given: string | undefined): string {
  if (given !== undefined) return given;
  const demonstration = demonstrationConfig();
  if (existsSync(DEFAULT_CONFIG)) return DEFAULT_CONFIG;
  if (existsSync(demonstration)) return demonstration;
  const how = 'name one with -c FILE, or start a demonstration with "paxgate start", which writes one';
  throw new GatewayError("no-config", `there is no ${DEFAULT_CONFIG}: ${how}`);
}

export const jsonOption = { json: { type: "boolean", default: false } } as const;
export const jsonHelp = "  --json             print JSON, for scripts";
export const helpHelp = "  -h, --help         this text";

/** For commands without a log: what people should know besides the result. */
export function warn(text: string): void {
  process.stderr.write(`paxgate: ${text}\n`);
}

/** Says what is wrong with the stored state; for commands that open it. */
export const warnOfState = (words: string): void => warn(words);

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}
