import type { BlockAnswer } from "../app/line-operations.ts";
import { command, configHelp, configOption, helpHelp, jsonHelp, jsonOption, print, printJson } from "./command.ts";
import { withGateway } from "./gateway-client.ts";

export const block = command({
  name: "block",
  summary: "Takes a line of a running gateway out of service.",
  usage: "[-c FILE] [--json] LINE",
  details: `
A call on the line may finish. Until "paxgate unblock LINE", or until the gateway
starts anew, no call is put on it; the PAX hunts past it where the interface can
say so (its output "busy"), and otherwise its callers hear congestion.

${configHelp}
${jsonHelp}
${helpHelp}`,
  options: { ...configOption, ...jsonOption },
  positionals: { min: 1, max: 1 },
  run: ({ values, positionals: [line = ""] }) => ask("line.block", values, line),
});

export const unblock = command({
  name: "unblock",
  summary: "Puts a line of a running gateway back into service.",
  usage: "[-c FILE] [--json] LINE",
  details: `
${configHelp}
${jsonHelp}
${helpHelp}`,
  options: { ...configOption, ...jsonOption },
  positionals: { min: 1, max: 1 },
  run: ({ values, positionals: [line = ""] }) => ask("line.unblock", values, line),
});

async function ask(
  method: "line.block" | "line.unblock",
  { config, json }: { readonly config?: string | undefined; readonly json: boolean },
  line: string,
): Promise<0> {
  const answer = (await withGateway(config, (gateway) => gateway(method, { line }))) as BlockAnswer;
  if (json) printJson(answer);
  else print(answer.blocked ? blockedText(answer) : `${answer.line} is in service`);
  return 0;
}

function blockedText({ line, status }: BlockAnswer): string {
  const resting = status === "idle" || status === "fault" || status === "parked" || status === "guard";
  return resting ? `${line} is out of service` : `${line} will be out of service when it is free; now it is ${status}`;
}
