import { described, type Files, type Findings, hasAcl, section, shown } from "./accounts.ts";
import { isFalse, isTrue, last, type Section, value } from "./assemble.ts";
import type { Reach } from "./check-dialplan.ts";

/** iax.conf: guests and accounts. */
export function checkIax(files: Files, found: Findings): void {
  const file = files("iax.conf");
  const { report, doors, secrets } = found;
  const token = last(section(file, "general"), "requirecalltoken");
  if (isFalse(token?.value)) {
    report(
      "iax-no-token",
      token?.place ?? first("iax.conf"),
      "requirecalltoken=no lets forged addresses open calls until none is left.",
    );
  }
  for (const one of described(file, "general", "callnumberlimits")) {
    if (!/^(?:user|friend)$/i.test(value(one, "type") ?? "")) continue;
    const { name, place } = one;
    const secret = last(one, "secret");
    const protectedBy =
      (secret !== undefined && secret.value !== "") || /rsa/i.test(value(one, "auth") ?? "") || hasAcl(one);
    doors.push({ context: value(one, "context") ?? "default", caller: protectedBy ? "server" : "anybody", place });
    if (secret !== undefined && secret.value !== "") {
      secrets.push({ secret: secret.value, username: name, kind: "IAX account", place: secret.place });
    } else if (!protectedBy && name !== "guest") {
      report(
        "secret-missing",
        place,
        `IAX account ${shown(name)} has no secret, key or address: whoever gives its name is in.`,
      );
    }
  }
}

/** `[guest]` of iax.conf takes every call without a name. */
export function checkIaxGuest(files: Files, { report }: Findings, reachOf: (context: string) => Reach): void {
  const guest = section(files("iax.conf"), "guest");
  if (guest === undefined || hasAcl(guest) || (value(guest, "secret") ?? "") !== "") return;
  const context = value(guest, "context") ?? "default";
  const reach = reachOf(context);
  const what = { trunk: "a trunk", something: "extensions", nothing: "nothing" }[reach];
  const severity = reach === "trunk" ? "critical" : reach === "something" ? "high" : "medium";
  report(
    "iax-guest",
    guest.place,
    `[guest] lets anybody call into [${context}] over IAX; it reaches ${what}.`,
    severity,
  );
}

/** users.conf makes SIP, IAX and manager accounts by itself. */
export function checkUsers(files: Files, { report, secrets, doors, telephones }: Findings): void {
  const file = files("users.conf");
  const general = section(file, "general");
  for (const user of described(file, "general")) {
    const has = (key: string) => isTrue(value(user, key) ?? value(general, key));
    const kinds = ["hassip", "hasiax", "hasmanager"].filter(has);
    if (kinds.length === 0) continue;
    telephones.add(user.name.toLowerCase());
    doors.push({
      context: value(user, "context") ?? value(general, "context") ?? "default",
      caller: "telephone",
      place: user.place,
    });
    report(
      "users-account",
      user.place,
      `User ${shown(user.name)} has ${kinds.join(", ")}: an account without call limit that sip.conf and pjsip.conf do not show.`,
    );
    const secret = last(user, "secret");
    if (secret !== undefined && secret.value !== "") {
      secrets.push({ secret: secret.value, username: user.name, kind: "user", place: secret.place });
    } else {
      report("secret-missing", user.place, `User ${shown(user.name)} has no secret.`);
    }
  }
}

/** Telephone lines of cards: who calls there is unknown, but has no say in how the number is written. */
export function checkCards(files: Files, { doors }: Findings): void {
  for (const one of described(files("chan_dahdi.conf"))) {
    for (const { key, value: context, place } of one.entries)
      if (key === "context") doors.push({ context, caller: "server", place });
  }
}

/** What cannot be seen in the directory. */
export function checkUnseen(files: Files, text: (name: string) => string | undefined, { report }: Findings): void {
  for (const { key, value: target, place } of section(files("extconfig.conf"), "settings")?.entries ?? []) {
    report(
      "not-analysed-realtime",
      place,
      `${shown(key)} comes from ${shown(target)}: accounts or extensions there are not visible here.`,
    );
  }
  for (const one of described(files("sorcery.conf"))) {
    for (const { key, value: target, place } of one.entries) {
      if (!/^realtime\b/i.test(target)) continue;
      report(
        "not-analysed-realtime",
        place,
        `${shown(key)} of ${shown(one.name)} comes from a database that is not visible here.`,
      );
    }
  }
  const wizard = described(files("pjsip_wizard.conf"))[0];
  if (wizard !== undefined)
    report("not-analysed-file", wizard.place, "pjsip_wizard.conf makes endpoints of its own, which were not analysed.");
  const holds = (name: string, comment: RegExp) =>
    (text(name) ?? "").split("\n").some((line) => line.trim() !== "" && !comment.test(line));
  if (holds("extensions.ael", /^\s*\/\//)) {
    report(
      "not-analysed-ael",
      first("extensions.ael"),
      "The file holds a dialplan in AEL. Only extensions.conf is followed.",
    );
  }
  if (holds("extensions.lua", /^\s*--/)) {
    report(
      "not-analysed-lua",
      first("extensions.lua"),
      "The file holds a dialplan in Lua. Only extensions.conf is followed.",
    );
  }
}

const first = (file: string) => ({ file, line: 1, column: 1 });

/** Programs that keys start during a call. */
export function checkFeatures(files: Files, { report }: Findings): void {
  const map: Section | undefined = section(files("features.conf"), "applicationmap");
  for (const { key, value: feature, place } of map?.entries ?? []) {
    if (!/,\s*(?:System|TrySystem|ExternalIVR|E?AGI|Exec|TryExec)\b/i.test(feature)) continue;
    report(
      "features-application",
      place,
      `Feature ${shown(key)} runs a program when a party of the call presses its keys.`,
    );
  }
}
