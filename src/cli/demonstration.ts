import { randomBytes } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { generateSecret } from "../credentials/generate.ts";
import { freeUdpPort } from "../sim/event-ports.ts";
import { requireTcpPort } from "./ports-taken.ts";
import { choosePlace, makeOwn, type Place } from "./state-place.ts";

const PORTS_TRIED = 40;

interface Ports {
  readonly sip: number;
  readonly event: number;
  readonly ari: number;
  readonly manager: number;
  readonly page: number;
  readonly broker: number;
}

/**
 * Writes a configuration that works on any machine, with the trunks' passwords in files of their own. What is there
 * already is left as it is: the user may have edited it. Answers whether anything was written.
 */
export async function writeDemonstration(directory: string): Promise<boolean> {
  const file = join(directory, "paxgate.yaml");
  await makeOwn(directory, false);
  // Its passwords are the simulated event network's too, so they are kept for as long as their files are there.
  for (const name of ["4100", "4101"]) {
    await writeNew(join(directory, `event-${name}.password`), `${generateSecret(randomBytes)}\n`, 0o600);
  }
  if ((await readFile(file, "utf8").catch(() => null)) !== null) return false;
  const ports: Ports = {
    sip: await firstFree(5070, (port) => freeUdpPort("0.0.0.0", port)),
    event: await firstFree(5090, (port) => freeUdpPort("127.0.0.1", port)),
    ari: await firstFree(8188, (port) => requireTcpPort("127.0.0.1", port)),
    manager: await firstFree(8138, (port) => requireTcpPort("127.0.0.1", port)),
    page: await firstFree(8080, (port) => requireTcpPort("127.0.0.1", port)),
    broker: await firstFree(1883, (port) => requireTcpPort("127.0.0.1", port)),
  };
  await writeNew(file, render(ports, await choosePlace(directory), directory), 0o600);
  return true;
}

/** Creates a file; one that is there stays. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    const handle = await open(path, "wx", mode);
    await writeFile(handle, text, { flush: true });
    await handle.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** The first port from `from` on that nobody has. */
async function firstFree(from: number, isFree: (port: number) => Promise<unknown>): Promise<number> {
  for (let port = from; port < from + PORTS_TRIED; port++) {
    try {
      await isFree(port);
      return port;
    } catch {
      // Somebody has it: the next one.
    }
  }
  throw new GatewayError("port-in-use", `every port from ${from} to ${from + PORTS_TRIED - 1} is in use`);
}

function render(ports: Ports, place: Place, directory: string): string {
  const within = (path: string) => (path.startsWith(`${directory}/`) ? relative(directory, path) : path);
  return `# Written by "paxgate start" for a demonstration, once: it is yours to edit. "paxgate check -c FILE" checks it.
# Everything that may stand here, with its default: src/config/generated/paxgate.example.yaml.
site:
  name: Demonstration

# "sim" lines belong to the simulated PAX. Its telephones are 20 to 58; tie lines are reached by dialling 9.
lines:
  - name: tie-1
  - name: tie-2
  # Extension 59 of the simulated PAX: a telephone line that the gateway answers.
  - name: ext-59
    type: subscriber
    group: extension
    hotline: { service: echo }

numberPlan:
  # What a PAX caller may dial after 9.
  fromPax:
    - { dial: "4XXX", trunk: event }
    - { dial: "21", trunk: event, number: "4123" } # a speed code
    - { dial: "50", service: echo }
    - { dial: "51", account: desk }
    - { dial: "52", service: clock }
    - { dial: "53", service: milliwatt }
  # What the event network may call. Its own telephones here are 4123 to 4129.
  toPax:
    - { number: "4100", secondStage: true }
    - { number: "4101", extension: "20" }
    - { number: "412[0-2]", extension: "2X" }
    - { number: "41[3-5]X", extension: "XX" }

# Two accounts, since each may have one call at a time. A server at 127.0.0.1 is the simulated event network.
trunks:
  - name: event-a
    group: event
    server: 127.0.0.1
    port: ${ports.event}
    username: "4100"
    password: { file: event-4100.password }
  - name: event-b
    group: event
    server: 127.0.0.1
    port: ${ports.event}
    username: "4101"
    password: { file: event-4101.password }

# A real telephone on the same network may register: "paxgate accounts -c FILE" shows its username and secret.
accounts:
  - name: desk

sip:
  port: ${ports.sip}
  rtpPorts: { from: 12000, to: 12199 }

# Only the gateway's own ports are guarded here, so that the rest of this machine is left alone; that takes root.
firewall:
  protect: ${process.getuid?.() === 0 ? "gateway" : "none"}

# A rehearsal calls more often than people do.
limits:
  callsPerHourPerLine: 2000
  callsPerHourPerAccount: 2000
  callsPerHourPerTrunk: 2000

# The page, for this machine only; "lan" shows it to the LAN too. "paxgate accounts -c FILE" tells its password.
web:
  port: ${ports.page}
  listen: loopback

# What the page shows is also told by MQTT, by a broker of our own.
status:
  broker: { port: ${ports.broker} }

# Contacts of the exchange. The simulated PAX has these.
inputs:
  - { name: register-1, label: "Register 1 in use" }
  - { name: register-2, label: "Register 2 in use" }
  - { name: fuse-alarm, label: "Fuse alarm", alarm: true }

# "paxgate press reset" holds the simulated reset button for 6 s: new credentials for everything.
button: { gpio: sim, led: sim }
credentials: { file: credentials.txt }

asterisk:
  ariPort: ${ports.ari}
  managerPort: ${ports.manager}

${place.because === null ? "" : `# Elsewhere, because ${place.because}.\n`}paths:
  state: ${within(place.state)}
  runtime: ${within(place.runtime)}
`;
}
