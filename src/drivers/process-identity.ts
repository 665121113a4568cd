import { readFileSync, readlinkSync, realpathSync } from "node:fs";

/** A process that cannot be confused with a later one of the same number: proc(5), `stat` field 22. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in clock ticks since the machine started. */
  readonly startTime: string;
}

/** The process that has this number now; null when there is none, or only its remains (a zombie). */
export function identify(pid: number): ProcessIdentity | null {
  const text = read(`/proc/${pid}/stat`);
  // The name in brackets is the process's own choice, brackets and blanks included: fields count from the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const startTime = fields[19];
  return startTime === undefined || fields[0] === "Z" || fields[0] === "X" ? null : { pid, startTime };
}

/** Whether it still is the same process, alive. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return identify(pid)?.startTime === startTime;
}

/** Whether a process runs this program for this user with this argument. Any user can put anything into arguments. */
export function runs(pid: number, program: string, uid: number, argument: string): boolean {
  try {
    // The program may have been replaced on disk, by an update, while it runs.
    const executable = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
    if (executable !== realpathSync(program)) return false;
    const owner = /^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];
    return Number(owner) === uid && read(`/proc/${pid}/cmdline`).split("\0").includes(argument);
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
