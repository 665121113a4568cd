import type { Outside } from "./outside.ts";
import { addresses } from "./outside.ts";

/** Ports that somebody else on the network finds open (TCP: a connection; UDP: an answer that is no refusal). */
export interface OpenPorts {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** UDP ports that are looked at: what such machines usually have open, SIP, and the beginning of its audio. */
const UDP_PORTS =
  "53,67-69,111,123,137-138,161,427,500,514,520,546,1900,3478,4500,4569,5000,5004-5005,5060-5061,5353,5355,10000-10020";

/** Scans the machine from this address: every TCP port, and those of UDP by nmap's probes. */
export async function openPorts(outside: Outside, source: string): Promise<OpenPorts> {
  const scan = (options: readonly string[]) =>
    outside.run(
      ["nmap", "-n", "-Pn", "-oG", "-", "-S", source, "-e", "lan", "--max-retries", "1", ...options, addresses.machine],
      { timeoutMs: 600_000 },
    );
  const tcp = await scan(["-sS", "-p-", "--min-rate", "1000", "--host-timeout", "8m"]);
  const udp = await scan(["-sU", "-p", UDP_PORTS, "--min-rate", "50", "--host-timeout", "5m"]);
  return { tcp: portsOf(tcp, "tcp"), udp: portsOf(udp, "udp") };
}

/** From nmap's greppable output. `open|filtered` is no answer at all. */
function portsOf(text: string, proto: string): readonly number[] {
  if (!/Host: .*Ports: |Status: Up/.test(text)) throw new Error(`nmap found nobody:\n${text}`);
  return [...text.matchAll(new RegExp(`(\\d+)/open/${proto}/`, "g"))].map(([, port]) => Number(port));
}
