import { CONTROLLER } from "./device-tree.ts";

/**
 * What is wired to the emulated board: the reference board's two lines, its button and its status LED, by the names that
 * the board's overlay gives them, so that one configuration fits both. All of it that somebody outside must move or see
 * hangs on the pl061; the back-busy outputs, for which it has no pins left, on a simulated controller. For the same reason
 * the second line has no sense of its current, and its pin goes to a relay that is no line's: for comparisons.
 */

interface LineWiring {
  readonly line: string;
  readonly loopIn: number;
  readonly currentIn: number | null;
  readonly loopOut: number;
}

export const lineWirings: readonly LineWiring[] = [
  { line: "tie-1", loopIn: 0, currentIn: 1, loopOut: 4 },
  { line: "tie-2", loopIn: 2, currentIn: null, loopOut: 5 },
];
/** A relay that the gateway knows nothing of, and its name as an LED. */
export const SPARE_PIN = 3;
export const SPARE_LED = "bench:loop";
/** Low when pressed. */
export const BUTTON_PIN = 6;
export const STATUS_LED_PIN = 7;
/** The kernel's label of the pl061. */
export const CHIP = "9030000.pl061";

/** GPIO line names and LED names of a line's interface. */
export const namesOf = (line: string) => ({
  loopIn: `${line}-loop`,
  currentIn: `${line}-current`,
  loopOut: `${line}:loop`,
  busyOut: `${line}:busy`,
});

const led = (label: string, gpios: string) =>
  `${label.replace(":", "-")} { label = "${label}"; gpios = <${gpios}>; default-state = "off"; };`;

/** Device-tree source to be put after the board's own root node. */
export function wiringSource(): string {
  const names = Array.from({ length: 8 }, () => "");
  for (const { line, loopIn, currentIn } of lineWirings) {
    names[loopIn] = namesOf(line).loopIn;
    if (currentIn !== null) names[currentIn] = namesOf(line).currentIn;
  }
  names[BUTTON_PIN] = "paxgate-button";
  const loops = lineWirings.map(({ line, loopOut }) => led(namesOf(line).loopOut, `&{${CONTROLLER}} ${loopOut} 0`));
  const busies = lineWirings.map(({ line }, at) => led(namesOf(line).busyOut, `&busyBank ${at} 0`));
  return `
&{${CONTROLLER}} { gpio-line-names = ${names.map((name) => `"${name}"`).join(", ")}; };
/ {
  paxgate-busy-chip {
    compatible = "gpio-simulator";
    busyBank: bank0 { gpio-controller; #gpio-cells = <2>; ngpios = <${busies.length}>; gpio-sim,label = "paxgate-busy"; };
  };
  paxgate-lines { compatible = "gpio-leds"; ${loops.join(" ")} };
  paxgate-bench { compatible = "gpio-leds"; ${led(SPARE_LED, `&{${CONTROLLER}} ${SPARE_PIN} 0`)} };
  paxgate-busies { compatible = "gpio-leds"; ${busies.join(" ")} };
  paxgate-status { compatible = "gpio-leds"; ${led("paxgate-status", `&{${CONTROLLER}} ${STATUS_LED_PIN} 0`)} };
};`;
}
