import { describeError, GatewayError } from "../base/errors.ts";
import type { Command, ExitStatus } from "./command.ts";

/** Loaded only when called: a gateway that runs carries none of the simulators or demonstrations. */
const commands: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  run: { summary: "run the gateway", load: async () => (await import("./run.ts")).run },
  check: { summary: "check a configuration", load: async () => (await import("./check.ts")).check },
  render: { summary: "write what would be given to Asterisk", load: async () => (await import("./render.ts")).render },
  audit: { summary: "audit any Asterisk's configuration", load: async () => (await import("./audit.ts")).audit },
  lines: { summary: "show the lines of a running gateway", load: async () => (await import("./lines.ts")).lines },
  line: { summary: "test a line's interface", load: async () => (await import("./line-test.ts")).line },
  firewall: { summary: "show and work the firewall", load: async () => (await import("./firewall.ts")).firewall },
  nat: { summary: "show how the world reaches the gateway", load: async () => (await import("./nat.ts")).nat },
  block: { summary: "take a line out of service", load: async () => (await import("./block.ts")).block },
  unblock: { summary: "put a line back into service", load: async () => (await import("./block.ts")).unblock },
  accounts: {
    summary: "show what the gateway issued: passwords",
    load: async () => (await import("./accounts.ts")).accounts,
  },
  start: { summary: "run a gateway with a simulated PAX", load: async () => (await import("./start.ts")).start },
  press: { summary: "press the simulated reset button", load: async () => (await import("./press.ts")).press },
  dial: { summary: "place a call in the simulation", load: async () => (await import("./dial.ts")).dial },
  demo: { summary: "rehearse calls in the simulation", load: async () => (await import("./demo.ts")).demo },
};

const help = `Usage: paxgate COMMAND [OPTION...]

Gateway between a Strowger PAX and an event's SIP phone network.

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join("\n")}

paxgate COMMAND --help tells what a command takes.
`;

async function main([name, ...args]: readonly string[]): Promise<ExitStatus> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(help);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) throw new GatewayError("usage", `there is no command "${name}"\n\n${help}`);
  return (await entry.load()).run(args);
}

// Whoever reads may have read enough, as head(1) does. What the command does it does to its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    if (stream === process.stdout) process.stderr.write(`paxgate: the output cannot be written: ${error.message}\n`);
    process.exitCode = 1;
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`paxgate: ${describeError(error).trimEnd()}\n`);
  process.exitCode = error instanceof GatewayError && error.code === "usage" ? 2 : 1;
}
