import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prepare } from "../app/prepare.ts";
import { renderProfile } from "../sip/render.ts";
import { command, configHelp, configOption, helpHelp, print, usualConfig, warnOfState } from "./command.ts";

export const render = command({
  name: "render",
  summary: "Writes the files that would be given to Asterisk, for reading.",
  usage: "[-c FILE] [--show-secrets] [DIRECTORY]",
  details: `
${configHelp}
  --show-secrets     write secrets too; without it each stands as ********
${helpHelp}

Without DIRECTORY everything is printed. Files are written with mode 0600.`,
  options: { ...configOption, "show-secrets": { type: "boolean", default: false } },
  positionals: { min: 0, max: 1 },
  async run({ values, positionals: [directory] }) {
    const { model } = await prepare(usualConfig(values.config), { alert: warnOfState });
    const secrets = [...model.trunks, ...model.accounts, model.http, model.manager].map((one) => one.secret);
    const hide = (text: string) => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, "********"), text);
    for (const [name, text] of renderProfile(model)) {
      const shown = values["show-secrets"] ? text : hide(text);
      if (directory === undefined) {
        print(`;;;; ${name}\n${shown}`);
        continue;
      }
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const file = join(directory, name);
      await writeFile(file, shown, { mode: 0o600 });
      await chmod(file, 0o600);
    }
    if (directory !== undefined) print(`written to ${directory}`);
    return 0;
  },
});
