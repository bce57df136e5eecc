import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type {
  Session,
  SessionEnd,
  SessionEndReason,
  SiteRequest,
} from "../mod.ts";
import {
  cookiesOf,
  ManualClock,
  siteOf,
  visit,
  watchEnds,
} from "./helpers_session.ts";

/** New timeouts in seconds, or none. */
interface Change {
  readonly sessionTimeout: number | undefined;
  readonly absoluteTimeout: number | undefined;
}

/** What is done to a site; `who` picks one of those that there have been. */
type Act =
  | { do: "visit"; who: number | undefined; times: number; change: Change }
  | { do: "peek"; who: number }
  | { do: "make" }
  | { do: "look up"; who: number }
  | { do: "touch"; who: number }
  | { do: "change"; who: number; change: Change }
  | { do: "start"; who: number }
  | { do: "expire"; who: number; reason: SessionEndReason }
  | { do: "advance"; ms: number }
  | { do: "sleep"; ms: number };

const seconds = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0.25, 1, 1.024, 2.5, 5, 32, 900) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0.0015, 0.3333, 1e-9, Infinity) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 20_000 }).map((ms) => ms / 1000),
  },
);

const milliseconds = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 6000 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(31, 32, 999, 1000, 1023, 1024, 5000),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 4_000_000 }) },
);

const who = fc.nat({ max: 30 });

const change: fc.Arbitrary<Change> = fc.record({
  sessionTimeout: fc.option(seconds, { nil: undefined }),
  absoluteTimeout: fc.option(seconds, { nil: undefined }),
});

const noChange = fc.constant({
  sessionTimeout: undefined,
  absoluteTimeout: undefined,
});

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("visit" as const),
      who: fc.option(who, { nil: undefined }),
      times: fc.integer({ min: 1, max: 2 }),
      change: fc.oneof({ weight: 3, arbitrary: noChange }, change),
    }),
  },
  fc.record({ do: fc.constant("peek" as const), who }),
  fc.record({ do: fc.constant("make" as const) }),
  fc.record({ do: fc.constant("look up" as const), who }),
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("touch" as const), who }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("change" as const), who, change }),
  },
  fc.record({ do: fc.constant("start" as const), who }),
  fc.record({
    do: fc.constant("expire" as const),
    who,
    reason: fc.constantFrom<SessionEndReason>("logout", "revoked", "evicted"),
  }),
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: milliseconds,
    }),
  },
  fc.record({ do: fc.constant("sleep" as const), ms: milliseconds }),
);

/** What is thought of one session; times are milliseconds. */
interface Thought {
  readonly session: Session;
  /** What the visitor sends, if it was a visit that made the session. */
  cookie: string | undefined;
  readonly created: number;
  touched: number;
  /** The timeouts as they are set, in seconds. */
  idle: number;
  absolute: number;
  /** What counts, and when it was last made to count. */
  deadline: number;
  dueAs: SessionEndReason;
  armedAt: number;
  end: { reason: SessionEndReason; at: number } | undefined;
}

/** Timeouts of new sessions: short, so that many end. */
const NEW = { idle: 5, absolute: 60 };

/** The plain list that a site's sessions are compared with. */
class Model {
  readonly all: Thought[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  made(session: Session): Thought {
    const now = this.#clock.time;
    const thought: Thought = {
      session,
      cookie: undefined,
      created: now,
      touched: now,
      ...NEW,
      deadline: Infinity,
      dueAs: "idle",
      armedAt: now,
      end: undefined,
    };
    this.arm(thought);
    this.all.push(thought);
    return thought;
  }

  arm(thought: Thought): void {
    const idle = thought.touched + thought.idle * 1000;
    const absolute = thought.created + thought.absolute * 1000;
    thought.deadline = Math.min(idle, absolute);
    thought.dueAs = absolute <= idle ? "absolute" : "idle";
    thought.armedAt = this.#clock.time;
  }

  end(thought: Thought, reason: SessionEndReason, at: number): void {
    thought.end ??= { reason, at: at / 1000 };
  }

  /** Whether it is past its deadline, and so has ended. */
  isOver(thought: Thought): boolean {
    const { time } = this.#clock;
    if (time >= thought.deadline) this.end(thought, thought.dueAs, time);
    return thought.end !== undefined;
  }

  touch(thought: Thought): void {
    if (this.isOver(thought)) return;
    thought.touched = this.#clock.time;
    this.arm(thought);
  }

  /** The timers of the time from one to another fire. */
  advance(from: number, to: number): void {
    for (const thought of this.all) {
      const at = Math.max(from, Math.ceil(thought.deadline));
      if (at <= to) this.end(thought, thought.dueAs, at);
    }
  }
}

function play(acts: readonly Act[], seen: Set<string>): void {
  const clock = new ManualClock();
  const model = new Model(clock);
  let render: (request: SiteRequest) => void = () => {};
  using site = siteOf({ clock }, (request) => {
    render(request);
    return "";
  });
  const { sessionFactory } = site;
  site.sessionFactory = class extends sessionFactory {
    override sessionTimeout = NEW.idle;
    override absoluteTimeout = NEW.absolute;
  };
  const ends = watchEnds(site);
  const told: SessionEnd[] = [];
  const pick = (who: number): Thought | undefined =>
    model.all[who % model.all.length];
  const pickVisitor = (who: number | undefined): Thought | undefined => {
    if (who === undefined) return undefined;
    const visitors = model.all.filter(({ cookie }) => cookie !== undefined);
    return visitors[who % visitors.length];
  };
  const setTimeouts = (thought: Thought, change: Change): void => {
    const { session } = thought;
    if (change.sessionTimeout !== undefined) {
      session.sessionTimeout = thought.idle = change.sessionTimeout;
    }
    if (change.absoluteTimeout !== undefined) {
      session.absoluteTimeout = thought.absolute = change.absoluteTimeout;
    }
  };
  const listen = (session: Session): void =>
    session.notifyOnExpire((end) => {
      told.push(end);
    });

  const doVisit = (act: Act & { do: "visit" }): void => {
    let thought = pickVisitor(act.who);
    const sent = thought?.cookie;
    const before = model.all.length;
    render = (request) => {
      for (let i = 0; i < act.times; i++) {
        const session = request.getSession();
        if (thought !== undefined) model.touch(thought);
        if (thought === undefined || thought.end !== undefined) {
          thought = model.made(session);
          listen(session);
        }
        assertStrictEquals(session, thought.session);
      }
      // What comes of lengthening a life that is over is another matter.
      if (thought!.deadline > clock.time) setTimeouts(thought!, act.change);
    };
    const response = visit(site, sent);
    assertEquals(response.status, 200);
    assert(thought !== undefined);
    if (thought.end === undefined) model.arm(thought);
    const cookies = cookiesOf(response);
    assertEquals(cookies.length, model.all.length > before ? 1 : 0);
    thought.cookie = cookies[0] ?? sent;
  };

  const doPeek = (who: number): void => {
    const thought = pickVisitor(who);
    render = (request) => {
      const isOver = thought === undefined || model.isOver(thought);
      assertStrictEquals(
        request.session,
        isOver ? undefined : thought.session,
      );
    };
    assertEquals(visit(site, thought?.cookie).status, 200);
    if (thought !== undefined && thought.end === undefined) model.arm(thought);
  };

  const doIt = (act: Act): void => {
    if (act.do === "visit") return doVisit(act);
    if (act.do === "peek") return doPeek(act.who);
    if (act.do === "sleep") return clock.jump(act.ms);
    if (act.do === "advance") {
      model.advance(clock.time, clock.time + act.ms);
      return clock.advance(act.ms);
    }
    if (act.do === "make") {
      const session = site.makeSession();
      listen(session);
      return void model.made(session);
    }
    const thought = pick(act.who);
    if (thought === undefined) return;
    const { session } = thought;
    switch (act.do) {
      case "look up":
        assertStrictEquals(
          site.getSession(session.uid),
          model.isOver(thought) ? undefined : session,
        );
        break;
      case "touch":
        model.touch(thought);
        session.touch();
        break;
      case "change":
        setTimeouts(thought, act.change);
        break;
      case "start":
        if (thought.end === undefined && thought.deadline <= clock.time) break;
        if (thought.end === undefined) model.arm(thought);
        session.startCheckingExpiration();
        break;
      case "expire":
        model.end(thought, act.reason, clock.time);
        session.expire(act.reason);
        break;
    }
  };

  const compare = (before: number): void => {
    const live = model.all.filter(({ end }) => end === undefined);
    assertEquals(
      [...site.sessions.keys()],
      live.map(({ session }) => session.uid),
    );
    for (const thought of model.all) {
      const { session, end } = thought;
      assertEquals(
        [session.isActive, session.expiresAt, session.lastModified],
        [
          end === undefined,
          end?.at ?? thought.deadline / 1000,
          thought.touched / 1000,
        ],
      );
    }
    const of = new Map(model.all.map((thought) => [thought.session, thought]));
    const fresh = ends.slice(before);
    for (const { session, reason, at } of fresh) {
      assertEquals({ reason, at }, of.get(session)!.end);
      seen.add(reason);
    }
    assertEquals(
      new Set(ends.map(({ uid }) => uid)).size,
      model.all.length - live.length,
    );
    assertEquals(ends.length, model.all.length - live.length);
    assertEquals(told, ends);
    // In order of time, and of the deadline where several are late at once.
    const times = fresh.map(({ at }) => at);
    assertEquals(times, times.toSorted((a, b) => a - b));
    const deadlines = fresh.map(({ session }) => of.get(session)!)
      .filter(({ deadline, armedAt }) => deadline > armedAt)
      .map(({ deadline }) => Math.ceil(deadline));
    assertEquals(deadlines, deadlines.toSorted((a, b) => a - b));
    const isWaiting = live.some(({ deadline }) => deadline < Infinity);
    assert(clock.pending <= 1);
    if (live.length === 0) assertEquals(clock.pending, 0);
    if (isWaiting) assertEquals(clock.pending, 1);
  };

  for (const act of acts) {
    const before = ends.length;
    doIt(act);
    compare(before);
  }
  const left = site.sessions.size;
  const before = ends.length;
  site[Symbol.dispose]();
  assertEquals(
    ends.slice(before).map(({ reason }) => reason),
    Array(left).fill("shutdown"),
  );
  assertEquals([site.sessions.size, clock.pending], [0, 0]);
}

Deno.test("Sessions do what a plain list of touches and timeouts does", () => {
  const seen = new Set<string>();
  let runs = 0;
  fc.assert(
    fc.property(
      fc.array(act, { minLength: 1, maxLength: 60, size: "max" }),
      (acts) => {
        runs++;
        play(acts, seen);
      },
    ),
    { numRuns: 600, interruptAfterTimeLimit: 8000 },
  );
  // Without ends of all kinds the runs would prove little.
  assert(runs > 0);
  assertEquals([...seen].sort(), [
    "absolute",
    "evicted",
    "idle",
    "logout",
    "revoked",
  ]);
});
