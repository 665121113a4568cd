/** Scenarios of sipp for a telephone or a trunk's server in a lab: a SIP stack that shares nothing with ours. */

interface Account {
  readonly username: string;
  readonly secret: string;
}

const scenario = (steps: string) =>
  `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="lab">${steps}</scenario>\n`;

const send = (message: string, extra = "") => `<send ${extra}><![CDATA[\n${message}\n]]></send>\n`;
const receive = (what: string) => `<recv ${what}/>\n`;

function request(method: string, user: string, number: string, cseq: number, rest: string, to = ""): string {
  const target = `${number === "" ? "" : `${number}@`}[remote_ip]:[remote_port]`;
  return `${method} sip:${target} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch];rport
From: <sip:${user}@[remote_ip]>;tag=[pid]t[call_number]
To: <sip:${number || user}@[remote_ip]>${to}
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Contact: <sip:${user}@[local_ip]:[local_port]>
Max-Forwards: 70
${rest}`;
}

const empty = "Content-Length: 0\n";
const body = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=lab 1 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
`;

const authenticated = ({ username, secret }: Account) => `[authentication username=${username} password=${secret}]\n`;

export function registerScenario(account: Account): string {
  const { username } = account;
  return scenario(
    [
      send(request("REGISTER", username, "", 1, empty), 'retrans="500"'),
      receive('response="401" auth="true"'),
      send(request("REGISTER", username, "", 2, `${authenticated(account)}${empty}`), 'retrans="500"'),
      receive('response="200"'),
    ].join(""),
  );
}

/** Calls, as an account that is challenged or as somebody who is not, talks for a second and clears. */
export function callScenario(number: string, account?: Account): string {
  const user = account?.username ?? "4777";
  const challenged =
    account === undefined
      ? [send(request("INVITE", user, number, 1, body), 'retrans="500"')]
      : [
          send(request("INVITE", user, number, 1, body), 'retrans="500"'),
          receive('response="401" auth="true"'),
          send(request("ACK", user, number, 1, empty, "[peer_tag_param]").replace("[branch]", "[branch-2]")),
          send(request("INVITE", user, number, 2, `${authenticated(account)}${body}`), 'retrans="500"'),
        ];
  const cseq = account === undefined ? 1 : 2;
  return scenario(
    [
      ...challenged,
      ...[100, 180, 183].map((status) => receive(`response="${status}" optional="true"`)),
      // Ringing and its tone may alternate.
      ...[180, 183].map((status) => receive(`response="${status}" optional="true"`)),
      receive('response="200"'),
      send(request("ACK", user, number, cseq, empty, "[peer_tag_param]")),
      '<pause milliseconds="1000"/>\n',
      send(request("BYE", user, number, cseq + 1, empty, "[peer_tag_param]"), 'retrans="500"'),
      receive('response="200"'),
    ].join(""),
  );
}
