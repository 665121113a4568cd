import { Component, type ComponentChildren, type VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { OperationName } from "../status/types.ts";
import { operate } from "./api.ts";
import type { LampLook } from "./looks.ts";
import { text } from "./text/text.ts";

/** The small parts that every section is made of. */

/** Draws again only when a prop is another object: the store keeps what has not changed. */
export function pure<P extends object>(draw: (props: P) => VNode | null) {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const keys = Object.keys(next) as (keyof P)[];
      return keys.some((key) => next[key] !== this.props[key]);
    }
    override render() {
      const Draw = draw;
      return <Draw {...(this.props as P)} />;
    }
  };
}

/** The gateway's time, ticking while somebody looks. */
export function useNow(skewMs: number, everyMs = 1_000): number {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) tick((count) => (count + 1) % 1_000_000);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Date.now() + skewMs;
}

/** A lamp of the panel. Its shape tells the look as well: ring, dot, half, triangle, cross. */
export function LampIcon({ look }: { look: LampLook }) {
  return (
    <svg class={`lamp lamp-${look}`} viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <circle class="bezel" cx="12" cy="12" r="11" />
      <circle class="glass" cx="12" cy="12" r="8" />
      {look === "good" && <circle class="mark" cx="12" cy="12" r="3.2" />}
      {look === "busy" && <path class="mark" d="M12 6a6 6 0 0 1 0 12z" />}
      {look === "warn" && <path class="mark" d="M12 6.5l5 9.5H7z" />}
      {look === "bad" && <path class="stroke" d="M8.3 8.3l7.4 7.4M15.7 8.3l-7.4 7.4" />}
    </svg>
  );
}

/** A section of the sheet: a figure with its number and title. */
export function Sheet(props: {
  id: string;
  figure: number;
  title: string;
  note?: ComponentChildren;
  children: ComponentChildren;
}) {
  const { id, figure, title, note, children } = props;
  return (
    <section id={id} class={`sheet sheet-${id}`} aria-labelledby={`${id}-title`} tabIndex={-1}>
      <header class="sheet-head">
        <h2 id={`${id}-title`}>
          <span class="fig" aria-hidden="true">
            {figure}
          </span>
          {title}
        </h2>
        {note !== undefined && <p class="note">{note}</p>}
      </header>
      {children}
    </section>
  );
}

/** A name and its value. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A button that does an operation, and says what came of it. */
export function OperationButton(props: {
  name: OperationName;
  params: object;
  label?: string;
  done?: string;
  strong?: boolean;
  children: ComponentChildren;
}) {
  const [state, setState] = useState<{ busy: boolean; words: string; failed: boolean }>({
    busy: false,
    words: "",
    failed: false,
  });
  const press = async () => {
    if (state.busy) return;
    setState({ busy: true, words: text.operation.busy, failed: false });
    const outcome = await operate(props.name, props.params);
    setState({
      busy: false,
      words: outcome.ok ? (props.done ?? "") : text.operation.failed(outcome.error.message),
      failed: !outcome.ok,
    });
  };
  return (
    <span class="operation">
      <button
        type="button"
        class={props.strong ? "button strong" : "button"}
        aria-label={props.label}
        aria-busy={state.busy}
        onClick={press}
      >
        {props.children}
      </button>
      <span class={state.failed ? "outcome failed" : "outcome"} role="status">
        {state.words}
      </span>
    </span>
  );
}
