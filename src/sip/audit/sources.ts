/** Variables and functions whose text somebody outside writes: a caller, a server that was asked, a shell. */
const OUTSIDE_VARIABLES: Readonly<Record<string, string>> = {
  SIPDOMAIN: "the domain in the caller's request",
  SIPURI: "the caller's SIP address",
  SIPUSERAGENT: "the caller's User-Agent",
  SIPCALLID: "the caller's Call-ID",
  SIPREFERREDBYHDR: "the caller's Referred-By",
  SIPREFERTOHDR: "the caller's Refer-To",
  SIPREFERRINGCONTEXT: "a transfer",
  SIP_URI_OPTIONS: "the caller's request",
  CALLERID: "the caller ID",
  CALLERIDNUM: "the caller ID",
  CALLERIDNAME: "the caller ID",
  CALLERANI: "the caller ID",
  RDNIS: "the caller's Diversion header",
  DNID: "the number called",
  INVALID_EXTEN: "the number called",
  BLINDTRANSFER: "a transfer",
  DIALEDPEERNUMBER: "the number dialled",
  ENUM: "an ENUM answer",
};

const OUTSIDE_FUNCTIONS: Readonly<Record<string, string>> = {
  CALLERID: "the caller ID",
  CALLER: "the caller ID",
  CONNECTEDLINE: "what the other party calls itself",
  REDIRECTING: "the caller's Diversion header",
  SIP_HEADER: "a header that the caller wrote",
  SIP_HEADERS: "a header that the caller wrote",
  PJSIP_HEADER: "a header that the caller wrote",
  PJSIP_RESPONSE_HEADER: "a header that the other server wrote",
  PJSIP_PARSE_URI: "a SIP address",
  SIPCHANINFO: "what the caller's request says",
  MESSAGE: "a message's text or sender",
  MESSAGE_DATA: "a message's header",
  ENUMLOOKUP: "an ENUM answer",
  ENUMRESULT: "an ENUM answer",
  TXTCIDNAME: "a DNS answer",
  SRVRESULT: "a DNS answer",
  DUNDILOOKUP: "a DUNDi answer",
  DUNDIRESULT: "a DUNDi answer",
  IAXVAR: "a variable that the other IAX server set",
  CURL: "a web server's answer",
  SHELL: "a program's output",
  FAXOPT: "what the other fax machine says",
  SMDI_MSG: "what the switch sent",
};

/** What CHANNEL(item) says in the caller's own words. */
const OUTSIDE_CHANNEL =
  /^\s*(?:uri|from|to|useragent|peername_|call-id|target_uri|local_uri|remote_uri|request_uri|local_tag|remote_tag|pjsip\s*,\s*(?:target_uri|local_uri|remote_uri|request_uri|call-id))\s*$/i;

/** For people: where the text comes from; null when it is nobody's outside. */
export function outsideOf(name: string, args: string | null): string | null {
  const known = args === null ? OUTSIDE_VARIABLES : OUTSIDE_FUNCTIONS;
  if (args !== null && name === "CHANNEL") return OUTSIDE_CHANNEL.test(args) ? "what the caller's request says" : null;
  if (args !== null && name === "CDR" && /^\s*(?:clid|src|dst|lastdata|userfield)\b/i.test(args))
    return "the caller ID";
  return Object.hasOwn(known, name) ? (known[name] ?? null) : null;
}

/** What functions make of their arguments; not named here: what goes in comes out. */
export const CLEAN_FUNCTIONS: ReadonlySet<string> = new Set(
  `LEN FIELDQTY FIELDNUM ISNULL EXISTS REGEX MATH INC DEC STRFTIME STRPTIME IFTIME MD5 SHA1 AES_ENCRYPT RAND GROUP_COUNT
  GROUP_MATCH_COUNT GROUP_LIST GROUP DB_EXISTS BLACKLIST TIMEOUT VALID_EXTEN DIALPLAN_EXISTS DEVICE_STATE EXTENSION_STATE
  HINT CHANNELS VOLUME CALLERPRES PRESENCE_STATE VM_INFO MAILBOX_EXISTS QUEUE_MEMBER_COUNT QUEUE_WAITING_COUNT
  QUEUE_MEMBER QUEUE_VARIABLES QUEUE_MEMBER_LIST ENUMQUERY DUNDIQUERY SRVQUERY SIPPEER PJSIP_AOR PJSIP_CONTACT
  PJSIP_ENDPOINT IAXPEER MEETME_INFO CONFBRIDGE_INFO AGENT VERSION SYSINFO STAT KEYPADHASH CDR CHANNEL HASHKEYS
  AST_CONFIG AST_SORCERY DB DB_KEYS ENV LOCK TRYLOCK UNLOCK CSV_QUOTE_NONE PJSIP_DIAL_CONTACTS`.split(/\s+/),
);
