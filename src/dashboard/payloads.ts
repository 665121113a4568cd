import type {
  AlertStatus,
  BanStatus,
  CallStatus,
  CallsStatus,
  CredentialsStatus,
  DigitEvent,
  GatewayStatus,
  GuardStatus,
  InputStatus,
  LineStatusPayload,
  NatStatus,
  SystemStatus,
  TrunkStatus,
} from "../status/schema.ts";
import type { BrokerState, HistoryView } from "../status/types.ts";
import { bool, type Decoder, list, nullable, num, object, oneOf, record, str } from "./decode.ts";

/** A decoder for each payload of the status model; the compiler holds them to the schemas' types. */

export const gateway = object<GatewayStatus>({
  site: str,
  name: str,
  version: str,
  system: nullable(object<NonNullable<GatewayStatus["system"]>>({ slot: oneOf(["a", "b"]), trial: bool })),
  state: oneOf(["starting", "ready", "degraded", "faulty", "stopping"]),
  fault: nullable(str),
  simulated: bool,
  startedMs: num,
  readyMs: nullable(num),
});

export const line = object<LineStatusPayload>({
  line: str,
  type: oneOf(["tie-line", "subscriber"]),
  group: str,
  state: oneOf([
    "starting",
    "idle",
    "seized",
    "proceeding",
    "talking",
    "seizing",
    "sending",
    "awaiting-answer",
    "second-stage",
    "awaiting-clear",
    "guard",
    "parked",
    "fault",
  ]),
  sinceMs: num,
  blocked: bool,
  call: nullable(str),
  digits: str,
  dial: object<LineStatusPayload["dial"]>({
    ips: nullable(num),
    breakPercent: nullable(num),
    digits: num,
    errors: num,
    falseBreaks: num,
    warn: bool,
  }),
  callsToday: object<LineStatusPayload["callsToday"]>({ fromPax: num, toPax: num, answered: num }),
});

export const digit = object<DigitEvent>({
  atMs: num,
  digit: nullable(num),
  reason: nullable(str),
  ips: nullable(num),
  breakPercent: nullable(num),
});

const call = object<CallStatus>({
  call: str,
  direction: oneOf(["from-pax", "to-pax"]),
  line: nullable(str),
  number: str,
  caller: str,
  via: nullable(str),
  phase: oneOf(["dialling", "calling", "talking", "ended", "refused"]),
  begunMs: num,
  answeredMs: nullable(num),
  endedMs: nullable(num),
  reason: nullable(str),
});

export const calls = object<CallsStatus>({
  active: list(call, 64),
  recent: list(call, 20),
  today: object<CallsStatus["today"]>({ fromPax: num, toPax: num, answered: num, refused: num }),
});

export const trunk = object<TrunkStatus>({
  trunk: str,
  server: str,
  registered: nullable(bool),
  sinceMs: num,
  calls: num,
  callLimit: num,
});

const ban = object<BanStatus>({ address: str, reason: str, sinceMs: num, untilMs: nullable(num), count: num });

export const guard = object<GuardStatus>({
  protect: oneOf(["host", "gateway", "none"]),
  mode: oneOf(["allowlist", "open"]),
  inForce: bool,
  faults: list(str, 20),
  trial: object<GuardStatus["trial"]>({
    state: oneOf(["confirmed", "on-trial", "reverted"]),
    endsMs: nullable(num),
    changes: list(str, 50),
  }),
  droppedPerMinute: num,
  dropped: num,
  counters: record(num, 64),
  scanner: record(num, 64),
  sources: object<GuardStatus["sources"]>({ trusted: num, registered: num, allowed: num, blocked: num, limited: num }),
  lists: list(
    object<GuardStatus["lists"][number]>({ name: str, entries: num, updatedMs: nullable(num), fault: nullable(str) }),
    32,
  ),
  bans: object<GuardStatus["bans"]>({ total: num, latest: list(ban, 20) }),
  top: list(object<GuardStatus["top"][number]>({ address: str, count: num }), 10),
});

export const nat = object<NatStatus>({
  mode: oneOf(["none", "upstream", "router"]),
  protocol: nullable(oneOf(["pcp", "nat-pmp", "upnp"])),
  router: nullable(str),
  externalAddress: nullable(str),
  externalPort: nullable(num),
  stunAddress: nullable(str),
  doubleNat: bool,
  mappings: list(
    object<NatStatus["mappings"][number]>({
      name: str,
      externalPort: nullable(num),
      expiresMs: nullable(num),
      fault: nullable(str),
    }),
    16,
  ),
  advice: nullable(str),
  faults: list(str, 20),
});

export const system = object<SystemStatus>({
  atMs: num,
  model: nullable(str),
  os: str,
  cpuPercent: nullable(num),
  load: num,
  temperatureC: nullable(num),
  memoryTotalMb: num,
  memoryAvailableMb: num,
  processMb: num,
  uptimeS: num,
  disk: object<SystemStatus["disk"]>({
    totalMb: num,
    freeMb: num,
    writtenMb: nullable(num),
    wearPercent: nullable(num),
  }),
  throttled: nullable(
    object<NonNullable<SystemStatus["throttled"]>>({
      underVoltage: bool,
      capped: bool,
      throttled: bool,
      sinceBoot: bool,
    }),
  ),
});

export const input = object<InputStatus>({
  input: str,
  label: str,
  active: nullable(bool),
  sinceMs: num,
  alarm: bool,
  operationsToday: num,
  operations: num,
});

export const alert = object<AlertStatus>({
  alert: str,
  severity: oneOf(["warning", "error"]),
  source: str,
  text: str,
  sinceMs: num,
});

export const credentials = object<CredentialsStatus>({
  windowUntilMs: nullable(num),
  collectedBy: nullable(str),
  lastResetMs: nullable(num),
  resetPending: bool,
});

export const heartbeat = object<{ atMs: number }>({ atMs: num });

export const broker = object<BrokerState>({
  url: str,
  embedded: bool,
  connected: bool,
  sinceMs: num,
  fault: nullable(str),
});

const MINUTES = 24 * 60;
const points: Decoder<(number | null)[]> = list(nullable(num), MINUTES);

export const DIGITS_KEPT = 100;

export const history = object<HistoryView>({
  fromMs: num,
  stepMs: (value) => (value === 60_000 ? { value: 60_000 } : null),
  dropped: points,
  calls: points,
  cpuPercent: points,
  temperatureC: points,
  memoryAvailableMb: points,
  digits: record(
    list(
      object<HistoryView["digits"][string][number]>({ atMs: num, ips: nullable(num), breakPercent: nullable(num) }),
      DIGITS_KEPT,
    ),
    64,
  ),
});
