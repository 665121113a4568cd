/**
 * What every lasting helper program is started with, so that it ends with us even when we are killed: gpiomon would go on
 * holding the inputs against the next supervisor until an edge comes, dnsmasq its ports for ever. The kernel is asked for
 * that by setpriv(1). Nothing under a service manager, which tells us so by `NOTIFY_SOCKET` (sd_notify(3)): it ends all
 * processes of a unit with the main one (systemd.kill(5)) before it starts the next, and setpriv would need a system
 * call, capset, for which the unit's sandbox would have to be wider.
 */
export function endsWithUs(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return (environment["NOTIFY_SOCKET"] ?? "") === "" ? ["setpriv", "--pdeathsig", "KILL", "--"] : [];
}
