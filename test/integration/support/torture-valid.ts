import { built, Ordinary, type Parts, type TortureMessage, type TortureScene } from "./torture-parts.ts";

/** RFC 4475 section 3.1.1: messages that are right, however they look. */
export function validTorture(scene: TortureScene): TortureMessage[] {
  return rows.map(([name, section, what, make]) => {
    const made = make(new Ordinary(scene, name));
    return { name, section, what, bytes: Buffer.isBuffer(made) ? made : built(made) };
  });
}

type Row = readonly [name: string, section: string, what: string, make: (own: Ordinary) => Parts | Buffer];

const rows: readonly Row[] = [
  ["wsinv", "3.1.1.1", "folded lines, spaces and tabs, compact names, odd case, unknown fields", whitespace],
  ["intmeth", "3.1.1.2", "every character that a method, a user, a display name and a tag may have", manyCharacters],
  [
    "esc01",
    "3.1.1.3",
    "% escapes that mean what they stand for",
    (own) => ({
      start: `INVITE ${own.uriOf("sips%3Auser%40example.com")} SIP/2.0`,
      headers: [
        own.via,
        "Max-Forwards: 87",
        `To: <${own.uriOf("%75se%72")}>`,
        `From: <${own.uriOf("I%20have%20spaces")}>;tag=e########`,
        own.callId,
        "CSeq: 234234 INVITE",
        `Contact: <sip:cal%6Cer@${own.scene.ownHost}:${own.scene.ownPort};%6C%72;n%61me=v%61lue%25%34%31>`,
        "Content-Type: application/sdp",
      ],
      body: own.sdp,
    }),
  ],
  [
    "escnull",
    "3.1.1.4",
    "escaped octets of zero in users",
    (own) => ({
      start: `REGISTER sip:${own.scene.host}:${own.scene.port} SIP/2.0`,
      headers: [
        ...own.headers("REGISTER", "To", "From", "Contact"),
        `To: sip:null-%00-null@${own.scene.host}`,
        `From: sip:null-%00-null@${own.scene.host};tag=n########`,
        `Contact: <sip:%00@${own.scene.ownHost}>`,
        `Contact: <sip:%00%00@${own.scene.ownHost}>`,
      ],
    }),
  ],
  [
    "esc02",
    "3.1.1.5",
    "% that is no escape: in the method and in a display name",
    (own) => ({
      start: `RE%47IST%45R sip:${own.scene.host} SIP/2.0`,
      headers: [
        ...own.headers("RE%47IST%45R", "To", "From"),
        `To: "%Z%45" <sip:resource@${own.scene.host}>`,
        `From: "%Z%45" <sip:resource@${own.scene.host}>;tag=f########`,
        `Contact: <sip:alias2@${own.scene.ownHost};%Z>`,
      ],
    }),
  ],
  [
    "lwsdisp",
    "3.1.1.6",
    "no space between display name and <",
    (own) => ({
      start: `OPTIONS ${own.uri} SIP/2.0`,
      headers: [
        ...own.headers("OPTIONS", "From", "Max-Forwards"),
        "Max-Forwards: 70",
        `From: caller<sip:caller@${own.scene.ownHost}>;tag=l########`,
      ],
    }),
  ],
  ["longreq", "3.1.1.7", "long values everywhere, 30 hops, a name of a kilobyte", longValues],
  [
    "dblreq",
    "3.1.1.8",
    "a second request behind the end of the first, in the same datagram",
    (own) => {
      const first = built({
        start: `REGISTER sip:${own.scene.host} SIP/2.0`,
        headers: own.headers("REGISTER"),
      });
      const second = built(own.invite());
      return Buffer.concat([first, Buffer.from("\r\n"), second]);
    },
  ],
  [
    "semiuri",
    "3.1.1.9",
    "semicolons in the user of the request URI",
    (own) => ({
      start: `OPTIONS ${own.uriOf("user;par=u%40example.net")} SIP/2.0`,
      headers: [...own.headers("OPTIONS"), "Accept: application/sdp"],
    }),
  ],
  [
    "transports",
    "3.1.1.10",
    "hops over every transport there is, and one that there is not",
    (own) => ({
      ...own.request("OPTIONS"),
      headers: own
        .headers("OPTIONS")
        .flatMap((header) =>
          header.startsWith("Via")
            ? [
                header,
                ...["SCTP", "TLS", "UNKNOWN", "TCP"].map(
                  (name) => `Via: SIP/2.0/${name} t1.example.com;branch=z9hG4bK${name}`,
                ),
              ]
            : [header],
        ),
    }),
  ],
  ["mpart01", "3.1.1.11", "a body of several parts, one of them binary with zeros", multipart],
  [
    "unreason",
    "3.1.1.12",
    "a reason phrase in UTF-8",
    (own) => ({
      start: "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое",
      headers: own.headers("INVITE", "Max-Forwards"),
    }),
  ],
  [
    "noreason",
    "3.1.1.13",
    "no reason phrase, but the space before it",
    (own) => ({ start: "SIP/2.0 100 ", headers: own.headers("INVITE", "Max-Forwards", "Contact") }),
  ],
];

function whitespace(own: Ordinary): Parts {
  const { transport, ownHost, ownPort } = own.scene;
  return {
    start: `INVITE ${own.uri};unknownparam SIP/2.0`,
    headers: [
      `TO :\r\n <${own.uri}> ;   unknown\t= parameter`,
      `from   : "J Rosenberg \\\\\\""       <sip:jdrosen@${ownHost}>\r\n  ;\r\n  tag = w########`,
      "MaX-fOrWaRdS: 0068",
      `Call-ID: wsinv.########@${ownHost}`,
      `Content-Length   : ${own.sdp.length}`,
      "cseq: 0009\r\n  INVITE",
      `Via  : SIP  /   2.0\r\n /${transport}\r\n    ${ownHost}:${ownPort};branch=z9hG4bKws########`,
      "s :",
      "NewFangledHeader:   newfangled value\r\n continued newfangled value",
      "UnknownHeaderWithUnusualValue: ;;,,;;,;",
      "Content-Type: application/sdp",
      "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
      "v:  SIP  / 2.0  / TCP     hop.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n" +
        " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
      `m:"Quoted string \\"\\"" <sip:jdrosen@${ownHost}:${ownPort}> ; newparam =\r\n      newvalue ;\r\n` +
        "  secondparam ; q = 0.33",
    ],
    body: own.sdp,
    contentLength: null,
  };
}

function manyCharacters(own: Ordinary): Parts {
  const method = "!interesting-Method0123456789_*+`.%indeed'~";
  const user = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)";
  return {
    start: `${method} ${own.uriOf(user)} SIP/2.0`,
    headers: [
      ...own.headers(method, "To", "From", "Call-ID", "Max-Forwards"),
      `To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <${own.uriOf(user)}>`,
      `From: token1~\` token2'+_ token3*%!.- <sip:mundane@${own.scene.ownHost}>` +
        ";fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
      "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{########",
      "Max-Forwards: 255",
      "extensionHeader-!.%*+_`'~:大停電",
    ],
  };
}

function longValues(own: Ordinary): Parts {
  const long = (word: string, times: number) => `${word}${"long".repeat(times)}`;
  const hops = Array.from(
    { length: 30 },
    (_, at) => `Via: SIP/2.0/TCP sip${at}.example.com;branch=${long(`z9hG4bK${at}-`, 12)}`,
  );
  return {
    start: `INVITE ${own.uri} SIP/2.0`,
    headers: [
      own.via,
      ...hops,
      `To: "I have a user name of ${"extreme ".repeat(120)}length" <sip:user@${own.scene.host}>;` +
        `${long("unknown-", 20)}name=${long("unknown", 40)}`,
      `F: sip:${long("amazinglylongcallername", 60)}@${own.scene.ownHost};tag=${long("t########", 40)};${long("unknown", 30)}`,
      `Call-ID: longreq.${long("one", 60)}callid########`,
      "CSeq: 3882340 INVITE",
      `Unknown-${long("", 60)}-Name: unknown-${long("", 90)}-value;unknown-${long("", 30)}-parameter-name = x`,
      `Contact: <sip:${long("amazingly", 60)}@${own.scene.ownHost}:${own.scene.ownPort}>`,
      "Max-Forwards: 70",
      "Content-Type: application/sdp",
    ],
    body: own.sdp,
  };
}

function multipart(own: Ordinary): Parts {
  const boundary = "7a9cbec02ceef655";
  const binary = Buffer.from(Array.from({ length: 512 }, (_, at) => (at * 151 + (at >> 3)) & 255));
  const body = Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n`),
    Buffer.from(`--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n`),
    binary,
    Buffer.from(`\r\n--${boundary}--`),
  ]);
  const type = `Content-Type: multipart/mixed;boundary=${boundary}`;
  return { ...own.request("MESSAGE", "Mime-Version: 1.0", type), body };
}
