import type { MishapRates } from "./mishaps.ts";
import { mix, Random } from "./random.ts";
import { type Limit, limitOf } from "./themes/limit.ts";
import {
  type Theme,
  type ThemeAction,
  themeOf,
  weightsOf,
} from "./themes/themes.ts";

/** What goes wrong in a run. */
export const MODES = [
  "calm",
  "crash",
  "loss",
  "slow",
  "clock",
  "all",
] as const;

/** One of {@linkcode MODES}. */
export type Mode = typeof MODES[number];

/** What the handler of a request does. */
export type Action =
  | "look"
  | "visit"
  | "set"
  | "delete"
  | "login"
  | "renew"
  | "logout"
  | "expire"
  | "register"
  | "listen"
  | "stream"
  | "late"
  | "endAll"
  | ThemeAction;

/** Which token a request comes with. */
export type Presented = "jar" | "old" | "other" | "both" | "none";

/** A request of a client. */
export interface AskStep {
  readonly kind: "ask";
  readonly client: number;
  readonly host: number;
  readonly action: Action;
  readonly presents: Presented;
  readonly key: string;
  readonly principal: string;
  /** Milliseconds that the handler waits. */
  readonly wait: number;
  /** Milliseconds that the handler blocks the event loop. */
  readonly block: number;
  readonly isHead: boolean;
  /** Chooses among several possibilities. */
  readonly choice: number;
}

/** Something that goes wrong at a host, or at the store. */
export interface TroubleStep {
  readonly kind:
    | "crash"
    | "close"
    | "freeze"
    | "sleep"
    | "cut"
    | "away"
    | "set-clock"
    | "set-store-clock"
    | "lose";
  readonly host: number;
  /** Milliseconds; for a loss, which session it is, from 0 to 1. */
  readonly lasts: number;
  readonly isSilent: boolean;
}

/** Something that happens from outside, at a simulated time. */
export type Step =
  & { readonly at: number }
  & (AskStep | TroubleStep | { readonly kind: "nothing" });

/** The world of a seed, and what happens in it. */
export interface Plan {
  readonly theme: Theme;
  /** The limit of sessions of a principal; undefined for none. */
  readonly limit: Limit | undefined;
  readonly hosts: number;
  readonly clients: number;
  readonly isDirect: boolean;
  /** Seconds. */
  readonly sessionTimeout: number;
  readonly absoluteTimeout: number;
  readonly renewalGrace: number;
  readonly endLease: number;
  readonly rates: MishapRates;
  /** How far the clocks of hosts may be set, and whether they drift. */
  readonly offsets: readonly number[];
  readonly drifts: readonly number[];
  /** How often a named callback fails. */
  readonly failures: number;
  /** How often a handler throws. */
  readonly throws: number;
  /** Seconds after which a visitor is away; undefined if presence is not observed. */
  readonly awayAfter: number | undefined;
  /** How often a client leaves before it has its response. */
  readonly leaves: number;
  readonly steps: readonly Step[];
}

const CALM: MishapRates = { lost: 0, slow: 0, slowest: 0, doubled: 0 };

const RATES: Readonly<Record<Mode, MishapRates>> = {
  calm: CALM,
  crash: CALM,
  loss: { lost: 0.015, slow: 0.01, slowest: 400, doubled: 0.01 },
  slow: { lost: 0, slow: 0.03, slowest: 5000, doubled: 0 },
  clock: CALM,
  all: { lost: 0.008, slow: 0.015, slowest: 4000, doubled: 0.005 },
};

type Trouble = TroubleStep["kind"];

const TROUBLES: Readonly<Record<Mode, readonly Trouble[]>> = {
  calm: ["close"],
  crash: ["crash", "crash", "freeze", "close", "away"],
  loss: ["cut", "cut", "away"],
  slow: ["freeze"],
  clock: ["set-clock", "set-clock", "sleep", "set-store-clock"],
  all: [
    "crash",
    "close",
    "freeze",
    "sleep",
    "cut",
    "away",
    "set-clock",
    "set-store-clock",
  ],
};

const ACTIONS: Readonly<Record<Exclude<Action, ThemeAction>, number>> = {
  look: 4,
  visit: 6,
  set: 7,
  delete: 2,
  login: 5,
  renew: 4,
  logout: 2,
  expire: 0.6,
  register: 2.5,
  listen: 1,
  stream: 0.8,
  late: 1,
  endAll: 0.4,
};

const PRESENTED: Readonly<Record<Presented, number>> = {
  jar: 40,
  old: 3,
  other: 2,
  both: 1,
  none: 1,
};

/** Makes the plan of a seed. */
export function planOf(
  seed: number,
  mode: Mode,
  theme: Theme = themeOf(seed),
): Plan {
  const random = new Random(seed);
  const hosts = random.pick([1, 2, 2, 3, 3]);
  const clients = random.pick([1, 2, 2, 3, 4]);
  const lasts = random.between(6000, 22_000);
  const isDirect = mode !== "loss" && mode !== "slow" && mode !== "all" &&
    random.chance(0.15);
  const isClock = mode === "clock" || mode === "all";
  const steps: Step[] = [];
  const asks = 5 + random.below(22);
  const isHasty = random.chance(0.4);
  let at = 50;
  for (let count = 0; count < asks; count++) {
    const pause = isHasty && random.chance(0.7)
      ? random.between(0, 25)
      : random.next() ** 2 * 3 * lasts / asks;
    at += pause;
    steps.push({ at, ...askOf(random, { hosts, clients, isDirect, theme }) });
  }
  const troubles = TROUBLES[mode];
  const count = mode === "calm"
    ? Number(random.chance(0.3))
    : 1 + random.below(5);
  for (let index = 0; index < count; index++) {
    steps.push({
      at: random.between(500, at + 3000),
      kind: random.pick(troubles),
      host: random.below(hosts),
      lasts: random.next() ** 2 * 9000 + 20,
      isSilent: random.chance(0.4),
    });
  }
  if (theme === "lost") steps.push(...lossesOf(seed, at));
  const each = <T>(make: () => T) => Array.from({ length: hosts }, make);
  return {
    theme,
    limit: theme === "limit" ? limitOf(seed) : undefined,
    hosts,
    clients,
    isDirect,
    sessionTimeout: random.pick([1.5, 4, 8]),
    absoluteTimeout: random.pick([Infinity, Infinity, Infinity, 9]),
    renewalGrace: random.pick([1, 3, 10]),
    endLease: random.pick([4, 10]),
    rates: RATES[mode],
    offsets: each(() => isClock ? Math.round(random.between(-9e5, 9e5)) : 0),
    drifts: each(() => isClock ? 1 + random.between(-0.002, 0.002) : 1),
    failures: random.pick([0, 0, 0.15]),
    throws: theme === "throws" ? 0.35 : theme === "leaves" ? 0.1 : 0,
    leaves: theme === "leaves" ? 0.4 : 0,
    awayAfter: theme === "presence" ? [1.5, 3][seed % 2] : undefined,
    steps: steps.toSorted((one, other) => one.at - other.at),
  };
}

/** Returns the steps at which the store loses sessions. */
function lossesOf(seed: number, last: number): Step[] {
  const random = new Random(mix(seed, "lost"));
  return Array.from({ length: 1 + random.below(3) }, () => ({
    at: random.between(300, last + 500),
    kind: "lose",
    host: 0,
    lasts: random.next(),
    isSilent: false,
  }));
}

function askOf(
  random: Random,
  { hosts, clients, isDirect, theme }: {
    readonly hosts: number;
    readonly clients: number;
    readonly isDirect: boolean;
    readonly theme: Theme;
  },
): AskStep {
  const isWaiting = random.chance(0.35);
  return {
    kind: "ask",
    client: random.below(clients),
    host: random.below(hosts),
    action: random.weighted<Action>({ ...ACTIONS, ...weightsOf(theme) }),
    presents: random.weighted(PRESENTED),
    key: random.pick(["a", "a", "b"]),
    principal: random.pick(["alice", "alice", "alice", "bob"]),
    wait: isWaiting ? 1 + random.next() ** 3 * 6000 : 0,
    block: !isDirect && random.chance(0.03) ? random.between(5, 1500) : 0,
    isHead: random.chance(0.02),
    choice: random.next(),
  };
}
