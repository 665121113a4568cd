import type { SipModel } from "./model.ts";

/** A model with one of everything, for the room's unit tests. */
export function exampleModel(differences: Partial<SipModel> = {}): SipModel {
  return {
    directories: {
      config: "/run/x/etc",
      run: "/run/x/run",
      log: "/run/x/log",
      spool: "/run/x/spool",
      database: "/var/lib/x/db",
      keys: "/run/x/keys",
      modules: "/usr/lib/asterisk/modules",
      data: "/usr/share/asterisk",
    },
    bindAddress: "0.0.0.0",
    port: 5060,
    tcp: false,
    codecs: ["ulaw", "alaw"],
    externalAddress: null,
    externalPort: null,
    localNetworks: ["192.168.0.0/16"],
    rtp: { from: 10_000, to: 10_199 },
    trunks: [exampleTrunk],
    accounts: [
      {
        name: "kitchen",
        username: "kitchen-qwertz",
        secret: "s3cret",
        networks: ["192.168.0.0/16"],
        callLimit: 1,
      },
    ],
    dialTimeoutS: 130,
    toPax: ["4100", "41XX"],
    http: { port: 8088, username: "paxgate", secret: "ari-secret" },
    manager: { port: 5038, username: "paxgate", secret: "manager-secret" },
    securityEvents: { port: 5038, username: "paxgate-events", secret: "events-secret" },
    ...differences,
  };
}

export const exampleTrunk: SipModel["trunks"][number] = {
  name: "event",
  peer: "trunk-event",
  server: "sip.example.org",
  port: 5060,
  transport: "udp",
  username: "4100",
  secret: "given",
  number: "4100",
  register: true,
  callLimit: 1,
  shared: false,
  outward: ["4XXX", "999"],
};
