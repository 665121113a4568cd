import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prepare } from "../app/prepare.ts";
import type { SipModel } from "../sip/model.ts";
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
    const show = values["show-secrets"];
    for (const [name, text] of renderProfile(show ? model : withoutSecrets(model))) {
      // A digest of asterisks would pass for one of a secret.
      const shown = show ? text : text.replace(/^(md5secret=).*$/gm, "$1********");
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

/** Every secret as ********. Hidden in the model: in the text, a short one would also be found in other words. */
function withoutSecrets(model: SipModel): SipModel {
  const hide = <T extends { readonly secret: string }>(one: T): T => ({ ...one, secret: "********" });
  return {
    ...model,
    trunks: model.trunks.map(hide),
    accounts: model.accounts.map(hide),
    http: hide(model.http),
    manager: hide(model.manager),
    securityEvents: hide(model.securityEvents),
  };
}
