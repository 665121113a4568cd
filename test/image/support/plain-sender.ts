import type { Ssh } from "./ssh.ts";
import { SPARE_LED } from "./wiring.ts";

/** What a program without the kernel's help would do: a chain of setTimeout that writes an output. */
const SENDER = `
const { writeFileSync } = require("node:fs");
const put = (closed) => writeFileSync("/sys/class/leds/${SPARE_LED}/brightness", closed ? "1" : "0");
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
(async () => {
  put(true);
  for (const pulses of process.argv.slice(2).map(Number)) {
    await wait(800);
    for (let i = 0; i < pulses; i++) {
      put(false);
      await wait(67);
      put(true);
      await wait(33);
    }
  }
  await wait(800);
  put(false);
})();
`;

/** Sends digits of so many impulses each on the spare relay, from Node in the machine, with plain timers. */
export async function sendPlainly(ssh: Ssh, pulses: readonly number[]): Promise<void> {
  await ssh.run(`echo none >'/sys/class/leds/${SPARE_LED}/trigger' && node - ${pulses.join(" ")}`, { input: SENDER });
}
