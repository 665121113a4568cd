import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { generateSecret, generateUsername } from "../../../src/credentials/generate.ts";
import type { Taker } from "../../../src/credentials/port.ts";
import { ResetService } from "../../../src/credentials/reset-service.ts";
import { AmiConnection } from "../../../src/drivers/ami.ts";
import { AsteriskFiles, asteriskUser } from "../../../src/drivers/asterisk-files.ts";
import { AsteriskProcess } from "../../../src/drivers/asterisk-process.ts";
import { FactoryReset } from "../../../src/drivers/factory-reset.ts";
import { CredentialsFile } from "../../../src/drivers/handout-file.ts";
import { StateFileAdapter } from "../../../src/drivers/state-file.ts";
import { withAccounts } from "../../../src/sip/accounts.ts";
import type { SipModel } from "../../../src/sip/model.ts";
import { AsteriskService } from "../../../src/sip/service.ts";
import { Repository } from "../../../src/store/repository.ts";

/**
 * A gateway's Asterisk with its accounts, store and reset, for a test that kills it: `MODEL-FILE DIRECTORY CUT`. Says
 * `up`, `taken`; a line `reset` is the button. At `CUT`, a step's name, it is killed as by a loss of power.
 */
const [modelFile = "", directory = "", cut = ""] = process.argv.slice(2);

/** Dies on the spot, like a power cut; nothing of it is left to run. */
function reached(step: string): void {
  if (step === cut) process.kill(process.pid, "SIGKILL");
}
const say = (text: string) => process.stdout.write(`${text}\n`);

const source = {
  account: (name: string) => ({ username: generateUsername(name, randomBytes), secret: generateSecret(randomBytes) }),
  secret: () => generateSecret(randomBytes),
};
const state = new StateFileAdapter(join(directory, "state.json"), ({ type }) => say(`alert ${type}`));
const file = {
  read: state.read,
  readPrevious: state.readPrevious,
  setAside: state.setAside,
  write: async (data: unknown) => {
    reached("before-write");
    await state.write(data);
    reached("after-write");
  },
};
const store = new Repository(file, source, ({ type }) => say(`alert ${type}`));
await store.open();
const model = JSON.parse(readFileSync(modelFile, "utf8")) as SipModel;
await store.ensureAccounts(model.accounts.map(({ name }) => name));

const { directories } = model;
const user = await asteriskUser();
const configFile = join(directories.config, "asterisk.conf");
const asteriskProcess = new AsteriskProcess(
  { program: "/usr/sbin/asterisk", configFile, runDirectory: directories.run, user },
  silentLog,
);
const commands = new AmiConnection({ ...model.manager, holder: (port) => asteriskProcess.holderOf(port) }, silentLog);
const asterisk = new AsteriskService(
  withAccounts(model, store.issued.accounts),
  { commands, process: asteriskProcess, files: new AsteriskFiles(directories, user) },
  silentLog,
);
const taker: Taker = {
  name: "Asterisk",
  take: async ({ accounts }) => {
    reached("before-take");
    await asterisk.setAccounts(accounts);
    reached("after-take");
  },
};
const reset = new ResetService(
  {
    store,
    takers: [taker],
    file: new CredentialsFile(join(directory, "handout.txt")),
    factory: new FactoryReset(directory),
    clock: systemClock,
    wallMs: () => Date.now(),
    sip: () => ({ host: "127.0.0.1", port: model.port }),
    indicate: () => undefined,
    restart: () => undefined,
  },
  10,
  silentLog,
);
await asterisk.start(new AbortController().signal);
await reset.start(new AbortController().signal);
await reset.settled();
say("up");
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "reset") continue;
  reached("before-reset");
  await reset.press("reset");
  await reset.settled();
  reached("completed");
  say("taken");
}
await reset.stop();
await asterisk.stop();
