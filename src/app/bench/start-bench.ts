import type { Finding, Goal } from "./finding.ts";
import { Rehearsal } from "./rehearsal.ts";

const GOAL: Goal = { most: 3_000, of: "median" };

/** From executing the gateway to its word that it is ready for calls: for the first time, again, and after a crash. */
export async function benchStart(programs: string, lines: number): Promise<Finding[]> {
  const rehearsal = await Rehearsal.start(programs, lines);
  try {
    const findings: Finding[] = [];
    const measure = async (how: string) => {
      findings.push({
        name: `start → ready, ${how}`,
        unit: "ms",
        goal: GOAL,
        values: [await rehearsal.startGateway()],
      });
    };
    await measure("first time");
    await rehearsal.endGateway();
    await measure("again");
    await rehearsal.endGateway("SIGKILL");
    await measure("Asterisk left running");
    return findings;
  } finally {
    await rehearsal.stop();
  }
}
