import { buildDialplan } from "./dialplan.ts";
import { externalPortOf } from "./external.ts";
import { type AccountPeer, APPLICATION, type SipModel, type TrunkPeer } from "./model.ts";
import { MODULES } from "./modules.ts";
import { NEUTRAL_NAME, usesTcp } from "./render-sip.ts";
import { isAddress, withPort } from "./values.ts";

/** What must be readable back from Asterisk when the profile is in force. */
export interface Desired {
  /** chan_sip claims to be bound to it even when it could not: somebody else may have had it. */
  readonly udpPort: number;
  /** On 127.0.0.1: AMI and ARI. Asterisk goes on without one that it could not have. */
  readonly tcpPorts: readonly number[];
  readonly settings: ReadonlyMap<string, string>;
  readonly peers: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly modules: ReadonlySet<string>;
  readonly dialplan: ReadonlyMap<string, ReadonlySet<string>>;
  /** What Asterisk adds by itself for an application that is connected; no peer's context leads there. */
  readonly dialplanAllowed: ReadonlyMap<string, ReadonlySet<string>>;
}

export function desiredState(model: SipModel): Desired {
  const peers = new Map<string, ReadonlyMap<string, string>>([
    ...model.trunks.map((trunk): [string, ReadonlyMap<string, string>] => [trunk.peer, trunkReadout(trunk, model)]),
    ...model.accounts.map((account): [string, ReadonlyMap<string, string>] => [
      account.username,
      accountReadout(account, model),
    ]),
  ]);
  return {
    udpPort: model.port,
    tcpPorts: [model.manager.port, model.http.port],
    settings: settings(model),
    peers,
    modules: new Set(MODULES),
    dialplan: dialplanLines(model),
    dialplanAllowed: new Map([
      [`stasis-${APPLICATION} (res_stasis)`, new Set(["h,1,NoOp()", `_.,1,Stasis(${APPLICATION})`])],
    ]),
  };
}

function codecs(model: SipModel): string {
  return `(${model.codecs.join("|")})`;
}

function settings(model: SipModel): Map<string, string> {
  const bind = withPort(model.bindAddress, model.port);
  return new Map([
    ["UDP Bindaddress", bind],
    ["TCP SIP Bindaddress", usesTcp(model) ? bind : "Disabled"],
    ["TLS SIP Bindaddress", "Disabled"],
    ["Allowed transports", model.tcp ? "UDP,TCP" : "UDP"],
    ["AutoCreate Peer", "Off"],
    ["Match Auth Username", "No"],
    ["Allow unknown access", "No"],
    ["Allow subscriptions", "No"],
    ["Allow overlap dialing", "No"],
    ["Allow promisc. redir", "No"],
    ["Enable call counters", "Yes"],
    ["Our auth realm", NEUTRAL_NAME],
    ["Always auth rejects", "Yes"],
    ["User Agent", NEUTRAL_NAME],
    ["SDP Session Name", NEUTRAL_NAME],
    ["Trust RPID", "No"],
    ["Send RPID", "No"],
    ["Codecs", codecs(model)],
    ["DNS SRV lookup", "No"],
    ["Pedantic SIP support", "No"],
    ["SIP Transfer mode", "closed"],
    ["RTP Timeout", "60"],
    ["No premature media", "No"],
    ["Symmetric RTP", "Yes"],
    ["Force rport", "Yes"],
    ["Context", "block-caller"],
    ...external(model),
  ]);
}

/** What Asterisk takes for our place in the world. A name may not resolve today: nothing is held against that. */
function external(model: SipModel): [string, string][] {
  const address = model.externalAddress;
  if (address === null) return [["SIP address remapping", "Disabled, no localnet list"]];
  if (!isAddress(address)) return [];
  return [
    ["SIP address remapping", "Enabled using externaddr"],
    ["Externaddr", withPort(address, externalPortOf(model))],
  ];
}

function common(model: SipModel, callLimit: number): [string, string][] {
  return [
    ["Call limit", String(callLimit)],
    ["Transfer mode", "closed"],
    ["Subscriptions", "No"],
    ["Overlap dial", "No"],
    ["DirectMedia", "No"],
    ["PromiscRedir", "No"],
    ["Codecs", codecs(model)],
  ];
}

function trunkReadout(trunk: TrunkPeer, model: SipModel): Map<string, string> {
  return new Map([
    ...common(model, trunk.callLimit),
    ["Context", `from-trunk-${trunk.name}`],
    ["Insecure", "invite"],
    ["Dynamic", "No"],
    ["Remote Secret", "<Set>"],
    ["Symmetric RTP", "No"],
    ["Allowed.Trsp", trunk.transport.toUpperCase()],
  ]);
}

function accountReadout(account: AccountPeer, model: SipModel): Map<string, string> {
  return new Map([
    ...common(model, account.callLimit),
    ["Context", `from-account-${account.name}`],
    ["Insecure", "no"],
    ["Dynamic", "Yes"],
    ["Secret", "<Not set>"],
    ["MD5Secret", "<Set>"],
    ["ACL", "Yes"],
    ["ContactACL", "Yes"],
  ]);
}

function dialplanLines(model: SipModel): Map<string, ReadonlySet<string>> {
  const contexts = new Map<string, ReadonlySet<string>>();
  for (const [context, extensions] of buildDialplan(model)) {
    const lines = new Set<string>();
    for (const [extension, steps] of extensions) {
      steps.forEach((step, index) => {
        lines.add(`${extension},${index + 1},${step.application}(${step.argument})`);
      });
    }
    contexts.set(context, lines);
  }
  return contexts;
}
