import type { Systeminformation } from "systeminformation";

/** What machine this is, for somebody who asks once. */
export interface MachineInventory {
  readonly model: string;
  readonly os: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
  readonly memoryMb: number;
  readonly disks: readonly { readonly name: string; readonly sizeMb: number }[];
}

/**
 * Looks the machine over with systeminformation, which is loaded here. Only for commands that end soon after: it takes
 * some 11 MB that no process gives back, and runs other programs (lsblk, lscpu). The gateway itself reads its figures
 * with `SystemFigures`.
 */
export async function machineInventory(): Promise<MachineInventory> {
  // A CommonJS module: in the bundle it has a default export only.
  const { system, osInfo, cpu, mem, diskLayout } = (await import("systeminformation")).default;
  const [machine, os, processor, memory, disks] = await Promise.all([system(), osInfo(), cpu(), mem(), diskLayout()]);
  return {
    model: `${machine.manufacturer} ${machine.model}`.trim(),
    os: `${os.distro} ${os.release}`.trim(),
    kernel: os.kernel,
    processor: `${processor.manufacturer} ${processor.brand}`.trim(),
    processors: processor.cores,
    memoryMb: megabytes(memory.total),
    disks: disks.map(disk),
  };
}

const disk = ({ name, device, size }: Systeminformation.DiskLayoutData) => ({
  name: name === "" ? device : name,
  sizeMb: megabytes(size),
});

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
