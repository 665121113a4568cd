import { built, Ordinary, type Parts, sdpOf, type TortureMessage, type TortureScene } from "./torture-parts.ts";

/** RFC 4475 sections 3.1.2 (not SIP, or nearly), 3.2, 3.3 and 3.4 (SIP that asks for something odd). */
export function invalidTorture(scene: TortureScene): TortureMessage[] {
  return rows.map(([name, section, what, make]) => {
    const made = make(new Ordinary(scene, name));
    return { name, section, what, bytes: built(made) };
  });
}

type Row = readonly [name: string, section: string, what: string, make: (own: Ordinary) => Parts];

const registrarOf = (own: Ordinary) => `sip:${own.scene.host}:${own.scene.port}`;
const register = (own: Ordinary, ...headers: string[]): Parts => ({
  start: `REGISTER ${registrarOf(own)} SIP/2.0`,
  headers,
});
/** Header fields of this method with some replaced or added: those with the same name go. */
function altered(own: Ordinary, method: string, ...others: string[]): string[] {
  const names = others.map((header) => header.slice(0, header.indexOf(":") + 1));
  return [...own.headers(method).filter((header) => !names.some((name) => header.startsWith(name))), ...others];
}
const changed = (parts: Parts, change: (header: string) => string): Parts => ({
  ...parts,
  headers: parts.headers.map(change),
});
const OVERLARGE = "36893488147419103232";

const parser: readonly Row[] = [
  [
    "badinv01",
    "3.1.2.1",
    "separators with nothing between them",
    (own) =>
      changed(own.invite(), (header) =>
        header.startsWith("Via") ? `${header};;,;,,` : header.startsWith("Contact") ? 'Contact: "" <> ;,,;' : header,
      ),
  ],
  [
    "clerr",
    "3.1.2.2",
    "Content-Length larger than the message",
    (own) => ({ ...own.invite(), contentLength: "Content-Length: 9999" }),
  ],
  ["ncl", "3.1.2.3", "negative Content-Length", (own) => ({ ...own.invite(), contentLength: "Content-Length: -999" })],
  [
    "scalar02",
    "3.1.2.4",
    "numbers that no 32 bits hold, in a request",
    (own) =>
      register(
        own,
        ...altered(
          own,
          "REGISTER",
          `CSeq: ${OVERLARGE} REGISTER`,
          "Max-Forwards: 300",
          `Expires: 1${"0".repeat(100)}`,
          `Contact: <sip:caller@${own.scene.ownHost}>;expires=280297596632815`,
        ),
      ),
  ],
  [
    "scalarlg",
    "3.1.2.5",
    "numbers that no 32 bits hold, in a response",
    (own) => ({
      start: "SIP/2.0 503 Service Unavailable",
      headers: altered(
        own,
        "INVITE",
        "CSeq: 9292394834772304023312 OPTIONS",
        "Retry-After: 949302838503028349304023988",
        'Warning: 1812 overture "In Progress"',
      ),
    }),
  ],
  [
    "quotbal",
    "3.1.2.6",
    "a display name whose quotation mark is never closed",
    (own) => ({
      ...own.invite(),
      headers: [...altered(own, "INVITE", `To: "Mr. J. User <${own.uri}>`), "Content-Type: application/sdp"],
    }),
  ],
  [
    "ltgtruri",
    "3.1.2.7",
    "the request URI in <>",
    (own) => ({ ...own.invite(), start: `INVITE <${own.uri}> SIP/2.0` }),
  ],
  [
    "lwsruri",
    "3.1.2.8",
    "a space within the request URI",
    (own) => ({ ...own.invite(), start: `INVITE ${own.uri}; lr SIP/2.0` }),
  ],
  [
    "lwsstart",
    "3.1.2.9",
    "several spaces between the parts of the first line",
    (own) => ({ ...own.invite(), start: `INVITE  ${own.uri}  SIP/2.0` }),
  ],
  [
    "trws",
    "3.1.2.10",
    "spaces at the end of the first line",
    (own) => ({ ...own.request("OPTIONS"), start: `OPTIONS ${own.uri} SIP/2.0  ` }),
  ],
  [
    "escruri",
    "3.1.2.11",
    "header fields within the request URI",
    (own) => ({ ...own.invite(), start: `INVITE ${own.uri}?Route=%3Csip:example.com%3E SIP/2.0` }),
  ],
  ["baddate", "3.1.2.12", "a time zone other than GMT", (own) => own.invite("Date: Fri, 01 Jan 2010 16:00:00 EST")],
  [
    "regbadct",
    "3.1.2.13",
    "a Contact with header fields outside <>",
    (own) =>
      register(own, ...altered(own, "REGISTER", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E")),
  ],
  [
    "badaspec",
    "3.1.2.14",
    "spaces within the address of To",
    (own) => ({ ...own.request("OPTIONS"), headers: altered(own, "OPTIONS", `To: "Watson, Thomas" < ${own.uri} >`) }),
  ],
  [
    "baddn",
    "3.1.2.15",
    "a comma in a display name without quotation marks",
    (own) => ({
      ...own.request("OPTIONS"),
      headers: altered(own, "OPTIONS", `From: Bell, Alexander <sip:a.g.bell@${own.scene.ownHost}>;tag=b########`),
    }),
  ],
  [
    "badvers",
    "3.1.2.16",
    "a protocol of the future",
    (own) => ({
      start: `OPTIONS ${own.uri} SIP/7.0`,
      headers: altered(own, "OPTIONS", own.via.replace("SIP/2.0", "SIP/7.0")),
    }),
  ],
  [
    "mismatch01",
    "3.1.2.17",
    "CSeq names another method",
    (own) => ({ ...own.request("OPTIONS"), headers: own.headers("INVITE") }),
  ],
  [
    "mismatch02",
    "3.1.2.18",
    "an unknown method, and CSeq names another",
    (own) => ({ ...own.invite(), start: `NEWMETHOD ${own.uri} SIP/2.0` }),
  ],
  [
    "bigcode",
    "3.1.2.19",
    "a response code that no 32 bits hold",
    (own) => ({ start: "SIP/2.0 4294967301 better not break the receiver", headers: own.headers("INVITE") }),
  ],
];

const application: readonly Row[] = [
  [
    "badbranch",
    "3.2.1",
    "a branch that is the magic cookie and nothing more",
    (own) => ({
      ...own.request("OPTIONS"),
      headers: altered(own, "OPTIONS", own.via.replace(/branch=.*/, "branch=z9hG4bK")),
    }),
  ],
  [
    "insuf",
    "3.3.1",
    "no Call-ID, From or To",
    (own) => ({ ...own.invite(), headers: own.headers("INVITE", "Call-ID", "From", "To") }),
  ],
  [
    "unkscm",
    "3.3.2",
    "a scheme that nobody knows",
    (own) => ({ ...own.request("OPTIONS"), start: "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0" }),
  ],
  [
    "novelsc",
    "3.3.3",
    "a scheme that is known, but not to call",
    (own) => ({ ...own.request("OPTIONS"), start: "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0" }),
  ],
  [
    "unksm2",
    "3.3.4",
    "unknown schemes in To, From and Contact",
    (own) =>
      register(
        own,
        ...altered(
          own,
          "REGISTER",
          "To: isbn:2983792873",
          "From: <http://www.example.com>;tag=u########",
          "Contact: <name:John_Smith>",
        ),
      ),
  ],
  [
    "bext01",
    "3.3.5",
    "extensions required that nobody has",
    (own) =>
      own.request(
        "OPTIONS",
        "Require: nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
      ),
  ],
  [
    "invut",
    "3.3.6",
    "a body of an unknown type",
    (own) => ({
      ...own.request("INVITE", "Content-Type: application/unknownformat"),
      body: '<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n',
    }),
  ],
  [
    "regaut01",
    "3.3.7",
    "an authorization scheme that nobody knows",
    (own) => register(own, ...own.headers("REGISTER"), "Authorization: NoOneKnowsThisScheme opaque-data=here"),
  ],
  [
    "multi01",
    "3.3.8",
    "several of what there may be one of",
    (own) => ({
      ...own.invite(),
      headers: [
        ...own.headers("INVITE"),
        "CSeq: 5 INVITE",
        "Call-ID: multi01.98asdh@192.0.2.1",
        "Call-ID: multi01.98asdh@192.0.2.2",
        "From: sip:other@example.com;tag=3413415",
        "To: sip:another@example.com;tag=2903",
        "Max-Forwards: 5",
        "Contact: <sip:elsewhere@192.0.2.3>",
        "Content-Type: application/sdp",
        "Content-Type: text/plain",
      ],
    }),
  ],
  [
    "mcl01",
    "3.3.9",
    "two lengths of one body",
    (own) => ({
      ...own.request("OPTIONS"),
      headers: [...own.headers("OPTIONS"), "Content-Length: 13"],
      body: "There's no way to know how many octets.\r\n",
    }),
  ],
  [
    "bcast",
    "3.3.10",
    "a response whose second hop is everybody",
    (own) => ({
      start: "SIP/2.0 200 OK",
      headers: [
        own.via,
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",
        ...own.headers("INVITE", "Via", "Max-Forwards"),
        "Content-Type: application/sdp",
      ],
      body: own.sdp,
    }),
  ],
  [
    "zeromf",
    "3.3.11",
    "Max-Forwards of zero",
    (own) => ({ ...own.request("OPTIONS"), headers: altered(own, "OPTIONS", "Max-Forwards: 0") }),
  ],
  [
    "cparam01",
    "3.3.12",
    "a parameter of the Contact itself",
    (own) => register(own, ...altered(own, "REGISTER", `Contact: sip:+19725552222@${own.scene.ownHost};unknownparam`)),
  ],
  [
    "cparam02",
    "3.3.13",
    "a parameter of the Contact's URI",
    (own) =>
      register(own, ...altered(own, "REGISTER", `Contact: <sip:+19725552222@${own.scene.ownHost};unknownparam>`)),
  ],
  [
    "regescrt",
    "3.3.14",
    "a Contact with escaped header fields in its URI",
    (own) =>
      register(own, ...altered(own, "REGISTER", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>")),
  ],
  [
    "sdp01",
    "3.3.15",
    "nothing that we could answer with is accepted",
    (own) => own.invite("Accept: text/nobodyKnowsThis"),
  ],
  [
    "inv2543",
    "3.4.1",
    "as RFC 2543 wrote them: no branch, no tag, no Max-Forwards, several contacts in SDP",
    (own) => ({
      start: `INVITE ${own.uri} SIP/2.0`,
      headers: [
        own.via.replace(/;branch=.*/, ""),
        `From: <sip:caller@${own.scene.ownHost}>`,
        `Record-Route: <sip:${own.scene.ownHost}:${own.scene.ownPort}>`,
        own.to,
        own.callId,
        "CSeq: 1 INVITE",
        own.contact,
        "Content-Type: application/sdp",
      ],
      body: sdpOf([
        `o=mhandley 29739 7272939 IN IP4 ${own.scene.ownHost}`,
        "s=-",
        `c=IN IP4 ${own.scene.ownHost}`,
        "t=0 0",
        "m=audio 49217 RTP/AVP 0 12",
        "m=video 3227 RTP/AVP 31",
        "a=rtpmap:31 LPC",
      ]),
      contentLength: null,
    }),
  ],
];

const rows: readonly Row[] = [...parser, ...application];
