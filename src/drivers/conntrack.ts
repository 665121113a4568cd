import { GatewayError } from "../base/errors.ts";
import { runTool } from "./gpio-child.ts";

/** Flows that the kernel tracks, by conntrack(8). */
export class Conntrack {
  readonly #words: readonly string[];

  /** `words` come before the program, such as `nsenter …`: another network namespace. */
  constructor(words: readonly string[] = []) {
    this.#words = words;
  }

  /** Forgets IPv4 flows that were begun towards a port at one of our addresses; how many. Error `conntrack-failed`. */
  async forget(flows: {
    readonly protocol: "udp" | "tcp";
    readonly address: string;
    readonly port: number;
  }): Promise<number> {
    const { protocol, address, port } = flows;
    const which = ["-f", "ipv4", "-p", protocol, "--orig-dst", address, "--orig-port-dst", String(port)];
    const [program = "", ...args] = [...this.#words, "conntrack", "-D", ...which];
    const answer = await runTool(program, args);
    // The count goes to the standard error output, and no flow at all is a failure to the program.
    const count = /(\d+) flow entries have been deleted/.exec(answer.stderr)?.[1];
    if (count !== undefined) return Number(count);
    const why = answer.missing ? "there is no such program" : answer.stderr;
    throw new GatewayError("conntrack-failed", `conntrack: ${why}`);
  }
}
