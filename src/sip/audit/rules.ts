import type { Severity } from "./types.ts";

/** A rule of the audit: what it is about, and what to do. */
export interface Rule {
  readonly severity: Severity;
  readonly title: string;
  readonly fix: string;
}

const rule = (severity: Severity, title: string, fix: string): Rule => ({ severity, title, fix });

/** Every rule by its stable name. The severity is the usual one; a finding's own may differ with what it exposes. */
export const RULES = {
  "sip-guest": rule("high", "chan_sip takes calls from anybody", "Set allowguest=no in [general] of sip.conf."),
  "sip-autocreate": rule("critical", "chan_sip makes a peer of anybody who registers", "Set autocreatepeer=no."),
  "sip-default-context": rule(
    "medium",
    "The default context reaches something",
    "Set context= in [general] to an empty context such as [block-caller].",
  ),
  "sip-always-reject": rule("medium", "Answers tell which usernames exist", "Set alwaysauthreject=yes in [general]."),
  "sip-overlap": rule("low", "Overlap dialling is on", "Set allowoverlap=no in [general]."),
  "sip-transfer": rule(
    "medium",
    "Phones may transfer calls by REFER",
    "Set allowtransfer=no in [general]; allow it to single peers that need it.",
  ),
  "sip-direct-media": rule(
    "low",
    "Audio goes past the gateway",
    "Set directmedia=no, so that only the gateway's own RTP ports need to be open.",
  ),
  "sip-no-call-limit": rule(
    "medium",
    "A peer has no call limit",
    "Set call-limit on the peer: 1 for a telephone, the number of lines for a trunk.",
  ),
  "sip-call-limit-general": rule(
    "medium",
    "call-limit stands where it has no effect",
    "Move call-limit from [general] to every peer.",
  ),
  "sip-numeric-username": rule(
    "medium",
    "A username is numeric or guessable",
    "Name the peer with something that is no extension, such as k7wq-kitchen.",
  ),
  "sip-insecure": rule(
    "critical",
    "A phone that may be anywhere calls without a password",
    "Remove insecure=invite from peers with host=dynamic, or restrict them by deny and permit.",
  ),
  "sip-no-tls": rule(
    "info",
    "Phones register from anywhere without encryption",
    "Offer TLS (tlsenable=yes, transport=tls), or restrict phones to your network by deny and permit.",
  ),
  "secret-missing": rule("critical", "An account has no password", "Set a random secret of 16 characters or more."),
  "secret-weak": rule(
    "high",
    "A password can be guessed",
    "Set a random secret of 16 characters or more; never digits only.",
  ),
  "secret-short": rule("medium", "A password is short", "Set a random secret of 16 characters or more."),
  "secret-repeated": rule("high", "Accounts share a password", "Give every account a secret of its own."),
  "secret-readable": rule(
    "medium",
    "Every user of the machine can read passwords",
    "chmod 640 the file and give it to Asterisk's group.",
  ),
  "taint-shell": rule(
    "critical",
    "Outside data reaches a shell",
    "Pass it through FILTER() with a list of digits first; better, do without the shell.",
  ),
  "taint-application": rule(
    "critical",
    "Outside data chooses an application",
    "Name the application in the dialplan, and FILTER() what comes from outside.",
  ),
  "taint-dial": rule(
    "high",
    "Outside data reaches Dial unfiltered",
    "Dial what FILTER(0-9,…) leaves of it, or match the number with a pattern of fixed length.",
  ),
  "taint-file": rule(
    "medium",
    "Outside data reaches a file name",
    "Pass it through FILTER() with a list without / and . first.",
  ),
  "taint-goto": rule(
    "medium",
    "Outside data chooses where the call goes on",
    "Pass it through FILTER() first, and compare it with the places that are meant.",
  ),
  "taint-eval": rule("high", "Outside data is evaluated as dialplan text", "Do not give EVAL() anything from outside."),
  "taint-sql": rule(
    "high",
    "Outside data reaches a database query",
    "Use func_odbc with SQL_ESC(), and FILTER() what comes from outside.",
  ),
  "taint-url": rule("low", "Outside data reaches a URL", "Pass it through URIENCODE() or FILTER() first."),
  "open-pattern-trunk": rule(
    "medium",
    "A pattern without end reaches a trunk",
    "Use patterns of fixed length, such as _41XX, for the numbers that are meant.",
  ),
  "dial-transfer": rule(
    "low",
    "Dial lets a party transfer the call",
    "Remove t and T from Dial's options where callers from outside come.",
  ),
  "disa-no-password": rule(
    "critical",
    "DISA gives a dial tone to everybody",
    "Remove DISA, or give it a long password.",
  ),
  "features-application": rule(
    "high",
    "Keys pressed in a call run a program",
    "Remove the entry from [applicationmap].",
  ),
  "manager-exposed": rule(
    "high",
    "The manager interface listens to the network",
    "Set bindaddr=127.0.0.1 in manager.conf.",
  ),
  "manager-no-acl": rule(
    "medium",
    "A manager account may be used from anywhere",
    "Add deny=0.0.0.0/0.0.0.0 and permit= with the address that needs it.",
  ),
  "manager-rights": rule(
    "high",
    "A manager account can run programs or place calls",
    "Give write= only the classes that are needed; not all, system, command or originate.",
  ),
  "http-exposed": rule(
    "medium",
    "Asterisk's HTTP server listens to the network",
    "Set bindaddr=127.0.0.1 in http.conf, or enabled=no.",
  ),
  "ari-origins": rule(
    "medium",
    "Any web page may use ARI",
    "Name the origins that are meant in allowed_origins, or leave it empty.",
  ),
  "modules-autoload": rule(
    "medium",
    "Every module that is installed is loaded",
    "Set autoload=no and load what is used.",
  ),
  "modules-dangerous": rule(
    "medium",
    "Modules that run programs or open ports are loaded",
    "Remove the load lines, or add noload for each.",
  ),
  "core-live-dangerously": rule(
    "high",
    "Functions that write files or run programs may be used from outside the dialplan",
    "Set live_dangerously=no in asterisk.conf.",
  ),
  "core-exec-includes": rule("medium", "Configuration files may run programs", "Set execincludes=no in asterisk.conf."),
  "include-exec": rule(
    "medium",
    "A configuration file runs a program",
    "Write the result into a file and #include it.",
  ),
  "include-outside": rule("info", "An include leads out of the directory", "Audit the other directory too."),
  "include-missing": rule("low", "An included file is missing", "Create it, or use #tryinclude."),
  "include-loop": rule("low", "Files include each other", "Remove one of the includes."),
  "pjsip-anonymous": rule("high", "PJSIP takes calls from anybody", "Remove the endpoint [anonymous]."),
  "pjsip-no-auth": rule(
    "critical",
    "A PJSIP endpoint calls without a password",
    "Give the endpoint auth=, or identify it by the server's address.",
  ),
  "pjsip-identify-any": rule(
    "critical",
    "PJSIP takes every address for an endpoint's",
    "Name the server's own address in match=.",
  ),
  "pjsip-transfer": rule("medium", "PJSIP endpoints may transfer calls", "Set allow_transfer=no on the endpoint."),
  "pjsip-overlap": rule("low", "Overlap dialling is on", "Set allow_overlap=no on the endpoint."),
  "pjsip-direct-media": rule("low", "Audio goes past the gateway", "Set direct_media=no on the endpoint."),
  "pjsip-no-call-limit": rule(
    "low",
    "A PJSIP endpoint has no bound on its calls",
    "Set device_state_busy_at, and count calls with GROUP() in the dialplan; PJSIP itself has no call limit.",
  ),
  "pjsip-numeric-username": rule(
    "medium",
    "A username is numeric or guessable",
    "Give the auth section a username that is no extension.",
  ),
  "pjsip-no-acl": rule(
    "info",
    "PJSIP endpoints may be used from anywhere",
    "Add deny and permit to the endpoint, or a type=acl section.",
  ),
  "pjsip-no-tls": rule(
    "info",
    "PJSIP endpoints are used from anywhere without encryption",
    "Add a transport with protocol=tls, or restrict endpoints by deny and permit.",
  ),
  "iax-guest": rule("high", "IAX takes calls from anybody", "Remove [guest] from iax.conf, or noload chan_iax2.so."),
  "iax-no-token": rule("medium", "IAX calls without a call token", "Set requirecalltoken=yes."),
  "users-account": rule(
    "low",
    "users.conf makes accounts that other files do not show",
    "Move the account to sip.conf or pjsip.conf, and remove users.conf.",
  ),
  "dialplan-remote": rule(
    "info",
    "The dialplan asks another place for extensions",
    "Check what stands there: it was not looked at.",
  ),
  "not-analysed-ael": rule(
    "info",
    "extensions.ael was not analysed",
    "Check it by hand, or remove it and noload pbx_ael.so.",
  ),
  "not-analysed-lua": rule(
    "info",
    "extensions.lua was not analysed",
    "Check it by hand, or remove it and noload pbx_lua.so.",
  ),
  "not-analysed-realtime": rule(
    "info",
    "A database holds configuration that was not looked at",
    "Check the accounts and extensions in the database.",
  ),
  "not-analysed-file": rule(
    "info",
    "A file was not read",
    "Audit it as a user who may read it, and keep files below the limit.",
  ),
  "not-analysed-rest": rule("info", "The dialplan is too large to follow to its end", "Split it, and audit the parts."),
  "gateway-fault": rule("medium", "The running gateway reports a fault", "See paxgate lines and the log."),
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleId = keyof typeof RULES;
