import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { findAsterisk } from "../../src/drivers/asterisk-files.ts";

/** Programs that the benches of guard and status run, with the Debian package of each. */
const programs: Readonly<Record<string, string>> = {
  ip: "iproute2",
  nsenter: "util-linux",
  nft: "nftables",
  iptables: "iptables",
  tcpdump: "tcpdump",
  cc: "gcc",
  python3: "python3",
  sipp: "sip-tester",
  svcrack: "sipvicious",
  "fail2ban-server": "fail2ban",
  mosquitto: "mosquitto",
};

/** What is missing, in words; empty when the benches can run. */
export function missing(): string[] {
  const faults: string[] = [];
  if (process.getuid?.() !== 0) {
    faults.push(
      "root: guard and status are measured in network namespaces (sudo npm run bench, or name other benches by --only)",
    );
  }
  const packages = new Set(Object.entries(programs).flatMap(([program, name]) => (found(program) ? [] : [name])));
  // Without it fail2ban falls back to reading its log once a second: that would be no fair rival.
  if (found("python3") && !pythonHas("pyinotify")) packages.add("python3-pyinotify");
  try {
    findAsterisk();
  } catch {
    packages.add("asterisk");
  }
  if (packages.size > 0) faults.push(`Debian packages (scripts/install-packages --test): ${[...packages].join(", ")}`);
  return faults;
}

function found(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => isProgram(join(folder, program)));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** fail2ban runs with Debian's own Python, which finds packages of Debian's here. */
function pythonHas(module: string): boolean {
  try {
    accessSync(`/usr/lib/python3/dist-packages/${module}.py`, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
