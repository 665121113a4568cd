import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { generateSecret, generateUsername } from "../../../src/credentials/generate.ts";
import { type FileOperations, machineFiles } from "../../../src/drivers/file-operations.ts";
import { StateFileAdapter } from "../../../src/drivers/state-file.ts";
import { Repository } from "../../../src/store/repository.ts";

/**
 * Resets all credentials again and again, for a test that takes the power away: `DIRECTORY [unsynced]`. Prints
 * `COUNT PASSWORD` once a reset is said to be on disk. `unsynced`: as it would be if nothing waited for the disk.
 */
const [directory = "", how] = process.argv.slice(2);

const unsynced: FileOperations = {
  ...machineFiles,
  create: async (path) => ({ ...(await machineFiles.create(path)), sync: async () => undefined }),
  syncDirectory: async () => undefined,
};

const file = new StateFileAdapter(
  join(directory, "state.json"),
  (alert) => process.stdout.write(`alert ${alert.type}\n`),
  how === "unsynced" ? unsynced : machineFiles,
);
const source = {
  account: (name: string) => ({ username: generateUsername(name, randomBytes), secret: generateSecret(randomBytes) }),
  secret: () => generateSecret(randomBytes),
};
const repository = new Repository(file, source, (alert) => process.stdout.write(`alert ${alert.type}\n`));
await repository.open();
await repository.ensureAccounts(["desk", "bar"]);
for (;;) {
  await repository.resetIssued(Date.now());
  process.stdout.write(`${repository.reset.count} ${repository.issued.dashboard}\n`);
}
