import { described, type Files, type Findings, guessable, hasAcl, section, shown } from "./accounts.ts";
import { isFalse, isTrue, last, type Section, value } from "./assemble.ts";
import type { Reach } from "./check-dialplan.ts";

/** sip.conf: chan_sip's general settings and its peers. Defaults are those of Asterisk 16. */
export function checkSip(files: Files, found: Findings): void {
  const file = files("sip.conf");
  if (file === null) return;
  const { report } = found;
  const general = section(file, "general");
  const place = general?.place ?? { file: "sip.conf", line: 1, column: 1 };
  const placeOf = (key: string) => last(general, key)?.place ?? place;
  const defaultContext = value(general, "context") ?? "default";

  if (
    isTrue(value(general, "autocreatepeer")) ||
    /^(?:volatile|persistent)$/.test(value(general, "autocreatepeer") ?? "")
  ) {
    report(
      "sip-autocreate",
      placeOf("autocreatepeer"),
      "autocreatepeer makes a peer, without a password, of whoever registers.",
    );
    found.doors.push({ context: defaultContext, caller: "anybody", place });
  }
  if (isFalse(value(general, "alwaysauthreject"))) {
    report(
      "sip-always-reject",
      placeOf("alwaysauthreject"),
      "Registering with a wrong name is answered otherwise than with a wrong password, so a scanner learns which names exist.",
    );
  }
  if (!isFalse(value(general, "allowoverlap"))) {
    report(
      "sip-overlap",
      placeOf("allowoverlap"),
      "allowoverlap is on (it is by default): a caller can try numbers digit by digit and learn which begin something.",
    );
  }
  if (!isFalse(value(general, "allowtransfer"))) {
    report(
      "sip-transfer",
      placeOf("allowtransfer"),
      "allowtransfer is on (it is by default): whoever is in a call can send it to any number that his context reaches.",
    );
  }
  const limit = last(general, "call-limit");
  if (limit !== undefined) {
    report(
      "sip-call-limit-general",
      limit.place,
      "chan_sip ignores call-limit in [general] without a word; no peer has a limit by it.",
    );
  }

  const peers = described(file, "general", "authentication").filter((one) =>
    /^(?:peer|friend|user)$/i.test(value(one, "type") ?? ""),
  );
  const direct = peers.filter(
    (one) => !isFalse(value(one, "directmedia", "canreinvite") ?? value(general, "directmedia", "canreinvite")),
  );
  if (!isFalse(value(general, "directmedia", "canreinvite")) && (direct.length > 0 || peers.length === 0)) {
    report(
      "sip-direct-media",
      placeOf("directmedia"),
      "directmedia is on (it is by default): RTP may come from and go to any address that a peer names.",
    );
  }
  for (const peer of peers) checkPeer(peer, defaultContext, found);
  const roaming = peers.filter((one) => isDynamic(one) && !hasAcl(one));
  const encrypted = isTrue(value(general, "tlsenable"));
  if (roaming.length > 0 && !encrypted) {
    report(
      "sip-no-tls",
      place,
      `${roaming.length} peers may register from any address, and TLS is off: who listens on the way sees every call and can guess passwords from the digests.`,
    );
  }
}

const isDynamic = (peer: Section): boolean =>
  value(peer, "host")?.toLowerCase() === "dynamic" || value(peer, "type")?.toLowerCase() === "user";

function checkPeer(peer: Section, defaultContext: string, { report, doors, secrets, telephones }: Findings): void {
  const { name, place } = peer;
  const type = value(peer, "type")?.toLowerCase();
  const dynamic = isDynamic(peer);
  if (dynamic) telephones.add(name.toLowerCase());
  const secret = last(peer, "secret");
  const known = (secret !== undefined && secret.value !== "") || (value(peer, "md5secret") ?? "") !== "";
  // A friend or user is found by the name in From, from wherever it comes; a peer by its address unless it is dynamic.
  const byName = dynamic || type === "friend";
  const context = value(peer, "context") ?? defaultContext;
  const acl = hasAcl(peer);
  const open = byName && !acl && (!known || /\binvite\b|very/.test(value(peer, "insecure") ?? ""));
  doors.push({ context, caller: open ? "anybody" : dynamic ? "telephone" : "server", place });

  if (byName && !known && !acl) {
    report(
      "secret-missing",
      place,
      `Peer ${shown(name)} has no secret and is bound to no address: whoever gives its name is in.`,
    );
  } else if (byName && known && open) {
    report(
      "sip-insecure",
      last(peer, "insecure")?.place ?? place,
      `Peer ${shown(name)} has insecure=invite and is known by its name: whoever gives it calls without the password.`,
    );
  }
  if (byName && secret !== undefined && secret.value !== "") {
    secrets.push({ secret: secret.value, username: name, kind: "peer", place: secret.place });
  }
  if (dynamic && guessable(name)) {
    report("sip-numeric-username", place, `Peer ${shown(name)} has a name of the kind that scanners try first.`);
  }
  const limit = last(peer, "call-limit");
  if (limit === undefined || !(Number(limit.value) > 0)) {
    report(
      "sip-no-call-limit",
      limit?.place ?? place,
      `Peer ${shown(name)} has no call-limit: whoever has its password places any number of calls at once.`,
    );
  }
}

/** What guests, and peers without a context of their own, can reach. */
export function checkSipDefault(files: Files, { report }: Findings, reachOf: (context: string) => Reach): void {
  const file = files("sip.conf");
  if (file === null) return;
  const general = section(file, "general");
  const place = general?.place ?? { file: "sip.conf", line: 1, column: 1 };
  const context = value(general, "context") ?? "default";
  const guests = !isFalse(value(general, "allowguest"));
  const reach = reachOf(context);
  const what = { trunk: "a trunk", something: "extensions", nothing: "nothing" }[reach];
  if (guests) {
    const severity = reach === "trunk" ? "critical" : reach === "something" ? "high" : "medium";
    const why = `allowguest is on (it is by default): anybody may call into [${context}] without a password, which reaches ${what}.`;
    report("sip-guest", last(general, "allowguest")?.place ?? place, why, severity);
  }
  if (reach === "nothing") return;
  const severity = reach === "trunk" ? (guests ? "critical" : "medium") : guests ? "medium" : "low";
  const who = guests ? "guests and peers" : "peers";
  const why = `The default context [${context}] reaches ${what}: ${who} without a context of their own land there.`;
  report("sip-default-context", last(general, "context")?.place ?? place, why, severity);
}
