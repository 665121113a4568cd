import { describe, expect, it } from "vitest";
import type { ScannerRules } from "./port.ts";
import { matchedToken, scannerRules } from "./scanner.ts";
import { FIRST_TIER, SECOND_TIER } from "./scanner-tokens.ts";
import type { FirewallPolicy } from "./types.ts";

const policy: FirewallPolicy = {
  protect: "host",
  mode: "open",
  sip: { port: 5070, tcp: true },
  rtp: { from: 10_000, to: 10_999 },
  localPorts: [],
  lists: { trunks: [], operators: [], allowed: [], management: [] },
  managementPorts: [22],
  allow: [],
  limits: {
    requestBurst: 4,
    requestsPerHour: 12,
    limitedMinutes: 10,
    failures: 3,
    failureHours: 24,
    banMinutes: [10],
    trustedInvitesPerSecond: 5,
    trustedInviteBurst: 20,
  },
  scanner: { enabled: true, strict: false, tokens: [] },
  router: null,
  asksRouter: false,
};

function rulesFor(scanner: Partial<FirewallPolicy["scanner"]> = {}): ScannerRules {
  const rules = scannerRules({ ...policy, scanner: { ...policy.scanner, ...scanner } }, 0x5058_0000);
  if (rules === null) throw new Error("the filter is off");
  return rules;
}

function packet(agent: string, more: { readonly from?: string; readonly body?: string } = {}): string {
  return [
    "REGISTER sip:gateway.example SIP/2.0",
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK776asdhds;rport",
    `From: ${more.from ?? '"Desk" <sip:desk@gateway.example>'};tag=1928301774`,
    "To: <sip:desk@gateway.example>",
    "Call-ID: a84b4c76e66710@198.51.100.7",
    "CSeq: 1 REGISTER",
    `User-Agent: ${agent}`,
    `Content-Length: ${more.body?.length ?? 0}`,
    "",
    more.body ?? "",
  ].join("\r\n");
}

/** What telephones, servers and programs call themselves. */
const LEGITIMATE = [
  "3CXPhoneSystem 18.0.9.20 (20)",
  "Acrobits Softphone/6.14",
  "Asterisk PBX 16.28.0~dfsg-0+deb11u10",
  "AVM FRITZ!Box 7590 154.07.57 (Jan 11 2024)",
  "Avaya one-X Deskphone",
  "baresip v3.1.0 (x86_64/Linux)",
  "Blink 5.9.1 (MacOSX)",
  "Bria 6 release 6.5.1 stamp 112233",
  "Cisco-CP7960G/8.0",
  "Cisco/SPA504G-7.6.2f",
  "CSipSimple_hammerhead-22/r2457",
  "DrayTek UA-1.2.3 DrayTek Vigor2860",
  "eyeBeam release 1104g stamp 54685",
  "FPBX-16.0.40(18.20.0)",
  "FreeSWITCH-mod_sofia/1.10.11-release~64bit",
  "Gigaset N510 IP PRO/42.250.00.000.000",
  "Grandstream GXP2170 1.0.11.64",
  "Jitsi2.10.5550Linux",
  "kamailio (5.7.4 (x86_64/linux))",
  "Linksys/SPA942-6.1.5(a)",
  "Linphone Desktop/5.2.4 (Debian GNU/Linux 12) LinphoneCore/5.3.15",
  "MicroSIP/3.21.3",
  "MizuPhone 3.1",
  "mjsip 1.8",
  "OBIHAI/OBi200-3.2.2.8680EX",
  "OmniPCX Enterprise R12.1 m2.300.24",
  "PJSUA v2.13 Linux-6.1/x86_64/glibc-2.36",
  "Panasonic_KX-TGP600/22.105",
  "PolycomVVX-VVX_411-UA/5.9.7.3480",
  "PortSIP UC Client Android - v12.8",
  "pocdect EMF phones 1.4",
  "Sipura/SPA2002-3.1.2(a)",
  "SIPAUA/0.1.001",
  "SIPp/Linux",
  "sipXecs/14.04 sipXecs/sipxbridge (Linux)",
  "snomD785/10.1.159.12",
  "Telephone 1.6",
  "Twinkle/1.10.3",
  "VoIP Handy 2.1",
  "X-Lite release 5.8.3 stamp 92651",
  "Yealink SIP-T46U 108.86.0.45",
  "ZoiPer rv2.10.20.4",
  "Z 5.6.6 v2.10.20.5",
];

/** Innocent texts in which short names of tools occur. */
const INNOCENT: readonly Parameters<typeof packet>[1][] = [
  { from: '"Agulpe" <sip:gulp@example.org>' },
  { from: '"Kaiwar" <sip:kaiwar@example.org>' },
  { from: '"Osmapa" <sip:smap@example.org>' },
  { from: '"Nmap fan" <sip:nmap@example.org>' },
  { from: '"Sivus" <sip:sipcli@example.org>' },
  { body: "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=iWar, a gulp of smap\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n" },
];

describe("the scanner filter", () => {
  it("lets every legitimate client through", () => {
    const rules = rulesFor();
    for (const agent of LEGITIMATE) expect([agent, matchedToken(rules, packet(agent))]).toEqual([agent, null]);
  });

  it("takes a short name in a caller's name or in a body for nothing but that", () => {
    for (const more of INNOCENT)
      expect(matchedToken(rulesFor({ strict: true }), packet("MicroSIP/3.21.3", more))).toBe(null);
  });

  it.each([
    ["friendly-scanner", "friendly-scanner"],
    ["FRIENDLY-Scanner", "friendly-scanner"],
    ["sipcli/v1.8", "sipcli"],
    ["sipsak 0.9.8", "sipsak"],
    ["sundayddr", "sundayddr"],
    ["Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)", "CensysInspect"],
    ["smap 0.6.0", "smap"],
    ["Nmap NSE", "Nmap"],
    ["VaxSIPUserAgent/3.1", "VaxSIPUserAgent"],
    ["Gulp", "Gulp"],
    ["iWar", "iWar"],
  ])("knows %s", (agent, token) => {
    expect(matchedToken(rulesFor(), packet(agent))).toBe(token);
    expect(matchedToken(rulesFor(), packet(agent).replace("User-Agent: ", "user-agent:"))).toBe(token);
  });

  it("finds every tool of the first tier by its own name", () => {
    for (const { token } of FIRST_TIER) expect(matchedToken(rulesFor(), packet(`${token}/1.0`))).toBe(token);
  });

  it("sees svmap by its From header when it hides its User-Agent", () => {
    expect(matchedToken(rulesFor(), packet("Polycom", { from: '"sipvicious"<sip:100@1.1.1.1>' }))).toBe("sipvicious");
  });

  it("stops ambiguous software only when it is told to", () => {
    for (const { token } of SECOND_TIER) {
      expect(matchedToken(rulesFor(), packet(`${token} 1.0`))).toBe(null);
      expect(matchedToken(rulesFor({ strict: true }), packet(`${token} 1.0`))).toBe(token);
    }
    // Names that lists elsewhere are too broad for.
    for (const agent of ["3CXPhoneSystem 18.0", "Asterisk PBX 16.28.0", "SIPp/Linux", "FPBX-16.0.40(18.20.0)"]) {
      expect(matchedToken(rulesFor({ strict: true }), packet(agent))).toBe(null);
    }
  });

  it("takes further tokens: a long one anywhere, a short one where the User-Agent begins, none twice", () => {
    const rules = rulesFor({ tokens: ["evil-scanner", "abc", "Friendly-Scanner", " "] });
    expect(matchedToken(rules, packet("My evil-scanner 2"))).toBe("evil-scanner");
    expect(matchedToken(rules, packet("abc 2"))).toBe("abc");
    expect(matchedToken(rules, packet("The abc", { from: '"abc" <sip:abc@example.org>' }))).toBe(null);
    expect(rules.tokens).toHaveLength(FIRST_TIER.length + 2);
  });

  it("looks only at the configured port and mark, and at nothing when it is off", () => {
    expect(rulesFor()).toMatchObject({ mark: 0x5058_0000, sipPort: 5070, tcp: true });
    expect(scannerRules({ ...policy, scanner: { ...policy.scanner, enabled: false } }, 1)).toBe(null);
  });
});
