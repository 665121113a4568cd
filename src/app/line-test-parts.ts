import { systemClock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { AlsaAudio } from "../drivers/alsa-audio.ts";
import { type GpioTools, systemTools } from "../drivers/gpio-child.ts";
import { checkGpiomon, findInputs, type GpioWiring } from "../drivers/gpio-places.ts";
import { LED_ROOT, LedOutput } from "../drivers/led-pattern.ts";
import type { Finding } from "../line/line-test.ts";
import { lineInputs, lineOutputs } from "../line/port.ts";

/** For tests: other programs, and another place of LEDs. */
export interface PartsOptions {
  readonly tools?: GpioTools;
  readonly ledRoot?: string;
}

/**
 * Looks at every part of a line's interface by itself, so that all that is missing is told at once. Outputs are left
 * de-energised.
 */
export async function testParts(wiring: GpioWiring, options: PartsOptions = {}): Promise<Finding[]> {
  const { tools = systemTools, ledRoot = LED_ROOT } = options;
  const findings: Finding[] = [];
  for (const output of lineOutputs) {
    const name = wiring.outputs[output];
    if (name === undefined) continue;
    const led = new LedOutput(name, { clock: systemClock, dropped: () => undefined, root: ledRoot });
    const opened = led.open().finally(() => led.close());
    findings.push(await finding(`output ${output}`, `LED ${name} is there and may be used`, opened));
  }
  if (Object.values(wiring.inputs).some((name) => name !== undefined)) {
    findings.push(await finding("gpiomon", "libgpiod's programs are there", checkGpiomon(tools)));
  }
  for (const input of lineInputs) {
    const name = wiring.inputs[input];
    if (name === undefined) continue;
    const found = findInputs({ [input]: name }, tools);
    findings.push(await finding(`input ${input}`, `GPIO line ${name} is there`, found));
  }
  const sound = new AlsaAudio({
    device: wiring.audio,
    tools,
    clock: systemClock,
    log: silentLog,
    onFrame: () => undefined,
    onLost: () => undefined,
  });
  findings.push(await finding("sound", `${wiring.audio} records`, sound.check()));
  return findings;
}

async function finding(step: string, says: string, done: Promise<unknown>): Promise<Finding> {
  try {
    await done;
    return { step, verdict: "ok", says };
  } catch (error) {
    return { step, verdict: "failed", says: describeError(error) };
  }
}
