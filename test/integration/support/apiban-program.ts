import { createInterface } from "node:readline";
import { FakeApiban } from "./fake-apiban.ts";

/**
 * APIBAN as a process for a network namespace, at its loopback. Argument: its port. Each line that it reads is an
 * address more; it prints `ready`, and the cursor and the key of each request.
 */
const apiban = new FakeApiban();
apiban.heard = ({ cursor, key }) => process.stdout.write(`${cursor} ${key}\n`);
await apiban.start(Number(process.argv[2]));
createInterface({ input: process.stdin }).on("line", (line) => {
  apiban.addresses.push(line);
  process.stdout.write(`has ${line}\n`);
});
process.stdout.write("ready\n");
