import { type Files, type Findings, section } from "./accounts.ts";
import { isTrue, last, value } from "./assemble.ts";
import type { Place } from "./types.ts";

/** Modules that run programs, write files or open ports, with why. */
const DANGEROUS: Readonly<Record<string, string>> = {
  app_system: "runs programs",
  app_exec: "runs applications by name",
  app_externalivr: "runs programs",
  app_festival: "connects to others",
  app_ices: "runs programs",
  app_minivm: "runs programs",
  app_disa: "gives callers a dial tone",
  chan_iax2: "opens port 4569",
  chan_mgcp: "opens port 2727",
  chan_skinny: "opens port 2000",
  chan_unistim: "opens port 5000",
  func_shell: "runs programs",
  func_env: "reads and writes files",
  pbx_dundi: "opens port 4520",
  pbx_spool: "places calls from files",
  res_agi: "runs programs",
  res_phoneprov: "gives out passwords over HTTP",
};

/** Whether Asterisk loads a module, by modules.conf; without one nothing is known, so yes. */
export function loads(files: Files): (module: string) => boolean {
  const modules = section(files("modules.conf"), "modules");
  if (modules === undefined) return () => true;
  const named = (keys: readonly string[]) =>
    new Set(modules.entries.filter(({ key }) => keys.includes(key)).map((entry) => bare(entry.value)));
  const load = named(["load", "preload", "require", "preload-require"]);
  const noload = named(["noload"]);
  const all = isTrue(value(modules, "autoload") ?? "yes");
  return (module) => !noload.has(module) && (all || load.has(module));
}

const bare = (module: string): string => module.trim().toLowerCase().replace(/\.so$/, "");

/** modules.conf and asterisk.conf. */
export function checkModules(files: Files, { report }: Findings): void {
  const options = section(files("asterisk.conf"), "options");
  const dangerously = last(options, "live_dangerously");
  if (isTrue(dangerously?.value)) {
    report(
      "core-live-dangerously",
      dangerously?.place ?? nowhere("asterisk.conf"),
      "live_dangerously lets the manager interface, ARI and messages use SHELL(), FILE() and their like.",
    );
  }
  const includes = last(options, "execincludes");
  if (isTrue(includes?.value)) {
    report(
      "core-exec-includes",
      includes?.place ?? nowhere("asterisk.conf"),
      "execincludes=yes lets #exec in any configuration file run a program as Asterisk's user.",
    );
  }
  const modules = section(files("modules.conf"), "modules");
  if (modules === undefined) return;
  const loaded = loads(files);
  const auto = last(modules, "autoload");
  const why = (names: readonly string[]) => names.map((name) => `${name} (${DANGEROUS[name] ?? ""})`).join(", ");
  if (auto === undefined || isTrue(auto.value)) {
    const place = auto?.place ?? modules.place;
    report(
      "modules-autoload",
      place,
      "autoload=yes loads whatever is installed, channel drivers that open ports among it.",
    );
    const names = Object.keys(DANGEROUS).filter(loaded);
    if (names.length > 0)
      report("modules-dangerous", place, `Loaded because nothing forbids it, if installed: ${why(names)}.`);
    return;
  }
  for (const { key, value: module, place } of modules.entries) {
    const name = bare(module);
    if (!/load|require/.test(key) || !Object.hasOwn(DANGEROUS, name) || !loaded(name)) continue;
    report("modules-dangerous", place, `Loaded by name: ${why([name])}.`);
  }
}

const nowhere = (file: string): Place => ({ file, line: 1, column: 1 });
