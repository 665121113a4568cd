import { type Entry, renderSections } from "./ini.ts";
import type { SipModel } from "./model.ts";
import { MODULES } from "./modules.ts";
import { NEUTRAL_NAME } from "./render-sip.ts";
import { checked, checkedNumber } from "./values.ts";

/** asterisk.conf: our own directories, nothing dangerous from ARI or AMI, no text for a console. */
export function renderAsterisk(model: SipModel): string {
  const { directories } = model;
  const path = (value: string, what: string) => checked("path", value, `directory ${what}`);
  const data = path(directories.data, "data");
  return [
    renderSections(
      [
        [
          "directories",
          [
            ["astetcdir", path(directories.config, "config")],
            ["astmoddir", path(directories.modules, "modules")],
            ["astvarlibdir", data],
            ["astdbdir", path(directories.database, "database")],
            ["astkeydir", path(directories.keys, "keys")],
            ["astdatadir", data],
            ["astagidir", `${data}/agi-bin`],
            ["astspooldir", path(directories.spool, "spool")],
            ["astrundir", path(directories.run, "run")],
            ["astlogdir", path(directories.log, "log")],
          ],
        ],
      ],
      " => ",
    ),
    renderSections([
      [
        "options",
        [
          ["live_dangerously", "no"],
          ["execincludes", "no"],
          ["nocolor", "yes"],
          ["hideconnect", "yes"],
          ["verbose", "0"],
          ["debug", "0"],
        ],
      ],
      ["files", [["astctlpermissions", "0600"]]],
    ]),
  ].join("\n");
}

/** modules.conf: only what is needed is loaded. */
export function renderModules(): string {
  const load = MODULES.map((module): Entry => ["load", module]);
  return renderSections([["modules", [["autoload", "no"], ...load]]]);
}

/**
 * logger.conf. Warnings and errors to one file, security events to another, so that a flood of the latter does not
 * push out the former. Asterisk 16 rotates by piling up files without end: the supervisor bounds them instead.
 */
export function renderLogger(): string {
  return renderSections([
    [
      "general",
      [
        ["dateformat", "%F %T.%3q"],
        ["appendhostname", "no"],
        ["queue_log", "no"],
        ["rotatestrategy", "none"],
        ["logger_queue_limit", "200"],
      ],
    ],
    [
      "logfiles",
      [
        ["messages", "warning,error"],
        ["security", "security"],
      ],
    ],
  ]);
}

/** rtp.conf: the configured ports; strict RTP refuses audio that others inject. */
export function renderRtp(model: SipModel): string {
  return renderSections([
    [
      "general",
      [
        ["rtpstart", checkedNumber(model.rtp.from, 1024, 65_535, "sip.rtpPorts.from")],
        ["rtpend", checkedNumber(model.rtp.to, 1024, 65_535, "sip.rtpPorts.to")],
        ["strictrtp", "yes"],
        ["icesupport", "no"],
      ],
    ],
  ]);
}

/** indications.conf: tones of the United Kingdom in the PAX's era; Asterisk wants all of them. */
export function renderIndications(): string {
  return renderSections([
    ["general", [["country", "uk"]]],
    [
      "uk",
      [
        ["description", "United Kingdom, Strowger era"],
        ["ringcadence", "400,200,400,2000"],
        ["dial", "400*33"],
        ["ring", "400*17/400,0/200,400*17/400,0/2000"],
        ["busy", "400/750,0/750"],
        ["congestion", "400/400,0/350,400/225,0/525"],
        ["callwaiting", "400/100,0/4000"],
        ["dialrecall", "400*33"],
        ["record", "1400/500,0/60000"],
        ["info", "400"],
      ],
    ],
  ]);
}

/**
 * features.conf: no call pickup, which `*8` from a trunk would reach past the dialplan. Empty would mean `*8`; nobody can
 * dial a blank.
 */
export function renderFeatures(): string {
  return renderSections([["general", [["pickupexten", "no pickup"]]]]);
}

/** http.conf and ari.conf: on loopback only. */
export function renderHttp(model: SipModel): string {
  return renderSections([
    [
      "general",
      [
        ["enabled", "yes"],
        ["bindaddr", "127.0.0.1"],
        ["bindport", checkedNumber(model.http.port, 1, 65_535, "ARI port")],
        ["servername", NEUTRAL_NAME],
        ["enable_static", "no"],
        ["enable_status", "no"],
        // Any user of this machine may connect and say nothing: room for many of those, and no patience with them.
        ["sessionlimit", "200"],
        ["session_inactivity", "3000"],
      ],
    ],
  ]);
}

export function renderAri(model: SipModel): string {
  return renderSections([
    [
      "general",
      [
        ["enabled", "yes"],
        ["pretty", "no"],
        ["websocket_write_timeout", "500"],
      ],
    ],
    [
      checked("word", model.http.username, "ARI user"),
      [
        ["type", "user"],
        ["read_only", "no"],
        ["password", checked("secret", model.http.secret, "ARI password")],
      ],
    ],
  ]);
}

/**
 * manager.conf: on loopback. Commands come to a user that hears no event: those can be forged by strangers. Security
 * events go to another one, that may do nothing.
 */
export function renderManager(model: SipModel): string {
  return renderSections([
    [
      "general",
      [
        ["enabled", "yes"],
        ["webenabled", "no"],
        ["bindaddr", "127.0.0.1"],
        ["port", checkedNumber(model.manager.port, 1, 65_535, "AMI port")],
        ["allowmultiplelogin", "yes"],
        ["displayconnects", "no"],
        // As for ARI: whoever connects and does not log in takes a place, and not for long.
        ["authtimeout", "2"],
        ["authlimit", "200"],
      ],
    ],
    [
      checked("word", model.manager.username, "AMI user"),
      [
        ["secret", checked("secret", model.manager.secret, "AMI password")],
        ["deny", "0.0.0.0/0.0.0.0"],
        ["permit", "127.0.0.1/255.255.255.255"],
        // `command` reads and reloads; `system` is needed to unload a module and to renew a lease.
        ["write", "command,system"],
      ],
    ],
    [
      checked("word", model.securityEvents.username, "AMI user for security events"),
      [
        ["secret", checked("secret", model.securityEvents.secret, "AMI password for security events")],
        ["deny", "0.0.0.0/0.0.0.0"],
        ["permit", "127.0.0.1/255.255.255.255"],
        ["read", "security"],
      ],
    ],
  ]);
}
