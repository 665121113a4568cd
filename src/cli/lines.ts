import type { GatewayView } from "../app/status-server.ts";
import { command, configHelp, configOption, helpHelp, jsonHelp, jsonOption, print, printJson } from "./command.ts";
import { withGateway } from "./gateway-client.ts";

export const lines = command({
  name: "lines",
  summary: "Shows the lines of a running gateway, with the health of the dials heard on them, and its trunks.",
  usage: "[-c FILE] [--json]",
  details: `
${configHelp}
${jsonHelp}
${helpHelp}

Impulse speed is normal from 9 to 11 impulses a second, break from 60 to 72 %.`,
  options: { ...configOption, ...jsonOption },
  async run({ values }) {
    const view = (await withGateway(values.config, (ask) => ask("status"))) as GatewayView;
    if (values.json) printJson(view);
    else show(view);
    return 0;
  },
});

function show(view: GatewayView): void {
  const starting = view.fault === null ? "not ready: Asterisk is starting" : "not ready";
  print(view.ready ? "ready for calls" : starting);
  if (view.fault !== null) print(`FAULT: ${view.fault}`);
  for (const alert of view.alerts) print(`ALERT: ${alert}`);
  const rows = [
    ["line", "type", "group", "status", "ips", "break", "call"],
    ...view.lines.map((line) => {
      const call = view.calls.find((one) => one.line === line.name);
      return [
        line.name,
        line.type,
        line.group,
        line.blocked ? `${line.status}, blocked` : line.status,
        line.ips?.toFixed(1) ?? "-",
        line.breakPercent === null ? "-" : `${line.breakPercent.toFixed(0)} %`,
        call === undefined ? "-" : `${call.direction} ${call.number} ${call.phase}`,
      ];
    }),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  for (const { name, registered, calls } of view.trunks) {
    const state = registered === null ? "does not register" : registered ? "registered" : "NOT REGISTERED";
    print(`trunk ${name}: ${state}, ${calls} ${calls === 1 ? "call" : "calls"}`);
  }
  if (view.page !== null) {
    const { url, fault } = view.page;
    print(`page: ${fault === null ? (url ?? "no address on the LAN") : `NOT SERVED: ${fault}`}`);
  }
  if (view.broker !== null) {
    const { url, embedded, connected, fault } = view.broker;
    const state = connected ? (embedded ? "our own, runs" : "connected") : `NOT CONNECTED: ${fault ?? "not yet"}`;
    print(`broker ${url}: ${state}`);
  }
  for (const line of view.lines)
    if (line.warn) print(`${line.name}: the dial wants adjusting (9-11 ips, 60-72 % break)`);
}
