import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { freeTcpPort } from "./free-port.ts";

/** A TCP port for a broker. */
export const freePort = freeTcpPort;

const run = promisify(execFile);

/** A certificate authority with a server's and a client's certificate, made by openssl. Paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

export async function makeCertificates(directory: string, name = "localhost"): Promise<Certificates> {
  const path = (file: string) => join(directory, file);
  const openssl = (...args: string[]) => run("openssl", args);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await openssl("req", "-x509", ...key, "-keyout", path("ca.key"), "-out", path("ca.pem"), "-subj", "/CN=Test CA");
  await writeFile(path("san"), `subjectAltName=DNS:${name}`);
  for (const [file, subject] of [
    ["server", name],
    ["client", "paxgate"],
  ]) {
    const request = ["-keyout", path(`${file}.key`), "-out", path(`${file}.csr`), "-subj", `/CN=${subject}`];
    await openssl("req", "-new", ...key, ...request);
    const signer = ["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-extfile", path("san")];
    await openssl("x509", "-req", "-in", path(`${file}.csr`), "-out", path(`${file}.pem`), "-days", "2", ...signer);
  }
  return {
    ca: path("ca.pem"),
    cert: path("server.pem"),
    key: path("server.key"),
    clientCert: path("client.pem"),
    clientKey: path("client.key"),
  };
}

/** The real mosquitto on 127.0.0.1, with a directory of its own. Remembers nothing across restarts. */
export class Mosquitto {
  readonly port: number;
  readonly directory: string;
  readonly #config: readonly string[];
  #process: ChildProcess | null = null;

  constructor(port: number, directory: string, config: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#config = config;
  }

  /** `config`: lines of mosquitto.conf(5) besides the listener's, given the instance's directory. */
  static async create(config: (directory: string) => Promise<readonly string[]> | readonly string[]) {
    const directory = await mkdtemp(join(tmpdir(), "mosquitto-"));
    const mosquitto = new Mosquitto(await freePort(), directory, await config(directory));
    await mosquitto.start();
    return mosquitto;
  }

  /** One that anybody on this machine may use. */
  static open(): Promise<Mosquitto> {
    return Mosquitto.create(() => ["allow_anonymous true"]);
  }

  async start(): Promise<void> {
    const path = join(this.directory, "mosquitto.conf");
    const lines = ["user root", "persistence false", `listener ${this.port} 127.0.0.1`, ...this.#config];
    await writeFile(path, `${lines.join("\n")}\n`);
    const child = spawn("/usr/sbin/mosquitto", ["-v", "-c", path], { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    const said: string[] = [];
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (said.length < 100) said.push(line);
        if (/mosquitto version .* running/.test(line)) resolve();
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`mosquitto ended: ${said.join("; ")}`)));
    });
  }

  /** Reads the password file again (SIGHUP). */
  reload(): void {
    this.#process?.kill("SIGHUP");
  }

  /** Stops or resumes its whole process, as a machine that hangs. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Writes mosquitto's password file, with this user alone. */
export async function writePassword(file: string, username: string, password: string): Promise<void> {
  await writeFile(file, "", { mode: 0o600 });
  await run("mosquitto_passwd", ["-b", file, username, password]);
}
