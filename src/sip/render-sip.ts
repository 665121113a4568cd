import { md5 } from "./accounts-md5.ts";
import { externalPortOf } from "./external.ts";
import { type Entry, renderSections, type Section } from "./ini.ts";
import type { AccountPeer, SipModel, TrunkPeer } from "./model.ts";
import { checked, checkedNumber, isAddress, withPort } from "./values.ts";

/** What Asterisk calls itself, in headers, SDP and the digest realm: says nothing about the product. */
export const NEUTRAL_NAME = "PBX";

/** sip.conf: the hardened profile of chan_sip. */
export function renderSip(model: SipModel): string {
  const registrations = model.trunks.filter((trunk) => trunk.register && !trunk.shared).map(registration);
  const sections: Section[] = [
    ["general", [...general(model), ...registrations]],
    ...model.trunks.map((trunk): Section => [checked("word", trunk.peer, "trunk name"), trunkPeer(trunk)]),
    ...model.accounts.map(
      (account): Section => [
        checked("word", account.username, `account ${account.name}: username`),
        accountPeer(account, model),
      ],
    ),
  ];
  return renderSections(sections);
}

/** TCP is open when asked for, and when a trunk needs it: chan_sip has no TCP that only calls out. */
export function usesTcp(model: SipModel): boolean {
  return model.tcp || model.trunks.some((trunk) => trunk.transport === "tcp");
}

function general(model: SipModel): Entry[] {
  const bind = withPort(
    checked("address", model.bindAddress, "sip.bindAddress"),
    Number(checkedNumber(model.port, 1, 65_535, "sip.port")),
  );
  const tcp = usesTcp(model);
  return [
    // Nobody without an account; unknown users are refused like wrong passwords.
    ["context", "block-caller"],
    ["allowguest", "no"],
    ["alwaysauthreject", "yes"],
    ["autocreatepeer", "no"],
    ["match_auth_username", "no"],
    ["auth_options_requests", "yes"],
    ["auth_message_requests", "yes"],
    ["accept_outofcall_message", "no"],
    // With pedantic=yes chan_sip decodes %0d%0a in a stranger's From, who could then write lines into our logs.
    ["pedantic", "no"],
    ["allowoverlap", "no"],
    ["allowtransfer", "no"],
    ["allowsubscribe", "no"],
    ["notifyringing", "no"],
    ["notifyhold", "no"],
    ["promiscredir", "no"],
    ["trustrpid", "no"],
    ["sendrpid", "no"],
    ["send_diversion", "no"],
    ["srvlookup", "no"],
    ["videosupport", "no"],
    ["textsupport", "no"],
    ["t38pt_udptl", "no"],
    ["callcounter", "yes"],
    // Without it, calls that carry no number are From: "asterisk".
    ["callerid", NEUTRAL_NAME],
    ["useragent", NEUTRAL_NAME],
    ["realm", NEUTRAL_NAME],
    ["sdpsession", NEUTRAL_NAME],
    ["sdpowner", "-"],
    ["udpbindaddr", bind],
    ["tcpenable", tcp ? "yes" : "no"],
    ...(tcp
      ? ([
          ["tcpbindaddr", bind],
          ["tcpauthtimeout", "5"],
          ["tcpauthlimit", "50"],
        ] satisfies Entry[])
      : []),
    ["transport", model.tcp ? "udp,tcp" : "udp"],
    ["disallow", "all"],
    ["allow", model.codecs.map((codec) => checked("word", codec, "sip.codecs")).join(",")],
    ["dtmfmode", "rfc2833"],
    ["directmedia", "no"],
    ["directrtpsetup", "no"],
    // One setting for known and unknown alike: a difference would betray which users exist.
    ["nat", "force_rport,comedia"],
    // The name misleads: `no` lets the PAX's tones out (183) before an answer.
    ["prematuremedia", "no"],
    ["progressinband", "no"],
    // A call whose audio has stopped is over: the phone went out of range or lost its battery.
    ["rtptimeout", "60"],
    ["rtpholdtimeout", "300"],
    ["session-timers", "accept"],
    ["session-expires", "600"],
    ["session-minse", "90"],
    ["minexpiry", "60"],
    ["maxexpiry", "3600"],
    ["defaultexpiry", "300"],
    ["registertimeout", "20"],
    ["registerattempts", "0"],
    ["register_retry_403", "yes"],
    ["qualifyfreq", "60"],
    ["tos_sip", "cs3"],
    ["tos_audio", "ef"],
    ["dynamic_exclude_static", model.trunks.some((trunk) => isLoopback(trunk.server)) ? "no" : "yes"],
    ...behindRouter(model),
  ];
}

/** A trunk on this machine is a simulation: there the phones share its address. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function behindRouter(model: SipModel): Entry[] {
  if (model.externalAddress === null) return [];
  const address = model.externalAddress;
  const port = checkedNumber(externalPortOf(model), 1, 65_535, "the external SIP port");
  const external: Entry[] = isAddress(address)
    ? [["externaddr", withPort(checked("address", address, "sip.externalAddress"), Number(port))]]
    : [
        ["externhost", withPort(checked("host", address, "sip.externalAddress"), Number(port))],
        ["externrefresh", "60"],
      ];
  // TCP has a setting of its own.
  if (usesTcp(model)) external.push(["externtcpport", port]);
  // Without any `localnet` chan_sip tells nobody the external address.
  const local = model.localNetworks.length > 0 ? model.localNetworks : ["127.0.0.0/8"];
  const networks = local.map((each): Entry => ["localnet", checked("address", each, "localNetworks")]);
  return [...external, ...networks];
}

function serverOf(trunk: TrunkPeer): string {
  const place = `trunk ${trunk.name}: server`;
  return isAddress(trunk.server) ? checked("address", trunk.server, place) : checked("host", trunk.server, place);
}

function trunkPeer(trunk: TrunkPeer): Entry[] {
  const place = `trunk ${trunk.name}`;
  const server = serverOf(trunk);
  const port = Number(checkedNumber(trunk.port, 1, 65_535, `${place}: port`));
  const username = checked("word", trunk.username, `${place}: username`);
  // chan_sip registers a `callbackextension` at the host alone, at port 5060: the port has to stand there too.
  const inHost = trunk.shared && port !== 5060;
  return [
    ["type", "peer"],
    ["context", `from-trunk-${trunk.name}`],
    ["host", inHost ? withPort(server, port) : server],
    ...(inHost ? [] : ([["port", String(port)]] satisfies Entry[])),
    ["transport", trunk.transport],
    ["defaultuser", username],
    ["fromuser", username],
    // With the port, or chan_sip puts our own port behind the server's name when that is not 5060.
    ["fromdomain", withPort(server, port)],
    ["remotesecret", checked("trunk-secret", trunk.secret, `${place}: password`)],
    ...(trunk.shared ? ([["callbackextension", numberOf(trunk)]] satisfies Entry[]) : []),
    // The event's server does not answer challenges: it is known by its address and port.
    ["insecure", "invite"],
    ["call-limit", checkedNumber(trunk.callLimit, 1, 1000, `${place}: callLimit`)],
    ["qualify", "no"],
    // Audio goes where the server's SDP says, not to whoever sends some first (comedia).
    ["nat", "force_rport"],
    ...(isAddress(trunk.server) ? onlyFrom([server], ["deny", "permit"]) : []),
  ];
}

function numberOf(trunk: TrunkPeer): string {
  return checked("word", trunk.number, `trunk ${trunk.name}: number`);
}

function registration(trunk: TrunkPeer): Entry {
  const place = `trunk ${trunk.name}`;
  const user = checked("word", trunk.username, `${place}: username`);
  const secret = checked("trunk-secret", trunk.secret, `${place}: password`);
  const transport = trunk.transport === "tcp" ? "tcp://" : "";
  const at = withPort(serverOf(trunk), trunk.port);
  const peer = checked("word", trunk.peer, "trunk name");
  return ["register", `${peer}?${transport}${user}:${secret}:${user}@${at}/${numberOf(trunk)}`];
}

function accountPeer(account: AccountPeer, model: SipModel): Entry[] {
  const place = `account ${account.name}`;
  const networks = account.networks.map((each) => checked("address", each, `${place}: networks`));
  return [
    // type=peer: calls are taken only from where the phone has registered, and then still authenticated.
    ["type", "peer"],
    ["context", `from-account-${checked("word", account.name, "account name")}`],
    ["host", "dynamic"],
    ["transport", model.tcp ? "udp,tcp" : "udp"],
    ["md5secret", digestOf(account)],
    ["call-limit", checkedNumber(account.callLimit, 1, 1000, `${place}: callLimit`)],
    ["qualify", "yes"],
    ...onlyFrom(networks, ["deny", "permit"]),
    ...onlyFrom(networks, ["contactdeny", "contactpermit"]),
  ];
}

/** What digest authentication compares with; whoever reads the file has this account here, and no password. */
function digestOf({ name, username, secret }: AccountPeer): string {
  return md5(`${username}:${NEUTRAL_NAME}:${checked("secret", secret, `account ${name}: secret`)}`);
}

/** An access list of both families: refuse everything, then permit. */
function onlyFrom(networks: readonly string[], [deny, permit]: readonly [string, string]): Entry[] {
  return [[deny, "0.0.0.0/0"], [deny, "::/0"], ...networks.map((network): Entry => [permit, network])];
}
