import { loadWithSecrets, warningsAbout } from "../app/prepare.ts";
import { GatewayError } from "../base/errors.ts";
import {
  command,
  configHelp,
  configOption,
  helpHelp,
  jsonHelp,
  jsonOption,
  print,
  printJson,
  usualConfig,
  warn,
} from "./command.ts";

export const check = command({
  name: "check",
  summary: "Checks a configuration and reports every fault, with its line and what is allowed. Changes nothing.",
  usage: "[-c FILE] [--json]",
  details: `${configHelp}\n${jsonHelp}\n${helpHelp}\n\nEnds with 0 when the configuration can be used, with 1 when not.`,
  options: { ...configOption, ...jsonOption },
  async run({ values }) {
    try {
      const { loaded } = await loadWithSecrets(usualConfig(values.config));
      const { lines, trunks, accounts } = loaded.config;
      const warnings = await warningsAbout(loaded);
      const counts = { lines: lines.length, trunks: trunks.length, accounts: accounts.length };
      if (values.json) printJson({ ok: true, file: loaded.file, ...counts, warnings });
      else print(`${loaded.file}: good (${lines.length} lines, ${trunks.length} trunks, ${accounts.length} accounts)`);
      for (const warning of values.json ? [] : warnings) warn(warning);
      return 0;
    } catch (error) {
      if (!values.json || !(error instanceof GatewayError) || error.code !== "config-invalid") throw error;
      printJson({ ok: false, ...error.details });
      return 1;
    }
  },
});
