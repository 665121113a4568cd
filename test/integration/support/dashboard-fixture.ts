import type {
  CallStatus,
  GatewayStatus,
  GuardStatus,
  InputStatus,
  LineStatusPayload,
  NatStatus,
  SystemStatus,
  TrunkStatus,
} from "../../../src/status/schema.ts";
import type { BrokerState, HistoryView, SiteMessage } from "../../../src/status/types.ts";

/** A busy evening at an exchange, in the shapes of the status model. Addresses are those of documentation. */

export const SITE = "camp";
export const OTHER = "north-field";

const MINUTE = 60_000;

export function line(
  name: string,
  nowMs: number,
  change: Partial<Omit<LineStatusPayload, "dial">> & { dial?: Partial<LineStatusPayload["dial"]> } = {},
): LineStatusPayload {
  const { dial, ...rest } = change;
  return {
    line: name,
    type: "tie-line",
    group: "ties",
    state: "idle",
    sinceMs: nowMs - 12 * MINUTE,
    blocked: false,
    call: null,
    digits: "",
    dial: { ips: 10.1, breakPercent: 66.4, digits: 412, errors: 1, falseBreaks: 3, warn: false, ...dial },
    callsToday: { fromPax: 14, toPax: 9, answered: 17 },
    ...rest,
  };
}

export function call(id: string, nowMs: number, change: Partial<CallStatus> = {}): CallStatus {
  return {
    call: id,
    direction: "from-pax",
    line: "tie-1",
    number: "4170",
    caller: "27",
    via: "event",
    phase: "talking",
    begunMs: nowMs - 80_000,
    answeredMs: nowMs - 62_000,
    endedMs: null,
    reason: null,
    ...change,
  };
}

export function gateway(change: Partial<GatewayStatus> = {}): GatewayStatus {
  const startedMs = Date.now() - 31 * 3_600_000;
  return {
    site: SITE,
    name: "Camp exchange",
    version: "0.4.0",
    system: { slot: "b", trial: true },
    state: "ready",
    fault: null,
    simulated: false,
    startedMs,
    readyMs: startedMs + 9_000,
    ...change,
  };
}

export function lines(nowMs: number): LineStatusPayload[] {
  return [
    line("tie-1", nowMs, { state: "talking", call: "c1", digits: "4170", sinceMs: nowMs - 62_000 }),
    line("tie-2", nowMs, {
      state: "seized",
      call: "c2",
      digits: "22",
      sinceMs: nowMs - 7_000,
      dial: { ips: 8.2, breakPercent: 71, digits: 96 },
    }),
    line("tie-3", nowMs, { state: "awaiting-answer", call: "c3", digits: "31", sinceMs: nowMs - 11_000 }),
    line("tie-4", nowMs),
    line("desk-5", nowMs, {
      type: "subscriber",
      group: "desks",
      state: "parked",
      dial: { ips: 13.4, breakPercent: 78.2, warn: true, digits: 60, errors: 7 },
    }),
    line("desk-6", nowMs, { type: "subscriber", group: "desks", blocked: true }),
    line("desk-7", nowMs, { type: "subscriber", group: "desks", state: "fault" }),
    line("desk-8", nowMs, { type: "subscriber", group: "desks", state: "proceeding", call: "c4", digits: "4711" }),
  ];
}

export function guard(nowMs: number): GuardStatus {
  const ban = (address: string, reason: string, minutes: number, count = 1) => ({
    address,
    reason,
    sinceMs: nowMs - minutes * MINUTE,
    untilMs: nowMs + (60 - minutes) * MINUTE,
    count,
  });
  return {
    protect: "host",
    mode: "open",
    inForce: true,
    faults: [],
    trial: {
      state: "on-trial",
      endsMs: nowMs + 95_000,
      changes: ["firewall.lists.allowed: 192.0.2.0/24 added"],
    },
    droppedPerMinute: 47,
    dropped: 184_213,
    counters: { "sip-blocked": 120_004, "sip-limited": 3_882 },
    scanner: { "friendly-scanner": 5_120, sipvicious: 884, pplsip: 31 },
    sources: { trusted: 2, registered: 38, allowed: 3, blocked: 98_231, limited: 12 },
    lists: [
      { name: "apiban", entries: 1_922, updatedMs: nowMs - 42 * MINUTE, fault: null },
      { name: "voipbl", entries: 96_309, updatedMs: nowMs - 31 * 3_600_000, fault: "the server answered 503" },
    ],
    bans: {
      total: 31,
      latest: [
        ban("203.0.113.77", "guessed at passwords: 12 in 10 s", 3, 4),
        ban("198.51.100.0/24", "scanner: friendly-scanner", 14),
        ban("2001:db8:5a::17", "calls to numbers that do not exist", 31, 2),
        ban("203.0.113.9", "malformed SIP", 44),
      ],
    },
    top: [
      { address: "203.0.113.77", count: 41 },
      { address: "198.51.100.0/24", count: 29 },
      { address: "203.0.113.9", count: 12 },
      { address: "2001:db8:5a::17", count: 4 },
    ],
  };
}

export function nat(nowMs: number): NatStatus {
  return {
    mode: "upstream",
    protocol: "pcp",
    router: "192.168.7.1",
    externalAddress: "198.51.100.20",
    externalPort: 5060,
    stunAddress: "198.51.100.20",
    doubleNat: false,
    mappings: [
      { name: "sip", externalPort: 5060, expiresMs: nowMs + 41 * MINUTE, fault: null },
      { name: "rtp", externalPort: 16_384, expiresMs: nowMs + 41 * MINUTE, fault: null },
    ],
    advice: null,
    faults: [],
  };
}

export function system(nowMs: number): SystemStatus {
  return {
    atMs: nowMs,
    model: "Raspberry Pi 4 Model B Rev 1.4",
    os: "Debian GNU/Linux 11 (bullseye)",
    cpuPercent: 7.4,
    load: 0.21,
    temperatureC: 48.7,
    memoryTotalMb: 1_848,
    memoryAvailableMb: 1_402,
    processMb: 88,
    uptimeS: 31 * 3_600,
    disk: { totalMb: 14_800, freeMb: 11_920, writtenMb: 512, wearPercent: null },
    throttled: { underVoltage: false, capped: false, throttled: false, sinceBoot: false },
  };
}

export function trunk(nowMs: number, change: Partial<TrunkStatus> = {}): TrunkStatus {
  return {
    trunk: "event",
    server: "sip.event.example",
    registered: true,
    sinceMs: nowMs - 5 * 3_600_000,
    calls: 2,
    callLimit: 8,
    ...change,
  };
}

export function inputs(nowMs: number): InputStatus[] {
  const one = (input: string, label: string, active: boolean | null, today: number, alarm = false): InputStatus => ({
    input,
    label,
    active,
    sinceMs: nowMs - 4 * MINUTE,
    alarm,
    operationsToday: today,
    operations: today * 61,
  });
  return [
    one("selector-1", "Selector 1 busy", true, 214),
    one("selector-2", "Selector 2 busy", false, 187),
    one("register-1", "Register in use", true, 402),
    one("fuse", "Fuse alarm", false, 0, true),
  ];
}

export function broker(nowMs: number, change: Partial<BrokerState> = {}): BrokerState {
  return {
    url: "mqtts://broker.example:8883",
    embedded: false,
    connected: true,
    sinceMs: nowMs - 31 * 3_600_000,
    fault: null,
    ...change,
  };
}

/** Everything that is retained, as `Feed.snapshot()` gives it. */
export function evening(nowMs: number, options: { alerts?: boolean; other?: boolean } = {}): SiteMessage[] {
  const ours: [string, unknown][] = [
    ["availability", "online"],
    ["heartbeat", { atMs: nowMs }],
    ["gateway", gateway()],
    ...lines(nowMs).map((one): [string, unknown] => [`lines/${one.line}`, one]),
    [
      "calls",
      {
        active: [
          call("c1", nowMs),
          call("c2", nowMs, {
            line: "tie-2",
            number: "22",
            phase: "dialling",
            answeredMs: null,
            begunMs: nowMs - 7_000,
            via: null,
            caller: "41",
          }),
          call("c3", nowMs, {
            direction: "to-pax",
            line: "tie-3",
            number: "31",
            caller: "4223",
            phase: "calling",
            answeredMs: null,
            begunMs: nowMs - 11_000,
          }),
          call("c4", nowMs, {
            line: "desk-8",
            number: "4711",
            phase: "calling",
            answeredMs: null,
            begunMs: nowMs - 5_000,
            caller: "58",
          }),
        ],
        recent: Array.from({ length: 9 }, (_, index) =>
          call(`r${index}`, nowMs, {
            direction: index % 3 === 0 ? "to-pax" : "from-pax",
            line: `tie-${(index % 4) + 1}`,
            number: index % 3 === 0 ? `${21 + index}` : `41${70 + index}`,
            caller: index % 3 === 0 ? `42${10 + index}` : `${33 + index}`,
            phase: index === 4 ? "refused" : "ended",
            begunMs: nowMs - (index + 2) * 7 * MINUTE,
            answeredMs: index === 4 || index === 6 ? null : nowMs - (index + 2) * 7 * MINUTE + 9_000,
            endedMs: nowMs - (index + 2) * 7 * MINUTE + 9_000 + index * 47_000 + 31_000,
            reason: index === 4 ? "no such number" : index === 6 ? "no answer" : "PAX cleared",
          }),
        ),
        today: { fromPax: 112, toPax: 74, answered: 151, refused: 6 },
      },
    ],
    ["trunks/event", trunk(nowMs)],
    [
      "trunks/backup",
      trunk(nowMs, { trunk: "backup", server: "203.0.113.5", registered: null, calls: 0, callLimit: 4 }),
    ],
    ["guard", guard(nowMs)],
    ["nat", nat(nowMs)],
    ["system", system(nowMs)],
    ...inputs(nowMs).map((one): [string, unknown] => [`inputs/${one.input}`, one]),
    [
      "credentials",
      { windowUntilMs: null, collectedBy: null, lastResetMs: nowMs - 26 * 3_600_000, resetPending: false },
    ],
  ];
  if (options.alerts ?? true) {
    ours.push(
      [
        "alerts/line-desk-7",
        {
          alert: "line-desk-7",
          severity: "error",
          source: "lines",
          text: "Line desk-7: its loop does not answer. Calls go by the other lines.",
          sinceMs: nowMs - 19 * MINUTE,
        },
      ],
      [
        "alerts/list-voipbl",
        {
          alert: "list-voipbl",
          severity: "warning",
          source: "guard",
          text: "Block list voipbl is 31 hours old: the server answered 503.",
          sinceMs: nowMs - 6 * 3_600_000,
        },
      ],
    );
  }
  const theirs: [string, unknown][] = [
    ["availability", "online"],
    ["heartbeat", { atMs: nowMs }],
    ["gateway", { ...gateway(), site: OTHER, name: "North field", state: "degraded" }],
    ["lines/a", line("a", nowMs)],
    ["lines/b", line("b", nowMs, { state: "talking", call: "x", digits: "12" })],
    [
      "alerts/trunk",
      { alert: "trunk", severity: "warning", source: "trunks", text: "Trunk event is not registered.", sinceMs: nowMs },
    ],
  ];
  return [
    ...ours.map(([topic, payload]) => ({ site: SITE, topic, payload, retain: true })),
    ...((options.other ?? true) ? theirs : []).map(([topic, payload]) => ({
      site: OTHER,
      topic,
      payload,
      retain: true,
    })),
  ];
}

/** A day of points, the same at each run. */
export function history(nowMs: number): HistoryView {
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const points = (point: (minute: number) => number | null) =>
    Array.from({ length: 1_440 }, (_, minute) => point(minute));
  const dial = (ips: number, percent: number, spread: number) =>
    Array.from({ length: 100 }, (_, index) => ({
      atMs: nowMs - (100 - index) * MINUTE,
      ips: index % 9 === 0 ? null : ips + (random() + random() - 1) * spread,
      breakPercent: index % 9 === 0 ? null : percent + (random() + random() - 1) * spread * 5,
    }));
  return {
    fromMs: nowMs - 1_440 * MINUTE,
    stepMs: 60_000,
    dropped: points((minute) =>
      minute < 90
        ? null
        : Math.round(20 + 18 * Math.sin(minute / 140) + random() * 14 + (minute % 300 < 22 ? 210 * random() : 0)),
    ),
    calls: points(() => Math.floor(random() * 4)),
    cpuPercent: points((minute) => 6 + 3 * Math.sin(minute / 90) + random() * 4),
    temperatureC: points((minute) => 47 + 5 * Math.sin(minute / 260) + random()),
    memoryAvailableMb: points((minute) => 1_400 - minute / 60 + random() * 8),
    digits: {
      "tie-1": dial(10.1, 66, 0.6),
      "tie-2": dial(8.3, 70, 1.1),
      "desk-5": dial(13.6, 77.4, 1.5),
    },
  };
}
