import type { FactoryPort } from "../../credentials/port.ts";
import type { RaisedAlert } from "../../status/types.ts";
import type { OtherSources } from "./sources.ts";

/** What the front asks of whoever runs the gateway. */
export interface FrontPorts extends Pick<OtherSources, "running"> {
  readonly factory: FactoryPort;
  /** The gateway is to start again in place. */
  readonly restart: () => void;
  /** Of what happened before the gateway was made: a stored state that was damaged, a start with faults. */
  readonly earlier: () => readonly RaisedAlert[];
}
