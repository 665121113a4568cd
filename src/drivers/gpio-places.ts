import { GatewayError } from "../base/errors.ts";
import { type LineInput, type LineOutput, lineInputs } from "../line/port.ts";
import { type GpioTools, runTool } from "./gpio-child.ts";
import { type GpioPlace, parseGpiodetect, parseGpioinfo, parseGpioName, parseToolVersion } from "./gpio-events.ts";

/** How a line's interface is wired, in the configuration's words: GPIO lines, LED-class devices, an ALSA device. */
export interface GpioWiring {
  readonly inputs: { readonly [Input in LineInput]?: string | undefined };
  /** Inputs that are low when active. */
  readonly activeLow?: readonly LineInput[];
  readonly outputs: { readonly [Output in LineOutput]?: string | undefined };
  readonly audio: string;
}

/** What to do where the tools are missing or too old. */
export const REMEDY =
  "install libgpiod 2: package gpiod of Debian 13 (trixie) or later; Debian 12 has 1.6, which has other options";

/** What a name may lack that no chip has. */
export const NAME_REMEDY = "is the overlay loaded, and may the gateway open /dev/gpiochip*? `gpioinfo` lists them";

/** @throws GatewayError `line-unavailable` when gpiomon is missing or older than version 2 */
export async function checkGpiomon(tools: GpioTools): Promise<void> {
  const answer = await runTool(tools.gpiomon, ["--version"]);
  if (answer.missing) throw new GatewayError("line-unavailable", `there is no ${tools.gpiomon}: ${REMEDY}`);
  const version = answer.ok ? parseToolVersion(answer.stdout) : null;
  if (version !== null && version.major >= 2) return;
  const found = version === null ? answer.stderr || answer.stdout.trim() : `version ${version.major}.${version.minor}`;
  throw new GatewayError("line-unavailable", `${tools.gpiomon} is not usable (${found}): ${REMEDY}`);
}

/** A line's inputs by GPIO chip. */
export type InputsByChip = ReadonlyMap<string, readonly { readonly input: LineInput; readonly offset: number }[]>;

/**
 * Finds the inputs of an interface.
 *
 * @throws GatewayError `line-unavailable`: a name that no chip has, or more than one
 */
export async function findInputs(wanted: GpioWiring["inputs"], tools: GpioTools): Promise<InputsByChip> {
  const inputs = lineInputs.flatMap((input) => {
    const text = wanted[input];
    return text === undefined ? [] : [{ input, text, name: parseGpioName(text) }];
  });
  const names = inputs.flatMap(({ name }) => (name.kind === "name" ? [name.name] : []));
  const chips = inputs.length > names.length ? parseGpiodetect((await runTool(tools.gpiodetect, [])).stdout) : [];
  // `--strict`: look at every line, so that a name that occurs twice is seen.
  const info = names.length === 0 ? "" : (await runTool(tools.gpioinfo, ["--strict", ...names])).stdout;
  const lines = parseGpioinfo(info);
  const byChip = new Map<string, { input: LineInput; offset: number }[]>();
  for (const { input, text, name } of inputs) {
    const places: GpioPlace[] =
      name.kind === "name"
        ? lines.filter((line) => line.name === name.name).map(({ place }) => place)
        : chips
            .filter(({ label, lines: count }) => label === name.label && name.offset < count)
            .map(({ chip }) => ({ chip, offset: name.offset }));
    const [place] = places;
    if (place === undefined || places.length > 1) throw notOne(input, text, places);
    const others = byChip.get(place.chip) ?? [];
    if (others.some(({ offset }) => offset === place.offset)) {
      throw new GatewayError("line-unavailable", `input ${input}: ${text} is the line of another input`);
    }
    byChip.set(place.chip, [...others, { input, offset: place.offset }]);
  }
  return byChip;
}

function notOne(input: LineInput, text: string, places: readonly GpioPlace[]): GatewayError {
  const what =
    places.length === 0
      ? `no GPIO line is called that: ${NAME_REMEDY}`
      : `it is not unique (${places.map(({ chip, offset }) => `${chip} ${offset}`).join(", ")}): use CHIP-LABEL:OFFSET`;
  return new GatewayError("line-unavailable", `input ${input}: ${text}: ${what}`, { details: { input, name: text } });
}
