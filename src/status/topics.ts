import {
  alertSchema,
  buttonEventSchema,
  callEventSchema,
  callsSchema,
  credentialsSchema,
  digitEventSchema,
  gatewaySchema,
  guardEventSchema,
  guardSchema,
  heartbeatSchema,
  inputSchema,
  lineSchema,
  natSchema,
  systemSchema,
  trunkSchema,
} from "./schema.ts";
import { operationNames } from "./types.ts";
import {
  answerSchema,
  availabilitySchema,
  credentialsEventSchema,
  type PayloadSchema,
  requestSchema,
  sharedBanSchema,
} from "./wire/schema.ts";

/** One topic, or one kind of topic, below `<base>/<site>/`. */
export interface TopicSpec {
  /** `<line>` and so on stand for one level: a name of the configuration, or of an alert. `<operation>` may be two. */
  readonly pattern: string;
  readonly retained: boolean;
  /** `text`: the payload is plain text, not JSON. */
  readonly kind: "state" | "event" | "request" | "response" | "text";
  readonly schema: PayloadSchema;
  readonly description: string;
}

const state = (pattern: string, schema: PayloadSchema, description: string): TopicSpec => ({
  pattern,
  retained: true,
  kind: "state",
  schema,
  description,
});

const event = (pattern: string, schema: PayloadSchema, description: string): TopicSpec => ({
  pattern,
  retained: false,
  kind: "event",
  schema,
  description,
});

/** Every topic of a gateway. The table of topics and their JSON Schemas are generated from it. */
export const topics: readonly TopicSpec[] = [
  {
    pattern: "availability",
    retained: true,
    kind: "text",
    schema: availabilitySchema,
    description: "Whether the gateway is on the broker. `offline` is its last will.",
  },
  state("heartbeat", heartbeatSchema, "That the gateway is there, every status.heartbeatSeconds."),
  state("gateway", gatewaySchema, "The gateway as a whole."),
  state("lines/<line>", lineSchema, "A line to the PAX, the health of the dials heard on it, and its calls today."),
  event("lines/<line>/digit", digitEventSchema, "A digit was dialled on the line."),
  state("calls", callsSchema, "Calls under way, the latest that ended, and the counts of today."),
  event("calls/event", callEventSchema, "Something happened to a call."),
  state("trunks/<trunk>", trunkSchema, "A trunk to the event network and its registration."),
  state("guard", guardSchema, "The firewall: counters, bans, block lists."),
  event("guard/event", guardEventSchema, "The firewall banned or released a source, or a trial of its rules ended."),
  event("guard/bans", sharedBanSchema, "A ban for the other gateways, where status.fleet.shareBans is on; signed."),
  state("nat", natSchema, "How the world reaches the gateway through a router."),
  state("system", systemSchema, "The machine."),
  state("inputs/<input>", inputSchema, "A monitored input of the exchange and how often it operated."),
  state("alerts/<alert>", alertSchema, "Something that somebody should see to. Deleted when it is resolved."),
  event("credentials/event", credentialsEventSchema, "Credentials were made anew, or collected: the audit record."),
  event("button", buttonEventSchema, "The reset button was pressed."),
  state("credentials", credentialsSchema, "How the issued credentials stand; never the credentials themselves."),
  {
    pattern: "request/<operation>",
    retained: false,
    kind: "request",
    schema: requestSchema,
    description: `Asks for an operation, where status.requests is on: ${operationNames.join(", ")}.`,
  },
  {
    pattern: "response/<operation>",
    retained: false,
    kind: "response",
    schema: answerSchema,
    description: "The answer to a request.",
  },
];

const patterns = topics.map((spec) => ({ spec, form: formOf(spec.pattern) }));

/** What is said of the topic, which is below `<base>/<site>/`; undefined: the gateway has no such topic. */
export function specOf(topic: string): TopicSpec | undefined {
  return patterns.find(({ form }) => form.test(topic))?.spec;
}

function formOf(pattern: string): RegExp {
  const level = "[a-z0-9-]{1,64}";
  const form = pattern.replace("<operation>", `${level}(?:/${level})?`).replace(/<[a-z]+>/, level);
  return new RegExp(`^${form}$`);
}
