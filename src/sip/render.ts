import { buildDialplan, renderDialplan } from "./dialplan.ts";
import type { SipModel } from "./model.ts";
import type { Profile } from "./port.ts";
import {
  renderAri,
  renderAsterisk,
  renderFeatures,
  renderHttp,
  renderIndications,
  renderLogger,
  renderManager,
  renderModules,
  renderRtp,
} from "./render-core.ts";
import { renderSip } from "./render-sip.ts";

/** Files that Asterisk's core looks for and complains about; their defaults are what we want. */
const EMPTY = ["acl", "ccss", "cel", "codecs", "pjproject", "res_parking", "sorcery", "stasis", "udptl"];

/** Everything that Asterisk reads, from one model. Error `sip-value` for a value that could leave its place. */
export function renderProfile(model: SipModel): Profile {
  const files: [string, string][] = [
    ["asterisk.conf", renderAsterisk(model)],
    ["modules.conf", renderModules()],
    ["logger.conf", renderLogger()],
    ["sip.conf", renderSip(model)],
    ["extensions.conf", renderDialplan(buildDialplan(model))],
    ["rtp.conf", renderRtp(model)],
    ["indications.conf", renderIndications()],
    ["features.conf", renderFeatures()],
    ["http.conf", renderHttp(model)],
    ["ari.conf", renderAri(model)],
    ["manager.conf", renderManager(model)],
    ["cdr.conf", "[general]\nenable=no\n"],
    // Names of trunks' servers are looked up again, so that a change, or DNS that comes late, is noticed.
    ["dnsmgr.conf", "[general]\nenable=yes\nrefreshinterval=60\n"],
  ];
  const header = "; Rendered by the gateway from its configuration. Changes are found and undone.\n\n";
  return new Map([
    ...files.map(([name, text]): [string, string] => [name, header + text]),
    ...EMPTY.map((name): [string, string] => [`${name}.conf`, header]),
  ]);
}
