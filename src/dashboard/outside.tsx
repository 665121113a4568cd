import type { NatStatus } from "../status/schema.ts";
import { count, span, when } from "./format.ts";
import type { SiteView } from "./model.ts";
import { Fact, LampIcon, pure, Sheet, useNow } from "./parts.tsx";
import { text } from "./text/text.ts";

/** What stands around the gateway: trunks, the router, the exchange's contacts. */

export const Trunks = pure(function Trunks(props: { figure: number; trunks: SiteView["trunks"]; skewMs: number }) {
  const words = text.trunks;
  const now = useNow(props.skewMs, 60_000);
  const trunks = Object.values(props.trunks);
  return (
    <Sheet id="trunks" figure={props.figure} title={words.title}>
      {trunks.length === 0 && <p class="none">{words.none}</p>}
      <ul class="trunks">
        {trunks.map((trunk) => (
          <li key={trunk.trunk}>
            <LampIcon look={trunk.registered === false ? "bad" : "good"} />
            <div>
              <strong>{trunk.trunk}</strong> <span class="address">{trunk.server}</span>
              <p>
                {trunk.registered === null
                  ? words.noRegistration
                  : trunk.registered
                    ? words.registered
                    : words.notRegistered}
                , {words.since(when(trunk.sinceMs, now))}
              </p>
              <p class="use">
                <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="all" width="100" height="4" />
                  <rect class="some" width={(100 * trunk.calls) / Math.max(1, trunk.callLimit)} height="4" />
                </svg>
                <span class="figures">{words.calls(trunk.calls, trunk.callLimit)}</span>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Sheet>
  );
});

export const Nat = pure(function Nat(props: { figure: number; nat: NatStatus | null; skewMs: number }) {
  const words = text.nat;
  const { nat } = props;
  const now = useNow(props.skewMs, 10_000);
  return (
    <Sheet id="nat" figure={props.figure} title={words.title}>
      {nat === null || nat.mode === "none" ? (
        <>
          <p class="none">{words.none}</p>
          {nat?.advice == null ? (
            <p class="none">{words.noneText}</p>
          ) : (
            <>
              <h3>{words.advice}</h3>
              <p class="advice">{nat.advice}</p>
            </>
          )}
        </>
      ) : (
        <>
          <dl class="facts">
            <Fact name={words.mode[nat.mode]}>
              {nat.router ?? ""} {nat.protocol === null ? words.noProtocol : words.protocol[nat.protocol]}
            </Fact>
            <Fact name={words.external}>
              <span class="address">
                {nat.externalAddress ?? text.unknown}
                {nat.externalPort !== null && `:${nat.externalPort}`}
              </span>
            </Fact>
            {nat.stunAddress !== null && (
              <Fact name={words.stun}>
                <span class="address">{nat.stunAddress}</span>
              </Fact>
            )}
            <Fact name={words.double}>{nat.doubleNat ? <strong>{words.doubleText}</strong> : words.single}</Fact>
          </dl>
          <h3>{words.mappings}</h3>
          {nat.mappings.length === 0 && <p class="none">{words.noMappings}</p>}
          <ul class="mappings">
            {nat.mappings.map((mapping) => (
              <li key={mapping.name}>
                <LampIcon look={mapping.fault === null ? "good" : "bad"} />
                <span>
                  {mapping.name} {mapping.externalPort !== null && words.port(String(mapping.externalPort))}
                </span>
                <span class="aside">
                  {mapping.fault ??
                    (mapping.expiresMs === null
                      ? words.mapped
                      : words.expires(span(Math.max(0, mapping.expiresMs - now))))}
                </span>
              </li>
            ))}
          </ul>
          {nat.advice !== null && <p class="advice">{nat.advice}</p>}
          {nat.faults.length > 0 && (
            <ul class="faults">
              {nat.faults.map((fault) => (
                <li key={fault}>{fault}</li>
              ))}
            </ul>
          )}
        </>
      )}
    </Sheet>
  );
});

export const Inputs = pure(function Inputs(props: { figure: number; inputs: SiteView["inputs"]; skewMs: number }) {
  const words = text.inputs;
  const now = useNow(props.skewMs, 10_000);
  const inputs = Object.values(props.inputs);
  return (
    <Sheet id="inputs" figure={props.figure} title={words.title}>
      {inputs.length === 0 && <p class="none">{words.none}</p>}
      <ul class="inputs">
        {inputs.map((input) => (
          <li key={input.input} class={input.active === true && input.alarm ? "alarm" : undefined}>
            <LampIcon look={input.active === null ? "warn" : !input.active ? "off" : input.alarm ? "bad" : "busy"} />
            <span class="label">
              <strong>{input.label}</strong>
              <small>
                {input.active === null ? words.unreadable : input.active ? words.active : words.rest}
                {`, ${text.trunks.since(when(input.sinceMs, now))}`}
              </small>
            </span>
            <span class="figures">
              <strong>{words.today(count(input.operationsToday))}</strong>
              <small>{words.ever(count(input.operations))}</small>
            </span>
          </li>
        ))}
      </ul>
    </Sheet>
  );
});
