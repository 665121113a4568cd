import { stringify } from "yaml";
import type { z } from "zod";
import type { configSchema } from "../../../src/config/schema.ts";
import { addresses } from "./outside.ts";
import { lineWirings, namesOf } from "./wiring.ts";

export type ConfigInput = Partial<z.input<typeof configSchema>>;

export const SITE = "image-test";

/** The lines as they are wired. */
export const lineInputs = () =>
  lineWirings.map(({ line, currentIn }, at) => {
    const names = namesOf(line);
    return {
      name: line,
      interface: {
        inputs: { loop: names.loopIn, ...(currentIn === null ? {} : { current: names.currentIn }) },
        outputs: { loop: names.loopOut, busy: names.busyOut },
        audio: `plughw:CARD=Loopback,DEV=0,SUBDEV=${at}`,
      },
    };
  });

/** What the person with the card would write for this exchange: two tie lines, an event, a broker. */
export function configurationText(changes: ConfigInput = {}): string {
  const config: z.input<typeof configSchema> = {
    site: { id: SITE, name: "Image test" },
    lines: lineInputs(),
    numberPlan: {
      fromPax: [{ dial: "[12]X", trunk: "event", prefix: "41" }],
      toPax: [{ number: "41[2-5]X", extension: "XX" }],
    },
    trunks: [
      { name: "event", server: addresses.event, username: "4100", password: "unused", register: false, callLimit: 2 },
    ],
    status: { mqtt: { url: `mqtt://${addresses.router}` } },
    button: { gpio: "paxgate-button", led: "paxgate-status" },
    credentials: { file: "/run/paxgate/card/CREDENTIALS.txt" },
    ...changes,
  };
  return stringify(config);
}
