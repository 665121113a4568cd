import { described, type Files, type Findings, hasAcl, isLoopback, section, shown } from "./accounts.ts";
import { isTrue, last, type Section, value } from "./assemble.ts";

/** Manager interface, HTTP server and ARI. */
export function checkManagement(files: Files, found: Findings): void {
  const http = section(files("http.conf"), "general");
  const httpOn = isTrue(value(http, "enabled")) || isTrue(value(http, "tlsenable"));
  const httpLocal =
    (!isTrue(value(http, "enabled")) || isLoopback(value(http, "bindaddr"))) &&
    (!isTrue(value(http, "tlsenable")) || isLoopback(value(http, "tlsbindaddr") ?? value(http, "bindaddr")));
  checkManager(files, httpOn && !httpLocal, found);
  checkAri(files, httpOn, found);
  if (!httpOn || httpLocal || http === undefined) return;
  const ari =
    isTrue(value(section(files("ari.conf"), "general"), "enabled") ?? "yes") &&
    described(files("ari.conf"), "general").length > 0;
  const web = isTrue(value(section(files("manager.conf"), "general"), "webenabled"));
  const what = [ari ? "ARI" : "", web ? "the manager interface" : ""].filter((one) => one !== "").join(" and ");
  const why = `The HTTP server listens to the network${what === "" ? "" : ` and offers ${what} there`}.`;
  found.report(
    "http-exposed",
    last(http, "bindaddr", "tlsbindaddr")?.place ?? http.place,
    why,
    what === "" ? "medium" : "high",
  );
}

/** Rights with which an account owns the machine: programs, calls at others' cost, files of the configuration. */
const STRONG = ["all", "system", "command", "originate", "config"];

function checkManager(files: Files, web: boolean, { report, secrets }: Findings): void {
  const file = files("manager.conf");
  const general = section(file, "general");
  if (general === undefined || !isTrue(value(general, "enabled"))) return;
  const local = isLoopback(value(general, "bindaddr"));
  const exposed = !local || (web && isTrue(value(general, "webenabled")));
  if (!local) {
    const bind = last(general, "bindaddr");
    report(
      "manager-exposed",
      bind?.place ?? general.place,
      "The manager interface, whose accounts can place calls and read passwords, listens to the network without encryption.",
    );
  }
  for (const account of described(file, "general")) {
    const { name, place } = account;
    const secret = last(account, "secret");
    if (secret !== undefined && secret.value !== "") {
      secrets.push({ secret: secret.value, username: name, kind: "manager account", place: secret.place });
    } else {
      report("secret-missing", place, `Manager account ${shown(name)} has no secret.`);
    }
    if (!exposed) continue;
    if (!hasAcl(account)) {
      report(
        "manager-no-acl",
        place,
        `Manager account ${shown(name)} may log in from any address: only its password keeps others out.`,
      );
    }
    const strong = (value(account, "write") ?? "")
      .split(",")
      .filter((right) => STRONG.includes(right.trim().toLowerCase()));
    if (strong.length > 0 && !localOnly(account)) {
      const rights = strong.map((right) => right.trim()).join(", ");
      report(
        "manager-rights",
        last(account, "write")?.place ?? place,
        `Manager account ${shown(name)} may write ${rights} from the network: it can run programs or place calls.`,
      );
    }
  }
}

function localOnly(account: Section): boolean {
  const permits = account.entries.filter(({ key }) => key === "permit");
  return hasAcl(account) && permits.every((permit) => isLoopback(permit.value));
}

function checkAri(files: Files, httpOn: boolean, { report, secrets }: Findings): void {
  const file = files("ari.conf");
  const general = section(file, "general");
  if (!httpOn || (general !== undefined && !isTrue(value(general, "enabled") ?? "yes"))) return;
  const origins = last(general, "allowed_origins");
  if (origins?.value.split(",").some((origin) => origin.trim() === "*")) {
    report("ari-origins", origins.place, "allowed_origins=* lets any web page that an operator opens speak to ARI.");
  }
  for (const account of described(file, "general")) {
    if ((value(account, "type") ?? "user") !== "user") continue;
    const password = last(account, "password");
    if (password === undefined || password.value === "") {
      report("secret-missing", account.place, `ARI account ${shown(account.name)} has no password.`);
    } else if (value(account, "password_format") !== "crypt") {
      secrets.push({ secret: password.value, username: account.name, kind: "ARI account", place: password.place });
    }
  }
}
