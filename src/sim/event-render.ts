import type { AccountOptions } from "./event-types.ts";

/** Everything that the network's Asterisk is configured with. Pure. */

export interface EventRenderOptions {
  readonly accounts: readonly AccountOptions[];
  readonly bindAddress: string;
  readonly sipPort: number;
  readonly httpPort: number;
  readonly rtpFrom: number;
  readonly rtpTo: number;
  readonly ariPassword: string;
}

/** Stasis application, and ARI's user. */
export const APPLICATION = "event";

/**
 * chan_sip has no RTP unless these come in this order, and says so only in the log: res_sorcery_config, res_pjproject,
 * res_rtp_multicast, res_rtp_asterisk.
 */
const modules = [
  "res_sorcery_config res_pjproject res_rtp_multicast res_rtp_asterisk res_timing_timerfd",
  "res_http_websocket res_stasis res_stasis_answer res_stasis_recording res_stasis_playback res_stasis_snoop",
  "res_ari res_ari_model res_ari_channels res_ari_bridges res_ari_endpoints res_ari_events",
  "res_ari_applications app_stasis chan_sip chan_rtp bridge_simple bridge_softmix bridge_holding pbx_config",
  "func_channel func_callerid codec_ulaw codec_alaw",
].flatMap((line) => line.split(" "));

/** Files that Asterisk complains about when they are not there. */
const empty = ["acl", "ccss", "cdr", "cel", "codecs", "dnsmgr", "features", "indications", "manager", "pjproject"]
  .concat(["res_parking", "sorcery", "stasis", "udptl"])
  .map((name) => `${name}.conf`);

/**
 * Configuration files by name.
 * @throws Error on a number or password that does not fit a configuration file.
 */
export function renderEventNetwork(options: EventRenderOptions): Map<string, string> {
  const files = new Map<string, string>(empty.map((name) => [name, ""]));
  files.set("modules.conf", conf("modules", ["autoload=no", ...modules.map((name) => `load=${name}.so`)]));
  files.set("logger.conf", conf("logfiles", ["messages => notice,warning,error"]));
  files.set("rtp.conf", conf("general", [`rtpstart=${options.rtpFrom}`, `rtpend=${options.rtpTo}`, "strictrtp=yes"]));
  files.set("http.conf", conf("general", ["enabled=yes", "bindaddr=127.0.0.1", `bindport=${options.httpPort}`]));
  files.set(
    "ari.conf",
    conf("general", ["enabled=yes"]) + conf(APPLICATION, ["type=user", `password=${options.ariPassword}`]),
  );
  files.set("sip.conf", sip(options));
  files.set("extensions.conf", dialplan());
  return files;
}

function sip(options: EventRenderOptions): string {
  const general = [
    "context=refused",
    "allowguest=no",
    "alwaysauthreject=yes",
    "allowoverlap=no",
    "allowtransfer=no",
    "allowsubscribe=no",
    "srvlookup=no",
    "realm=event",
    "useragent=event",
    "sdpsession=event",
    "sdpowner=event",
    `udpbindaddr=${options.bindAddress}:${options.sipPort}`,
    "directmedia=no",
    "callcounter=yes",
    "prematuremedia=no",
    "minexpiry=30",
    "maxexpiry=3600",
    "disallow=all",
    "allow=alaw",
    "allow=ulaw",
  ];
  // A friend is found by the name in From and by its address: gateways differ in what they send, and two accounts of
  // one gateway have one address.
  const accounts = options.accounts.map((account) => {
    if (!/^[0-9]{4,8}$/.test(account.number)) throw new Error(`not a number of 4 to 8 digits: ${account.number}`);
    if (!/^[\x21-\x7e]{1,128}$/.test(account.password) || /[;[\]\\]/.test(account.password)) {
      throw new Error(`the password of ${account.number} does not fit a configuration file`);
    }
    return conf(account.number, [
      "type=friend",
      "host=dynamic",
      `secret=${account.password}`,
      "context=members",
      "dtmfmode=rfc2833",
      "qualify=no",
    ]);
  });
  return conf("general", general) + accounts.join("");
}

function dialplan(): string {
  const lengths = [4, 5, 6, 7, 8].map((length) => `_${"X".repeat(length)}`);
  const lines = lengths.flatMap((pattern) => [
    `exten => ${pattern},1,Stasis(${APPLICATION},incoming,\${EXTEN},\${CHANNEL(peername)})`,
    " same => n,Hangup(34)",
  ]);
  return `${conf("refused", [])}${conf("members", lines)}`;
}

function conf(section: string, lines: readonly string[]): string {
  return `[${section}]\n${lines.map((line) => `${line}\n`).join("")}`;
}
