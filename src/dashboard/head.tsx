import type { GatewayStatus } from "../status/schema.ts";
import type { BrokerState } from "../status/types.ts";
import { clock } from "./format.ts";
import {
  callsLamp,
  dialsLamp,
  engaged,
  gatewayLamp,
  guardLamp,
  inputsLamp,
  type LampLook,
  linesLamp,
  natLamp,
  systemLamp,
  trunksLamp,
} from "./looks.ts";
import type { Link, SiteView, Staleness, View } from "./model.ts";
import { SILENT_MS } from "./model.ts";
import { LampIcon, pure, useNow } from "./parts.tsx";
import { text } from "./text/text.ts";
import { type Theme, themes } from "./theme.ts";

/** The head of the sheet: name plate, clock, the strip of supervisory lamps, banners, the fleet. */

export const Plate = pure(function Plate(props: {
  gateway: GatewayStatus | null;
  link: Link;
  skewMs: number;
  theme: Theme;
  onTheme: (theme: Theme) => void;
  onLogOut: () => void;
}) {
  const now = useNow(props.skewMs);
  return (
    <header class="plate-head">
      <div class="name">
        <h1>{props.gateway?.name ?? text.title}</h1>
        {props.gateway?.simulated && <span class="stamp">{text.gateway.simulated}</span>}
      </div>
      <p class="clock">
        <span class={`pulse pulse-${props.link.state}`} aria-hidden="true" />
        <span class="hidden">{props.link.state === "live" ? text.link.live : ""}</span>
        <time>{clock(now)}</time>
      </p>
      <div class="controls">
        <fieldset class="themes">
          <legend class="hidden">{text.theme.label}</legend>
          {themes.map((theme) => (
            <label key={theme}>
              <input
                type="radio"
                name="theme"
                value={theme}
                checked={props.theme === theme}
                onChange={() => props.onTheme(theme)}
              />
              <span>{text.theme[theme]}</span>
            </label>
          ))}
        </fieldset>
        <button type="button" class="button quiet" onClick={props.onLogOut}>
          {text.logOut}
        </button>
      </div>
    </header>
  );
});

/** One lamp for each section, and the way to it. */
export const LampStrip = pure(function LampStrip({ site }: { site: SiteView }) {
  const lamps = [
    { id: "exchange", title: text.exchange.title, lamp: linesLamp(site) },
    { id: "calls", title: text.calls.title, lamp: callsLamp(site) },
    { id: "dials", title: text.dials.title, lamp: dialsLamp(site) },
    { id: "guard", title: text.guard.title, lamp: guardLamp(site) },
    { id: "trunks", title: text.trunks.title, lamp: trunksLamp(site) },
    { id: "nat", title: text.nat.title, lamp: natLamp(site) },
    { id: "inputs", title: text.inputs.title, lamp: inputsLamp(site) },
    { id: "system", title: text.system.title, lamp: systemLamp(site) },
    { id: "gateway", title: text.gateway.title, lamp: gatewayLamp(site) },
  ];
  return (
    <nav class="strip" aria-label={text.summary}>
      <ul>
        {lamps.map(({ id, title, lamp }) => (
          <li key={id}>
            <a href={`#${id}`}>
              <LampIcon look={lamp.look} />
              <span class="strip-title">{title}</span>
              <span class="strip-word">{lamp.word}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
});

export function StaleBanner({ stale }: { stale: Staleness }) {
  return (
    <div role="alert" class="banners">
      {stale !== null && (
        <p class="banner stale-banner">
          <strong>{text.link.staleSince(clock(stale.sinceMs))}</strong> <span>{text.link.why[stale.why]}</span>
        </p>
      )}
    </div>
  );
}

export function BrokerBanner({ broker }: { broker: BrokerState | null }) {
  return (
    <div role="status" class="banners">
      {broker !== null && !broker.connected && (
        <p class="banner">
          <strong>{text.link.brokerLost(clock(broker.sinceMs))}</strong> <span>{text.link.brokerLostText}</span>
        </p>
      )}
    </div>
  );
}

export const Fleet = pure(function Fleet(props: {
  sites: View["sites"];
  own: string;
  shown: string;
  skewMs: number;
  onChoose: (site: string) => void;
}) {
  const now = useNow(props.skewMs, 10_000);
  const sites = Object.values(props.sites);
  if (sites.length < 2) return null;
  sites.sort((a, b) => Number(b.site === props.own) - Number(a.site === props.own) || (a.site < b.site ? -1 : 1));
  return (
    <section class="fleet" aria-labelledby="fleet-title">
      <h2 id="fleet-title">{text.fleet.title}</h2>
      <ul>
        {sites.map((site) => {
          const own = site.site === props.own;
          const { look, word } = stateOf(site, own, now);
          const lines = Object.values(site.lines);
          return (
            <li key={site.site}>
              <button type="button" aria-pressed={site.site === props.shown} onClick={() => props.onChoose(site.site)}>
                <LampIcon look={look} />
                <span class="fleet-name">{site.gateway?.name ?? site.site}</span>
                <span class="fleet-state">
                  {word}
                  {own && ` · ${text.fleet.own}`}
                </span>
                <span class="fleet-lines">
                  {text.fleet.lines(lines.filter(engaged).length, lines.length)},{" "}
                  {text.fleet.alerts(Object.keys(site.alerts).length)}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
      {props.shown !== props.own && <p class="note">{text.fleet.remote}</p>}
    </section>
  );
});

function stateOf(site: SiteView, own: boolean, now: number): { look: LampLook; word: string } {
  if (!own && site.availability === "offline") return { look: "bad", word: text.fleet.states.offline };
  if (!own && now - site.heardMs > SILENT_MS) return { look: "warn", word: text.fleet.states.silent };
  return gatewayLamp(site);
}
