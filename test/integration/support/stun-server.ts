import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { within } from "../../../src/base/lifecycle.ts";
import type { RouterNetwork } from "./router.ts";

/** coturn as a STUN server outside. */
export class StunServer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(network: RouterNetwork, address: string): Promise<StunServer> {
    const options = ["--stun-only", "--listening-ip", address, "--listening-port", "3478", "--no-cli", "--no-tls"];
    const quiet = ["--no-dtls", "--log-file", "stdout", "--pidfile", `${network.directory}/stun.pid`];
    const child = spawn("ip", network.inside("outside", "turnserver", "-n", ...options, ...quiet), {
      cwd: network.directory,
      stdio: "ignore",
    });
    await within(10_000, network.listening("outside", [":3478"]), "turnserver does not listen");
    return new StunServer(child);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}
