import { type Observed, parseDialplan, parseModules, parsePeerNames, parseReadout, type Readout } from "./observed.ts";
import type { CommandPort, ProcessPort } from "./port.ts";

/** Asks Asterisk for everything that is compared. The commands are sent together: AMI answers them in turn. */
export async function observe(commands: CommandPort, process: ProcessPort): Promise<Observed> {
  const [settings, names, modules, dialplan, udpPorts, tcpListeners] = await Promise.all([
    commands.command("sip show settings"),
    commands.command("sip show peers"),
    commands.command("module show"),
    commands.command("dialplan show"),
    process.udpPorts(),
    process.tcpListeners(),
  ]);
  const peers = await Promise.all(
    parsePeerNames(names).map(
      async (name): Promise<[string, Readout]> => [name, parseReadout(await commands.command(`sip show peer ${name}`))],
    ),
  );
  return {
    udpPorts,
    tcpListeners,
    settings: parseReadout(settings),
    peers: new Map(peers),
    modules: parseModules(modules),
    dialplan: parseDialplan(dialplan),
  };
}
