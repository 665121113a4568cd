import { described, type Files, type Findings, guessable, hasAcl, shown } from "./accounts.ts";
import { isFalse, last, type Section, value } from "./assemble.ts";
import type { Reach } from "./check-dialplan.ts";

/** pjsip.conf: endpoints with their auth, aor and identify sections. Defaults are those of Asterisk 16. */
export function checkPjsip(files: Files, found: Findings): void {
  const file = files("pjsip.conf");
  if (file === null) return;
  const { report } = found;
  const sections = described(file);
  const ofType = (type: string) => sections.filter((one) => value(one, "type")?.toLowerCase() === type);
  for (const identify of ofType("identify")) {
    for (const { key, value: match, place } of identify.entries) {
      if (key !== "match" || !/(?:^|,)\s*(?:0\.0\.0\.0\/0|::\/0)/.test(match)) continue;
      const why = `match=${match.slice(0, 40)} gives every address of the world the rights of endpoint ${shown(value(identify, "endpoint") ?? "")}.`;
      report("pjsip-identify-any", place, why);
    }
  }
  for (const auth of ofType("auth")) {
    const used = ofType("endpoint").some((one) => listed(one, "auth").includes(auth.name));
    const password = last(auth, "password");
    if (!used || password === undefined || password.value === "") continue;
    const username = value(auth, "username") ?? auth.name;
    found.secrets.push({ secret: password.value, username, kind: "endpoint", place: password.place });
  }
  const general = ofType("acl").length > 0 || described(files("acl.conf")).length > 0;
  const roaming = ofType("endpoint").filter((endpoint) => checkEndpoint(endpoint, { ofType, acl: general }, found));
  if (roaming.length > 0) checkEncryption(ofType, found);
}

function checkEncryption(ofType: Around["ofType"], { report }: Findings): void {
  const [transport] = ofType("transport");
  const encrypted = ofType("transport").some((one) => /^(?:tls|wss)$/i.test(value(one, "protocol") ?? "udp"));
  if (transport === undefined || encrypted) return;
  const why =
    "No transport has protocol=tls: who listens on the way sees every call and can guess passwords from the digests.";
  report("pjsip-no-tls", transport.place, why);
}

interface Around {
  readonly ofType: (type: string) => Section[];
  readonly acl: boolean;
}

function listed(one: Section, key: string): string[] {
  return (value(one, key) ?? "").split(",").map((part) => part.trim());
}

/** Checks one; whether it is a telephone that may be anywhere. */
function checkEndpoint(endpoint: Section, { ofType, acl }: Around, found: Findings): boolean {
  const { name, place } = endpoint;
  const { report, doors, telephones } = found;
  const context = value(endpoint, "context") ?? "default";
  if (isAnonymous(name)) {
    doors.push({ context, caller: "anybody", place });
    return false;
  }
  const aors = ofType("aor").filter((aor) => listed(endpoint, "aors").includes(aor.name));
  const server =
    ofType("identify").some((identify) => value(identify, "endpoint") === name) ||
    aors.some((aor) => (value(aor, "contact") ?? "") !== "") ||
    (value(endpoint, "outbound_auth") ?? "") !== "";
  if (!server) telephones.add(name.toLowerCase());
  const auth = listed(endpoint, "auth").filter((one) => one !== "");
  const byName = !/^\s*ip\s*$/i.test(value(endpoint, "identify_by") ?? "username,ip");
  const bounded = hasAcl(endpoint) || acl;
  const open = auth.length === 0 && byName && !bounded;
  if (open) {
    const why = server
      ? `Endpoint ${shown(name)} has no auth and is also known by its name: whoever gives it in From calls into [${context}]. Set identify_by=ip.`
      : `Endpoint ${shown(name)} has no auth: whoever gives its name calls into [${context}].`;
    report("pjsip-no-auth", place, why, server ? "high" : "critical");
  }
  doors.push({ context, caller: open ? "anybody" : server ? "server" : "telephone", place });

  const usernames = ofType("auth").flatMap((one) =>
    auth.includes(one.name) ? [value(one, "username") ?? one.name] : [],
  );
  const numeric = usernames.find(guessable);
  if (!server && numeric !== undefined) {
    report(
      "pjsip-numeric-username",
      place,
      `Endpoint ${shown(name)} has a username of the kind that scanners try first.`,
    );
  }
  const on = (key: string) => !isFalse(value(endpoint, key));
  const placeOf = (key: string) => last(endpoint, key)?.place ?? place;
  if (on("allow_transfer")) {
    report(
      "pjsip-transfer",
      placeOf("allow_transfer"),
      `Endpoint ${shown(name)} may transfer calls (it may by default) to any number that [${context}] reaches.`,
    );
  }
  if (on("allow_overlap")) {
    report(
      "pjsip-overlap",
      placeOf("allow_overlap"),
      `Endpoint ${shown(name)} may dial digit by digit (it may by default), and so try which numbers begin something.`,
    );
  }
  if (on("direct_media")) {
    report(
      "pjsip-direct-media",
      placeOf("direct_media"),
      `Endpoint ${shown(name)} sends audio past the gateway (it does by default): RTP may come from any address that it names.`,
    );
  }
  if (!(Number(value(endpoint, "device_state_busy_at")) > 0)) {
    report(
      "pjsip-no-call-limit",
      placeOf("device_state_busy_at"),
      `Endpoint ${shown(name)} has no device_state_busy_at: nothing tells when it has calls enough.`,
    );
  }
  if (server || bounded) return false;
  const why = `Endpoint ${shown(name)} may be used from any address: nothing but its password keeps others out.`;
  report("pjsip-no-acl", place, why);
  return true;
}

const isAnonymous = (name: string): boolean => name === "anonymous" || name.startsWith("anonymous@");

/** Endpoint `anonymous` is for calls that belong to nobody. */
export function checkPjsipAnonymous(files: Files, { report }: Findings, reachOf: (context: string) => Reach): void {
  for (const endpoint of described(files("pjsip.conf"))) {
    if (!isAnonymous(endpoint.name) || value(endpoint, "type")?.toLowerCase() !== "endpoint") continue;
    const context = value(endpoint, "context") ?? "default";
    const reach = reachOf(context);
    const what = { trunk: "a trunk", something: "extensions", nothing: "nothing" }[reach];
    const why = `Endpoint ${shown(endpoint.name)} lets anybody call into [${context}], which reaches ${what}.`;
    report(
      "pjsip-anonymous",
      endpoint.place,
      why,
      reach === "trunk" ? "critical" : reach === "something" ? "high" : "low",
    );
  }
}
