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
  summary: "Shows what the gateway issued: for phones behind it, for its page, for its MQTT broker.",
  usage: "[-c FILE] [--json]",
  details: `${configHelp}\n${jsonHelp}\n${helpHelp}\n\nThe secrets are generated, and kept in the state directory (mode 0600). The reset button makes new ones.`,
  options: { ...configOption, ...jsonOption },
  async run({ values }) {
    const { loaded } = await loadWithSecrets(usualConfig(values.config));
    const repository = await openRepository(loaded, warnOfState);
    const names = loaded.config.accounts.map((account) => account.name);
    const issued = await repository.ensureAccounts(names);
    const { sip, web, status } = loaded.config;
    const { dashboard, broker } = repository.issued;
    const phones = names.map((account) => ({ account, port: sip.port, ...issued.get(account) }));
    const page = web.enabled ? { port: web.port, password: dashboard } : null;
    const own = status.mqtt === undefined && status.broker.enabled ? { port: status.broker.port, ...broker } : null;
    if (values.json) {
      printJson({ accounts: phones, page, broker: own });
      return 0;
    }
    const row = (what: string, words: readonly string[]) => print(`${what.padEnd(24)} ${words.join("  ")}`);
    for (const { account, port, username, secret } of phones) {
      row(account, [`username ${username}`, `secret ${secret}`, `port ${port}`]);
    }
    if (page !== null) row("the page", [`password ${page.password}`, `port ${page.port}`]);
    for (const name of own === null ? [] : (["viewer", "operator"] as const)) {
      const { username, secret } = broker[name];
      row(`broker, ${name}`, [`username ${username}`, `secret ${secret}`, `port ${own?.port}`]);
    }
    return 0;
  },
});
