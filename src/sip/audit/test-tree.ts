import { audit } from "./audit.ts";
import type { AuditReport, ConfigTree } from "./types.ts";

/** A directory made of texts, for the room's unit tests. */
export function treeOf(files: Readonly<Record<string, string>>, differences: Partial<ConfigTree> = {}): ConfigTree {
  return {
    root: "/etc/asterisk",
    files: new Map(Object.entries(files)),
    worldReadable: new Set(),
    skipped: [],
    ...differences,
  };
}

/** What is found, as `severity id file:line`. */
export function foundIn(files: Readonly<Record<string, string>>): string[] {
  return shortly(audit(treeOf(files)));
}

export function shortly({ findings }: AuditReport): string[] {
  return findings.map(({ severity, id, place }) => `${severity} ${id} ${place.file}:${place.line}`);
}

/** A sip.conf without fault, whose telephones come to [phones] and whose trunk to [from-trunk]. */
export const SAFE_SIP = `[general]
context=block-caller
allowguest=no
alwaysauthreject=yes
allowoverlap=no
allowtransfer=no
directmedia=no

[k7wq-kitchen]
type=friend
host=dynamic
secret=Vb4kQm92xLt7Rw
context=phones
call-limit=1
deny=0.0.0.0/0
permit=192.168.1.0/24

[trunk]
type=peer
host=sip.example.org
insecure=invite
context=from-trunk
call-limit=2
`;
