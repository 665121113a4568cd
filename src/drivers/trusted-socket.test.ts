import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { within } from "../base/lifecycle.ts";
import { silentLog } from "../base/log.ts";
import { AmiConnection } from "./ami.ts";
import { AriConnection } from "./ari.ts";
import { tcpListeners } from "./process-sockets.ts";
import { connectTrusted } from "./trusted-socket.ts";

/** Stands for another user's program, which listens where Asterisk should. */
let server: Server;
let port: number;
let connections = 0;
let asterisk: ChildProcess;
beforeEach(async () => {
  connections = 0;
  server = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined).destroy();
  });
  server.listen(0, "127.0.0.1");
  asterisk = spawn("sleep", ["60"]);
  await Promise.all([once(server, "listening"), once(asterisk, "spawn")]);
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.close();
  asterisk.kill();
});

const holderFor = (pid: number | undefined) => async (of: number) =>
  (await tcpListeners(pid === undefined ? null : { pid })).get(of);
const secrets = { username: "paxgate", secret: "s3cret", password: "s3cret", application: "paxgate" };

describe("a port of 127.0.0.1", () => {
  it("is ours when our process listens there, another's otherwise, and nobody's when it is closed", async () => {
    expect((await tcpListeners({ pid: process.pid })).get(port)).toBe("ours");
    expect((await tcpListeners({ pid: asterisk.pid ?? 0 })).get(port)).toBe("other");
    expect((await tcpListeners(null)).get(port)).toBe("other");
    server.close();
    await once(server, "close");
    expect((await tcpListeners({ pid: process.pid })).get(port)).toBeUndefined();
  });

  it("is known by the user who made the socket, where a process of his cannot be looked into", async () => {
    const uid = process.getuid?.() ?? 0;
    expect((await tcpListeners({ uid })).get(port)).toBe("ours");
    expect((await tcpListeners({ uid: uid + 1 })).get(port)).toBe("other");
  });

  it.each(["0.0.0.0", "::"])("is another's when he listens at %s", async (address) => {
    const everywhere = createServer().listen(0, address);
    await once(everywhere, "listening");
    const at = (everywhere.address() as AddressInfo).port;
    expect((await tcpListeners({ pid: asterisk.pid ?? 0 })).get(at)).toBe("other");
    everywhere.close();
  });

  it("is not even connected to when it is another's", async () => {
    await expect(connectTrusted(port, holderFor(asterisk.pid))).rejects.toMatchObject({ code: "port-foreign" });
    expect(connections).toBe(0);
    (await connectTrusted(port, holderFor(process.pid))).destroy();
  });

  it("is asked for again once connected: its holder may have changed", async () => {
    let asked = 0;
    const holder = async () => (asked++ === 0 ? ("ours" as const) : ("other" as const));
    await expect(connectTrusted(port, holder)).rejects.toMatchObject({ code: "port-foreign" });
  });
});

describe("a password of Asterisk", () => {
  it("is not sent to another program by AMI, which says whose port it is", async () => {
    const ami = new AmiConnection({ ...secrets, port, holder: holderFor(asterisk.pid) }, silentLog);
    await expect(ami.connect(new AbortController().signal)).rejects.toMatchObject({
      code: "ami-refused",
      cause: { code: "port-foreign", message: expect.stringContaining(String(port)) },
    });
    expect(connections).toBe(0);
  });

  it("is not sent by AMI to whoever took the port in between either: only a digest of it is", async () => {
    const heard = new Promise<string>((resolve) => {
      server.removeAllListeners("connection").on("connection", (socket) => {
        let text = "";
        socket.on("error", () => undefined).write("Asterisk Call Manager/5.0.2\r\n");
        socket.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          const id = /ActionID: (\S+)\r\n\r\n$/.exec(text)?.[1];
          if (text.includes("Login")) resolve(text);
          else socket.write(`Response: Success\r\nActionID: ${id}\r\nChallenge: 123\r\n\r\n`);
        });
      });
    });
    const ami = new AmiConnection({ ...secrets, port, holder: async () => "ours" }, silentLog);
    const connecting = ami.connect(new AbortController().signal).catch(() => undefined);
    const text = await within(2_000, heard, "no login");
    ami.close();
    await connecting;
    expect(text).toContain("Key: ");
    expect(text).not.toContain(secrets.secret);
  });

  it("is not sent to another program by ARI, neither for events nor with a request", async () => {
    const asked = new Set<() => void>();
    const holder = async (of: number) => {
      const found = await holderFor(asterisk.pid)(of);
      for (const each of asked) each();
      return found;
    };
    const ari = new AriConnection({ ...secrets, port, holder }, silentLog);
    const looked = new Promise<void>((resolve) => asked.add(resolve));
    await ari.start();
    await looked;
    await expect(ari.request("GET", "/channels")).rejects.toMatchObject({
      code: "ari-io",
      cause: { code: "port-foreign" },
    });
    expect(connections).toBe(0);
    await ari.stop();
  });
});
