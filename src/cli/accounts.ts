import { loadWithSecrets, openRepository } from "../app/prepare.ts";
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
  warnOfState,
} from "./command.ts";

export const accounts = command({
  name: "accounts",
  summary: "Shows what to enter into the phones behind the gateway: server port, SIP username and secret.",
  usage: "[-c FILE] [--json]",
  details: `${configHelp}\n${jsonHelp}\n${helpHelp}\n\nThe secrets are generated once and kept in the state directory (mode 0600).`,
  options: { ...configOption, ...jsonOption },
  async run({ values }) {
    const { loaded } = await loadWithSecrets(usualConfig(values.config));
    const repository = await openRepository(loaded, warnOfState);
    const names = loaded.config.accounts.map((account) => account.name);
    const issued = await repository.ensureAccounts(names);
    const port = loaded.config.sip.port;
    const rows = names.map((name) => ({ account: name, port, ...issued.get(name) }));
    if (values.json) printJson(rows);
    else if (rows.length === 0) print("The configuration has no accounts.");
    for (const row of values.json ? [] : rows) {
      print(`${row.account.padEnd(24)} username ${row.username}  secret ${row.secret}  port ${row.port}`);
    }
    return 0;
  },
});
