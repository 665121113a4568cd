import { describe, expect, it } from "vitest";
import { audit } from "./audit.ts";
import { foundIn, SAFE_SIP, treeOf } from "./test-tree.ts";

const general = (line: string): string => SAFE_SIP.replace("[general]\n", `[general]\n${line}\n`);
const changed = (from: string, to: string): string => {
  if (!SAFE_SIP.includes(from)) throw new Error(`no ${from}`);
  return SAFE_SIP.replace(from, to);
};
const reached = "[block-caller]\nexten => 1,1,Dial(SIP/k7wq-kitchen)\n";
const leaves = `[block-caller]\nexten => _41XX,1,Dial(SIP/trunk/\${EXTEN})\n`;

describe("sip.conf", () => {
  it("without fault is no finding", () => {
    expect(foundIn({ "sip.conf": SAFE_SIP })).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    [
      "guests who reach nothing",
      { "sip.conf": changed("allowguest=no", "allowguest=yes") },
      ["medium sip-guest sip.conf:3"],
    ],
    ["guests by default", { "sip.conf": changed("allowguest=no\n", "") }, ["medium sip-guest sip.conf:1"]],
    [
      "guests who reach a telephone",
      { "sip.conf": changed("allowguest=no", "allowguest=yes"), "extensions.conf": reached },
      ["high sip-guest sip.conf:3", "medium sip-default-context sip.conf:2"],
    ],
    [
      "guests who reach a trunk",
      { "sip.conf": changed("allowguest=no", "allowguest=yes"), "extensions.conf": leaves },
      ["critical sip-default-context sip.conf:2", "critical sip-guest sip.conf:3"],
    ],
    [
      "a default context that reaches a trunk",
      { "sip.conf": SAFE_SIP, "extensions.conf": leaves },
      ["medium sip-default-context sip.conf:2"],
    ],
    [
      "a default context that reaches it by Goto",
      {
        "sip.conf": SAFE_SIP,
        "extensions.conf": `${leaves.replace("block-caller", "out")}[block-caller]\nexten => _41XX,1,Goto(out,$\{EXTEN},1)\n`,
      },
      ["medium sip-default-context sip.conf:2"],
    ],
    [
      "a default context that only refuses",
      { "sip.conf": SAFE_SIP, "extensions.conf": "[block-caller]\nexten => _X.,1,Hangup(21)\n" },
      [],
    ],
    [
      "alwaysauthreject",
      { "sip.conf": changed("alwaysauthreject=yes", "alwaysauthreject=no") },
      ["medium sip-always-reject sip.conf:4"],
    ],
    ["alwaysauthreject by default", { "sip.conf": changed("alwaysauthreject=yes\n", "") }, []],
    ["autocreatepeer", { "sip.conf": general("autocreatepeer=yes") }, ["critical sip-autocreate sip.conf:2"]],
    ["overlap", { "sip.conf": changed("allowoverlap=no\n", "") }, ["low sip-overlap sip.conf:1"]],
    ["transfers", { "sip.conf": changed("allowtransfer=no", "allowtransfer=yes") }, ["medium sip-transfer sip.conf:6"]],
    ["direct media", { "sip.conf": changed("directmedia=no\n", "") }, ["low sip-direct-media sip.conf:1"]],
    [
      "call-limit in the wrong section",
      { "sip.conf": general("call-limit=1") },
      ["medium sip-call-limit-general sip.conf:2"],
    ],
    ["no call-limit on a peer", { "sip.conf": changed("call-limit=1\n", "") }, ["medium sip-no-call-limit sip.conf:9"]],
    [
      "a call-limit of 0, which is none",
      { "sip.conf": changed("call-limit=2", "call-limit=0") },
      ["medium sip-no-call-limit sip.conf:23"],
    ],
    [
      "a numeric username",
      { "sip.conf": changed("[k7wq-kitchen]", "[4101]") },
      ["medium sip-numeric-username sip.conf:9"],
    ],
    [
      "a guessable username",
      { "sip.conf": changed("[k7wq-kitchen]", "[phone1]") },
      ["medium sip-numeric-username sip.conf:9"],
    ],
    ["the numeric name that a trunk's server gave", { "sip.conf": changed("[trunk]", "[4100]") }, []],
    [
      "a phone without an address list, and no TLS",
      { "sip.conf": changed("deny=0.0.0.0/0\n", "") },
      ["info sip-no-tls sip.conf:1"],
    ],
    [
      "the same with TLS",
      { "sip.conf": SAFE_SIP.replace("deny=0.0.0.0/0\n", "").replace("[general]\n", "[general]\ntlsenable=yes\n") },
      [],
    ],
    [
      "no secret and no addresses",
      { "sip.conf": changed("secret=Vb4kQm92xLt7Rw\n", "").replace("deny=0.0.0.0/0\n", "") },
      ["critical secret-missing sip.conf:9", "info sip-no-tls sip.conf:1"],
    ],
    [
      "insecure=invite on a phone",
      { "sip.conf": changed("deny=0.0.0.0/0\n", "insecure=port,invite\n") },
      ["critical sip-insecure sip.conf:15", "info sip-no-tls sip.conf:1"],
    ],
    ["four digits", { "sip.conf": changed("Vb4kQm92xLt7Rw", "4711") }, ["critical secret-weak sip.conf:12"]],
    ["twelve digits", { "sip.conf": changed("Vb4kQm92xLt7Rw", "471100815123") }, ["high secret-weak sip.conf:12"]],
    [
      "the peer's name",
      { "sip.conf": changed("Vb4kQm92xLt7Rw", "K7WQ-kitchen") },
      ["critical secret-weak sip.conf:12"],
    ],
    ["a common password", { "sip.conf": changed("Vb4kQm92xLt7Rw", "ChangeMe") }, ["critical secret-weak sip.conf:12"]],
    ["seven characters", { "sip.conf": changed("Vb4kQm92xLt7Rw", "Vb4kQm9") }, ["high secret-weak sip.conf:12"]],
    ["ten characters", { "sip.conf": changed("Vb4kQm92xLt7Rw", "Vb4kQm92xL") }, ["medium secret-short sip.conf:12"]],
    [
      "a template's peers",
      {
        "sip.conf": `${SAFE_SIP}[t](!)\ntype=friend\nhost=dynamic\ncontext=phones\nacl=lan\n[a7-x](t)\nsecret=Xb4kQm92xLt7Rw\ncall-limit=1\n[b7-x](t)\nsecret=Yb4kQm92xLt7Rw\n`,
      },
      ["medium sip-no-call-limit sip.conf:32"],
    ],
    [
      "what (+) adds to a section",
      { "sip.conf": `${SAFE_SIP}[general](+)\nallowguest=yes\n` },
      ["medium sip-guest sip.conf:25"],
    ],
    [
      "what is commented out",
      { "sip.conf": `${SAFE_SIP};-- \n[general](+)\nallowguest=yes\n--;\n;[x]\n;type=friend\n` },
      [],
    ],
    [
      "sip.conf when chan_sip is not loaded",
      { "sip.conf": "[general]\nallowguest=yes\n", "modules.conf": "[modules]\nautoload=no\nload = chan_pjsip.so\n" },
      [],
    ],
  ])("%s", (_, files, expected) => {
    expect(foundIn(files)).toEqual(expected);
  });

  it("finds a password that two accounts share, and prints none of any", () => {
    const sip = `${SAFE_SIP}[m3xp-hall]\ntype=friend\nhost=dynamic\nacl=lan\ncall-limit=1\ncontext=phones\nsecret=Vb4kQm92xLt7Rw\n`;
    const report = audit(treeOf({ "sip.conf": sip }));
    expect(report.findings).toHaveLength(1);
    expect(report.findings[0]).toMatchObject({
      id: "secret-repeated",
      severity: "high",
      place: { line: 30, column: 1 },
    });
    expect(JSON.stringify(report)).not.toContain("Vb4k");
    expect(report.findings[0]?.why).toContain("sip.conf:12");
  });

  it("finds a password that a template gives to all", () => {
    const phone = "type=friend\nhost=dynamic\nacl=lan\ncall-limit=1\ncontext=phones\nsecret=Xb4kQm92xLt7Rw\n";
    const { findings } = audit(treeOf({ "sip.conf": `${SAFE_SIP}[t](!)\n${phone}[m3xp](t)\n[n4xp](t)\n` }));
    expect(findings.map(({ id, place }) => `${id}:${place.line}`)).toEqual(["secret-repeated:30"]);
    expect(findings[0]?.why).toContain("a template's password");
  });

  it("finds passwords that every user of the machine can read", () => {
    const tree = treeOf({ "sip.conf": SAFE_SIP }, { worldReadable: new Set(["sip.conf", "extensions.conf"]) });
    expect(audit(tree).findings.map(({ id, place }) => `${id} ${place.file}`)).toEqual(["secret-readable sip.conf"]);
  });
});

const ENDPOINT = `[transport]
type=transport
[k7wq]
type=endpoint
context=phones
auth=k7wq
aors=k7wq
allow_transfer=no
allow_overlap=no
direct_media=no
device_state_busy_at=1
deny=0.0.0.0/0
permit=192.168.1.0/24
[k7wq]
type=auth
auth_type=userpass
username=k7wq-kitchen
password=Vb4kQm92xLt7Rw
[k7wq]
type=aor
max_contacts=1
`;

describe("pjsip.conf", () => {
  it.each<[string, string, readonly string[]]>([
    ["without fault", ENDPOINT, []],
    [
      "no auth",
      ENDPOINT.replace("auth=k7wq\n", "").replace("deny=0.0.0.0/0\n", ""),
      ["critical pjsip-no-auth pjsip.conf:3", "info pjsip-no-acl pjsip.conf:3", "info pjsip-no-tls pjsip.conf:1"],
    ],
    [
      "a server that is also known by its name",
      ENDPOINT.replace("auth=k7wq\n", "").replace("deny=0.0.0.0/0\n", "") +
        "[i]\ntype=identify\nendpoint=k7wq\nmatch=192.0.2.1\n",
      ["high pjsip-no-auth pjsip.conf:3"],
    ],
    [
      "a server that is known by its address only",
      ENDPOINT.replace("auth=k7wq\n", "identify_by=ip\n").replace("deny=0.0.0.0/0\n", "") +
        "[i]\ntype=identify\nendpoint=k7wq\nmatch=192.0.2.1\n",
      [],
    ],
    [
      "every address",
      `${ENDPOINT}[i]\ntype=identify\nendpoint=k7wq\nmatch=0.0.0.0/0\n`,
      ["critical pjsip-identify-any pjsip.conf:25"],
    ],
    ["transfers", ENDPOINT.replace("allow_transfer=no\n", ""), ["medium pjsip-transfer pjsip.conf:3"]],
    ["overlap", ENDPOINT.replace("allow_overlap=no", "allow_overlap=yes"), ["low pjsip-overlap pjsip.conf:9"]],
    ["direct media", ENDPOINT.replace("direct_media=no\n", ""), ["low pjsip-direct-media pjsip.conf:3"]],
    ["no bound on calls", ENDPOINT.replace("device_state_busy_at=1\n", ""), ["low pjsip-no-call-limit pjsip.conf:3"]],
    [
      "a numeric username",
      ENDPOINT.replace("username=k7wq-kitchen", "username=4101"),
      ["medium pjsip-numeric-username pjsip.conf:3"],
    ],
    ["a weak password", ENDPOINT.replace("Vb4kQm92xLt7Rw", "1234"), ["critical secret-weak pjsip.conf:18"]],
    [
      "no addresses",
      ENDPOINT.replace("deny=0.0.0.0/0\n", ""),
      ["info pjsip-no-acl pjsip.conf:3", "info pjsip-no-tls pjsip.conf:1"],
    ],
    [
      "anybody, who reaches nothing",
      `${ENDPOINT}[anonymous]\ntype=endpoint\ncontext=none\n`,
      ["low pjsip-anonymous pjsip.conf:22"],
    ],
  ])("%s", (_, text, expected) => {
    expect(foundIn({ "pjsip.conf": text })).toEqual(expected);
  });

  it("anybody who reaches a trunk is critical", () => {
    const files = {
      "pjsip.conf": `${ENDPOINT}[anonymous]\ntype=endpoint\ncontext=block-caller\n`,
      "extensions.conf": leaves,
    };
    expect(foundIn(files)).toEqual(["critical pjsip-anonymous pjsip.conf:22"]);
  });
});

const MANAGER = "[general]\nenabled=yes\nbindaddr=127.0.0.1\n[k7wq]\nsecret=Vb4kQm92xLt7Rw\nwrite=system,call\n";
const HTTP = "[general]\nenabled=yes\nbindaddr=127.0.0.1\n";
const ARI = "[general]\nenabled=yes\n[k7wq]\ntype=user\npassword=Xb4kQm92xLt7Rw\n";

describe("everything else", () => {
  it.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ["a manager interface for this machine", { "manager.conf": MANAGER }, []],
    [
      "one that is off",
      { "manager.conf": MANAGER.replace("enabled=yes", "enabled=no").replace("127.0.0.1", "0.0.0.0") },
      [],
    ],
    [
      "one for the network",
      { "manager.conf": MANAGER.replace("127.0.0.1", "0.0.0.0") },
      [
        "high manager-exposed manager.conf:3",
        "high manager-rights manager.conf:6",
        "medium manager-no-acl manager.conf:4",
      ],
    ],
    [
      "one for the network, for reading, by one address",
      {
        "manager.conf": `${MANAGER.replace("127.0.0.1", "0.0.0.0").replace("system,call", "call")}deny=0.0.0.0/0\npermit=192.0.2.1\n`,
      },
      ["high manager-exposed manager.conf:3"],
    ],
    [
      "a weak manager password",
      { "manager.conf": MANAGER.replace("Vb4kQm92xLt7Rw", "amp111") },
      ["critical secret-weak manager.conf:5"],
    ],
    ["HTTP and ARI for this machine", { "http.conf": HTTP, "ari.conf": ARI }, []],
    [
      "HTTP for the network",
      { "http.conf": HTTP.replace("127.0.0.1", "0.0.0.0") },
      ["medium http-exposed http.conf:3"],
    ],
    [
      "ARI for the network",
      { "http.conf": HTTP.replace("bindaddr=127.0.0.1\n", ""), "ari.conf": ARI },
      ["high http-exposed http.conf:1"],
    ],
    [
      "ARI for any page",
      { "http.conf": HTTP, "ari.conf": ARI.replace("[k7wq]", "allowed_origins=*\n[k7wq]") },
      ["medium ari-origins ari.conf:3"],
    ],
    [
      "a weak ARI password",
      { "http.conf": HTTP, "ari.conf": ARI.replace("Xb4kQm92xLt7Rw", "asterisk") },
      ["critical secret-weak ari.conf:5"],
    ],
    ["a minimal list of modules", { "modules.conf": "[modules]\nautoload=no\nload=chan_sip.so\n" }, []],
    [
      "a dangerous module",
      { "modules.conf": "[modules]\nautoload=no\nload => func_shell.so\n" },
      ["medium modules-dangerous modules.conf:3"],
    ],
    [
      "every module",
      { "modules.conf": "[modules]\nautoload=yes\n" },
      ["medium modules-autoload modules.conf:2", "medium modules-dangerous modules.conf:2"],
    ],
    [
      "live_dangerously and execincludes",
      { "asterisk.conf": "[options]\nlive_dangerously=yes\nexecincludes=yes\n" },
      ["high core-live-dangerously asterisk.conf:2", "medium core-exec-includes asterisk.conf:3"],
    ],
    ["an IAX guest", { "iax.conf": "[guest]\ntype=user\ncontext=public\n" }, ["medium iax-guest iax.conf:1"]],
    [
      "an IAX guest who reaches a trunk",
      { "iax.conf": "[guest]\ntype=user\ncontext=block-caller\n", "extensions.conf": leaves },
      ["critical iax-guest iax.conf:1"],
    ],
    [
      "an IAX account without password",
      { "iax.conf": "[general]\nrequirecalltoken=no\n[k7]\ntype=friend\n" },
      ["critical secret-missing iax.conf:3", "medium iax-no-token iax.conf:2"],
    ],
    ["IAX that is not loaded", { "iax.conf": "[guest]\ntype=user\n", "modules.conf": "[modules]\nautoload=no\n" }, []],
    [
      "users.conf",
      { "users.conf": "[general]\nhassip=yes\n[6001]\nsecret=Vb4kQm92xLt7Rw\n" },
      ["low users-account users.conf:3"],
    ],
    [
      "a database",
      { "extconfig.conf": "[settings]\nsippeers => odbc,asterisk\n" },
      ["info not-analysed-realtime extconfig.conf:2"],
    ],
    [
      "AEL and Lua",
      { "extensions.ael": "// x\ncontext a { }\n", "extensions.lua": "-- x\n" },
      ["info not-analysed-ael extensions.ael:1"],
    ],
    [
      "a program by keys",
      { "features.conf": "[applicationmap]\nx => *9,self,System,reboot\n" },
      ["high features-application features.conf:2"],
    ],
    [
      "DISA",
      { "extensions.conf": "[x]\nexten => 1,1,DISA(no-password,y)\n" },
      ["critical disa-no-password extensions.conf:2"],
    ],
    ["a switch", { "extensions.conf": "[x]\nswitch => IAX2/u:p@h/c\n" }, ["info dialplan-remote extensions.conf:2"]],
  ])("%s", (_, files, expected) => {
    expect(foundIn(files)).toEqual(expected);
  });
});
