import { useEffect, useState } from "preact/hooks";
import { Calls } from "./calls.tsx";
import { Dials } from "./dials.tsx";
import { Exchange } from "./exchange.tsx";
import { Alerts, Gateway } from "./gateway.tsx";
import { Guard } from "./guard.tsx";
import { BrokerBanner, Fleet, LampStrip, Plate, StaleBanner } from "./head.tsx";
import type { Live } from "./live.ts";
import { type Link, shownSite, staleness } from "./model.ts";
import { Inputs, Nat, Trunks } from "./outside.tsx";
import { useNow } from "./parts.tsx";
import { System } from "./system.tsx";
import { text } from "./text/text.ts";
import { applyTheme, onSystemTheme, storedTheme, type Theme } from "./theme.ts";

/** The whole sheet. It draws the view it is given; each section draws again only when its own part has changed. */
export function App({ live, onLogOut }: { live: Live; onLogOut: () => void }) {
  const [view, setView] = useState(live.view);
  useEffect(() => {
    setView(live.view);
    return live.onFrame(setView);
  }, [live]);

  const [theme, setTheme] = useState<Theme>(storedTheme);
  const [systemTheme, countSystemTheme] = useState(0);
  useEffect(() => onSystemTheme(() => countSystemTheme((count) => count + 1)), []);
  const choose = (next: Theme) => {
    applyTheme(next);
    setTheme(next);
  };
  const plotTheme = `${theme}${systemTheme}`;

  const site = shownSite(view);
  const { skewMs } = view;
  const mine = site?.site === view.own;
  const history = mine ? view.history : null;
  const stale = staleness(view, site, useNow(skewMs, 5_000));

  useEffect(() => {
    document.title = site?.gateway?.name ?? text.title;
  }, [site?.gateway?.name]);

  return (
    <div class={stale === null ? "page" : "page stale"}>
      <a class="skip" href="#main">
        {text.skip}
      </a>
      <Plate
        gateway={site?.gateway ?? null}
        link={view.link}
        skewMs={skewMs}
        theme={theme}
        onTheme={choose}
        onLogOut={onLogOut}
      />
      <StaleBanner stale={stale} />
      {stale?.why !== "gateway" && stale?.why !== "broker" && <BrokerBanner broker={view.broker} />}
      <Fleet
        sites={view.sites}
        own={view.own}
        shown={site?.site ?? ""}
        skewMs={skewMs}
        onChoose={(chosen) => live.dispatch({ type: "choose", site: chosen })}
      />
      <main id="main" tabIndex={-1}>
        {site === null ? (
          <Waiting link={view.link} />
        ) : (
          <>
            <Alerts alerts={site.alerts} skewMs={skewMs} />
            <LampStrip site={site} />
            <div class="sheets">
              <Exchange
                figure={1}
                lines={site.lines}
                calls={site.calls}
                lastDigit={site.lastDigit}
                skewMs={skewMs}
                mine={mine}
              />
              <Calls figure={2} calls={site.calls} skewMs={skewMs} />
              <Dials figure={3} lines={site.lines} heard={site.heard} />
              <Guard figure={4} guard={site.guard} history={history} skewMs={skewMs} theme={plotTheme} mine={mine} />
              <Trunks figure={5} trunks={site.trunks} skewMs={skewMs} />
              <Nat figure={6} nat={site.nat} skewMs={skewMs} />
              <Inputs figure={7} inputs={site.inputs} skewMs={skewMs} />
              <System figure={8} system={site.system} history={history} theme={plotTheme} mine={mine} />
              <Gateway
                figure={9}
                gateway={site.gateway}
                system={site.system}
                credentials={site.credentials}
                broker={view.broker}
                skewMs={skewMs}
                mine={mine}
              />
            </div>
          </>
        )}
      </main>
    </div>
  );
}

function Waiting({ link }: { link: Link }) {
  return <p class="waiting">{link.state === "live" ? text.link.noSite : text.link.connecting}</p>;
}
