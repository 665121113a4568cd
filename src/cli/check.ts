import { loadWithSecrets, warningsAbout } from "../app/prepare.ts";
import { GatewayError } from "../base/errors.ts";
import { machineInventory } from "../drivers/system-figures-inventory.ts";
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
  usage: "[-c FILE] [--machine] [--json]",
  details: `
${configHelp}
  --machine          also says what machine this is, for whoever asks for help
${jsonHelp}
${helpHelp}

Ends with 0 when the configuration can be used, with 1 when not.`,
  options: { ...configOption, ...jsonOption, machine: { type: "boolean", default: false } },
  async run({ values }) {
    try {
      const { loaded } = await loadWithSecrets(usualConfig(values.config));
      const { lines, trunks, accounts } = loaded.config;
      const warnings = await warningsAbout(loaded);
      const counts = { lines: lines.length, trunks: trunks.length, accounts: accounts.length };
      const machine = values.machine ? await machineInventory() : null;
      if (values.json) printJson({ ok: true, file: loaded.file, ...counts, warnings, ...(machine && { machine }) });
      else print(`${loaded.file}: good (${lines.length} lines, ${trunks.length} trunks, ${accounts.length} accounts)`);
      for (const warning of values.json ? [] : warnings) warn(warning);
      if (machine !== null && !values.json) {
        const { model, os, kernel, processor, processors, memoryMb } = machine;
        print(`${model || "a machine"}, ${processors} x ${processor}, ${memoryMb} MB, ${os}, kernel ${kernel}`);
      }
      return 0;
    } catch (error) {
      if (!values.json || !(error instanceof GatewayError) || error.code !== "config-invalid") throw error;
      printJson({ ok: false, ...error.details });
      return 1;
    }
  },
});
