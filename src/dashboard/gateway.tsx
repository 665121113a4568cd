import { useState } from "preact/hooks";
import type { AlertStatus, CredentialsStatus, GatewayStatus, SystemStatus } from "../status/schema.ts";
import type { BrokerState } from "../status/types.ts";
import { when } from "./format.ts";
import type { SiteView } from "./model.ts";
import { OperationButton, pure, useNow } from "./parts.tsx";
import { text } from "./text/text.ts";

/** Alerts, and the gateway itself as the title block of the drawing. */

export const Alerts = pure(function Alerts({ alerts, skewMs }: { alerts: SiteView["alerts"]; skewMs: number }) {
  const now = useNow(skewMs, 60_000);
  const list: AlertStatus[] = Object.values(alerts);
  list.sort((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : a.sinceMs - b.sinceMs));
  return (
    <section id="alerts" class="alerts" aria-labelledby="alerts-title">
      <h2 id="alerts-title" class={list.length === 0 ? "hidden" : undefined}>
        {text.alerts.title}
      </h2>
      <div aria-live="polite">
        {list.length === 0 && <p class="calm">{text.alerts.none}</p>}
        <ul>
          {list.map((alert) => (
            <li key={alert.alert} class={`alert alert-${alert.severity}`}>
              <svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true">
                {alert.severity === "error" ? (
                  <path d="M8 2h8l6 6v8l-6 6H8l-6-6V8zM12 7v6M12 16v1.5" />
                ) : (
                  <path d="M12 3l10 18H2zM12 10v5M12 17v1.5" />
                )}
              </svg>
              <span class="alert-text">
                <b>{text.alerts.severity[alert.severity]}</b> {alert.text}
                <small>{text.alerts.since(alert.source, when(alert.sinceMs, now))}</small>
              </span>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
});

export const Gateway = pure(function Gateway(props: {
  figure: number;
  gateway: GatewayStatus | null;
  system: SystemStatus | null;
  credentials: CredentialsStatus | null;
  broker: BrokerState | null;
  skewMs: number;
  mine: boolean;
}) {
  const words = text.gateway;
  const now = useNow(props.skewMs, 10_000);
  const { gateway, system, credentials, broker } = props;
  if (gateway === null) return null;
  const cells: [string, string][] = [
    [words.name, gateway.name],
    [words.site, gateway.site],
    [words.state, words.states[gateway.state] + (gateway.fault === null ? "" : `: ${gateway.fault}`)],
    [words.version, gateway.version + (gateway.system === null ? "" : `, ${words.runs(gateway.system)}`)],
    [words.started, when(gateway.startedMs, now)],
    [words.machine, system?.model ?? text.unknown],
    [words.os, system?.os ?? text.unknown],
  ];
  if (broker !== null && props.mine) {
    cells.push([words.broker, broker.embedded ? words.ownBroker : broker.url]);
  }
  const open = credentials !== null && credentials.windowUntilMs !== null && credentials.windowUntilMs > now;
  return (
    <section id="gateway" class="title-block" aria-labelledby="gateway-title" tabIndex={-1}>
      <h2 id="gateway-title">
        <span class="fig" aria-hidden="true">
          {props.figure}
        </span>
        {words.title}
      </h2>
      <dl>
        {cells.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {credentials !== null && (
          <div>
            <dt>{words.credentials}</dt>
            <dd>
              {credentials.resetPending
                ? words.resetPending
                : credentials.lastResetMs === null
                  ? words.neverReset
                  : words.reset(when(credentials.lastResetMs, now))}
              {open && (
                <>
                  {`, ${words.windowOpen}. `}
                  {props.mine && <a href="/handout">{words.collect}</a>}
                </>
              )}
            </dd>
          </div>
        )}
      </dl>
      {props.mine && <Restart />}
    </section>
  );
});

/** It cuts calls off, so it asks first. */
function Restart() {
  const words = text.gateway;
  const [asking, setAsking] = useState(false);
  if (!asking) {
    return (
      <p class="actions">
        <button type="button" class="button" onClick={() => setAsking(true)}>
          {words.restart}
        </button>
      </p>
    );
  }
  return (
    <fieldset class="actions">
      <legend class="hidden">{words.restart}</legend>
      <span>{words.restartAsk}</span>{" "}
      <OperationButton name="asterisk/restart" params={{ force: true }} done={words.restarted} strong={true}>
        {words.restartYes}
      </OperationButton>{" "}
      <button type="button" class="button quiet" onClick={() => setAsking(false)}>
        {words.no}
      </button>
    </fieldset>
  );
}
