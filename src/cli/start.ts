import { setMaxListeners } from "node:events";
import { realpathSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { endLeftOverAsterisk } from "../app/left-over-asterisk.ts";
import { loadWithSecrets } from "../app/prepare.ts";
import { eventDirectories, simulatedTrunks } from "../app/simulated-event.ts";
import { needsSimulatedPax } from "../app/simulated-pax.ts";
import { describeError, GatewayError } from "../base/errors.ts";
import { JsonLinesClient, JsonLinesServer } from "../base/json-lines.ts";
import type { LoadedConfig } from "../config/load.ts";
import { findAsterisk } from "../drivers/asterisk-files.ts";
import { directoriesBelow } from "../sip/model.ts";
import { command, type ExitStatus, helpHelp, print } from "./command.ts";
import { writeDemonstration } from "./demonstration.ts";
import { Ensemble } from "./ensemble.ts";
import { endLeftOvers, forgetProcesses } from "./left-over.ts";
import { describeLogLine, isUrgent } from "./log-line.ts";
import { requirePorts } from "./ports-taken.ts";
import { describeRunning } from "./start-screen.ts";
import { makeOwn, stateDirectory } from "./state-place.ts";

/** Socket by which a second `start` learns of the first. */
const START_SOCKET = "start.sock";
/** Some programs send their child and its group a signal each: within this time that is one, ms. */
const ONE_PRESS_MS = 700;
const levels = ["debug", "info", "warn", "error"];

export const start = command({
  name: "start",
  summary: "Runs a gateway, with a simulated PAX and a simulated event network where the configuration has them.",
  usage: "[-c FILE] [--level debug|info|warn|error]",
  details: `
  -c, --config FILE  configuration; without it a demonstration's is written once (yours to edit) and used
  --level LEVEL      least urgent messages in the gateway's log (default info)
${helpHelp}

A PAX is simulated when the configuration has lines with "interface: sim", an event network when it has trunks to
127.0.0.1. Logs, configuration and state are in $PAXGATE_STATE_DIR (default: .paxgate beside the program's folder).
Ctrl-C stops everything that was started; a second Ctrl-C does not wait for it.`,
  options: { config: { type: "string", short: "c" }, level: { type: "string", default: "info" } },
  async run({ values }) {
    if (!levels.includes(values.level)) throw new GatewayError("usage", `--level is one of ${levels.join(", ")}`);
    findAsterisk();
    const directory = stateDirectory();
    const written = values.config === undefined && (await writeDemonstration(directory));
    const { loaded } = await loadWithSecrets(resolve(values.config ?? join(directory, "paxgate.yaml")));
    if (written) print(`wrote ${near(loaded.file)}`);
    const { runtime, state } = loaded.config.paths;
    await makeOwn(runtime, true);
    await makeOwn(state, false);
    const lock = await lockOf(runtime, loaded.file);
    try {
      return await runAll(loaded, join(directory, "logs"), values.level);
    } finally {
      await lock.stop();
    }
  },
});

async function runAll(loaded: LoadedConfig, logs: string, level: string): Promise<ExitStatus> {
  const { config, file } = loaded;
  const { runtime } = config.paths;
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const leftOver = await endLeftOvers(runtime, file);
  if (leftOver > 0) print(`ended ${leftOver} processes that an earlier start had left running`);

  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  // Ctrl-C also ends a `tee` that reads us: everything is stopped in order all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  let ensemble: Ensemble | undefined;
  let firstAt = 0;
  let stopping = false;
  const interrupt = () => {
    if (!stop.signal.aborted) {
      firstAt = performance.now();
      stop.abort(new GatewayError("interrupted", "stopped before it was ready"));
    } else if (performance.now() - firstAt > ONE_PRESS_MS) ensemble?.kill();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);

  // Asterisk outlives a supervisor that is killed, and is taken over by the next: its ports are no stranger's.
  await endAsterisks(loaded);
  const trunks = simulatedTrunks(config);
  await requirePorts(config, trunks);
  const simulatePax = needsSimulatedPax(config);
  const begun = performance.now();
  const parts = [
    simulatePax ? "a simulated PAX" : "",
    trunks.length > 0 ? "a simulated event network" : "",
    "the gateway",
  ];
  print(`starting ${parts.filter((part) => part !== "").join(", ")} ...`);
  ensemble = new Ensemble({
    programs: dirname(realpathSync(process.argv[1] ?? "")),
    configFile: file,
    runtime,
    logs,
    simulatePax,
    eventAccounts: trunks.filter(({ register }) => register).map(({ username }) => username),
    level,
    onLog: (name, line) => {
      // What is lost while everything stops is meant to be.
      if (!stop.signal.aborted && !stopping && isUrgent(line)) print(describeLogLine(name, line));
    },
    say: (text) => print(`paxgate: ${text}`),
  });
  let status: ExitStatus = 0;
  try {
    await ensemble.start(stop.signal);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    print(`\nReady for calls after ${seconds} s.\n\n${describeRunning({ loaded, simulatePax, trunks, near, logs })}`);
    const asked = new Promise<void>((done) => stop.signal.addEventListener("abort", () => done()));
    if (!stop.signal.aborted) await Promise.race([asked, ensemble.failed]);
  } catch (error) {
    if (!stop.signal.aborted) {
      status = 1;
      print(`paxgate: ${describeError(error)} (logs: ${near(logs)})`);
    }
  }
  stopping = true;
  print("stopping ...");
  const killed = await ensemble.stop();
  for (const name of killed) print(`paxgate: ${name} did not stop in time and was killed`);
  if (killed.length > 0) await endAsterisks(loaded);
  await forgetProcesses(runtime);
  print("stopped");
  return status;
}

/** An Asterisk outlives a supervisor that is killed. */
async function endAsterisks({ config }: LoadedConfig): Promise<void> {
  const { runtime, state } = config.paths;
  await endLeftOverAsterisk(directoriesBelow(runtime, state, findAsterisk().modules));
  await endLeftOverAsterisk(eventDirectories(config));
}

/** Held as long as this process lives. @throws GatewayError `already-running` */
async function lockOf(runtime: string, file: string): Promise<JsonLinesServer> {
  const path = join(runtime, START_SOCKET);
  const other = new JsonLinesClient(path);
  const pid = await other.connect().then(
    () => other.request("pid", null),
    () => null,
  );
  other.close();
  if (pid !== null) {
    throw new GatewayError(
      "already-running",
      `it runs already with ${near(file)} (process ${pid}); stop that one first`,
    );
  }
  const lock = new JsonLinesServer(path, () => process.pid);
  await lock.start();
  return lock;
}

/** A path as one would type it here. */
function near(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}
