import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import type {
  Rendered,
  Session,
  SessionEnd,
  SessionEndReason,
  SiteRequest,
} from "../mod.ts";
import {
  cookiesOf,
  ManualClock,
  requestWith,
  settle,
  siteOf,
  visit,
  watchEnds,
} from "./helpers_session.ts";

/** So many sessions, and so many of a principal, that some are evicted. */
const MAX = 8;
const MAX_PER_PRINCIPAL = 2;

/** Seconds that an old cookie opens a session. */
const GRACE = 3;

/** New timeouts in seconds, or none. */
interface Change {
  readonly sessionTimeout: number | undefined;
  readonly absoluteTimeout: number | undefined;
}

/** What is done to a site; `who` picks one of those that there have been. */
type Act =
  | { do: "visit"; who: number | undefined; times: number; change: Change }
  | { do: "peek"; who: number; isOld: boolean }
  | { do: "renew"; who: number }
  | { do: "hold"; who: number | undefined }
  | { do: "let go"; who: number }
  | { do: "own"; who: number; principal: string | undefined }
  | { do: "find"; principal: string }
  | { do: "end all"; principal: string }
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

const principal = fc.constantFrom("alice", "bob");

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
  fc.record({
    do: fc.constant("peek" as const),
    who,
    isOld: fc.boolean(),
  }),
  fc.record({ do: fc.constant("renew" as const), who }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("hold" as const),
      who: fc.option(who, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("let go" as const), who }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("own" as const),
      who,
      principal: fc.option(principal, { nil: undefined }),
    }),
  },
  fc.record({ do: fc.constant("find" as const), principal }),
  fc.record({ do: fc.constant("end all" as const), principal }),
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
  /** The cookie before a renewal, and until when it counts. */
  old: { readonly cookie: string; readonly until: number } | undefined;
  principal: string | undefined;
  /** How many requests under way keep it from idling out. */
  holds: number;
  wasHeld: boolean;
  visits: number;
  /** Of which it was the last. */
  visitedBy: SiteRequest | undefined;
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
  /** Those with a principal, the first to get it first. */
  #owned: Thought[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  made(session: Session): Thought {
    const now = this.#clock.time;
    const thought: Thought = {
      session,
      cookie: undefined,
      old: undefined,
      principal: undefined,
      holds: 0,
      wasHeld: false,
      visits: 0,
      visitedBy: undefined,
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
    this.#owned = this.#owned.filter((other) => other !== thought);
  }

  /** Whether it is past its deadline, and so has ended. */
  isOver(thought: Thought): boolean {
    const { time } = this.#clock;
    if (thought.end === undefined && time >= thought.deadline) {
      this.#come(thought, time);
    }
    return thought.end !== undefined;
  }

  /** The deadline has come, which is put off while a request is under way. */
  #come(thought: Thought, now: number): void {
    if (thought.dueAs !== "idle" || thought.holds === 0) {
      return this.end(thought, thought.dueAs, now);
    }
    const absolute = thought.created + thought.absolute * 1000;
    if (absolute <= now) return this.end(thought, "absolute", now);
    thought.deadline = Math.min(absolute, now + 1000);
    if (absolute <= now + 1000) thought.dueAs = "absolute";
    thought.armedAt = now;
  }

  /** Makes room for one more; tells which are as good as each other to go. */
  evictable(): Thought[] {
    const live = this.all.filter(({ end }) => end === undefined);
    if (live.length < MAX) return [];
    const nobodys = live.filter(({ principal }) => principal === undefined);
    const candidates = nobodys.length > 0 ? nobodys : live;
    const idle = candidates.filter(({ holds }) => holds === 0);
    const pool = idle.length > 0 ? idle : candidates;
    // One that a request has held may count as accessed later than it was.
    const longest = Math.min(
      ...pool.filter(({ wasHeld }) => !wasHeld).map(({ touched }) => touched),
    );
    return pool.filter(({ touched }) => touched <= longest);
  }

  /** Those of a principal that are there; the others end. */
  of(principal: string): Thought[] {
    return this.#owned.filter((thought) =>
      thought.principal === principal && !this.isOver(thought)
    );
  }

  own(thought: Thought, principal: string | undefined): void {
    if (thought.principal === principal) return;
    if (principal !== undefined) {
      const count = this.#owned.filter((other) =>
        other.principal === principal
      ).length;
      const there = count < MAX_PER_PRINCIPAL ? [] : this.of(principal);
      if (there.length === MAX_PER_PRINCIPAL) {
        const oldest = there.reduce((oldest, other) =>
          other.created < oldest.created ? other : oldest
        );
        this.end(oldest, "evicted", this.#clock.time);
      }
    }
    this.#owned = this.#owned.filter((other) => other !== thought);
    thought.principal = principal;
    if (principal !== undefined) this.#owned.push(thought);
  }

  visit(thought: Thought, request: SiteRequest): void {
    if (thought.visitedBy === request) return;
    thought.visitedBy = request;
    thought.visits++;
  }

  hold(thought: Thought): void {
    thought.holds++;
    thought.wasHeld = true;
  }

  /** The request has been answered. */
  release(thought: Thought): void {
    this.isOver(thought);
    thought.holds--;
    if (thought.end !== undefined) return;
    const idleAt = thought.touched + thought.idle * 1000;
    if (this.#clock.time >= idleAt) this.touch(thought);
    if (thought.end === undefined) this.arm(thought);
  }

  touch(thought: Thought): void {
    if (this.isOver(thought)) return;
    // A request under way may have kept it, beyond the deadline.
    thought.touched = this.#clock.time;
    this.arm(thought);
  }

  /** The timers of the time from one to another fire. */
  advance(from: number, to: number): void {
    for (const thought of this.all) {
      let at = from;
      while (thought.end === undefined) {
        at = Math.max(at, Math.ceil(thought.deadline));
        if (at > to) break;
        this.#come(thought, at);
      }
    }
  }
}

/** A request under way. */
interface Held {
  readonly thought: Thought;
  readonly isNew: boolean;
  readonly gate: PromiseWithResolvers<void>;
  readonly answer: Promise<Response>;
}

async function play(acts: readonly Act[], seen: Set<string>): Promise<void> {
  const clock = new ManualClock();
  const model = new Model(clock);
  let render: (request: SiteRequest) => Promise<Rendered> | void = () => {};
  const suspicions: string[] = [];
  const held: Held[] = [];
  using site = siteOf({
    clock,
    maxSessions: MAX,
    maxSessionsPerPrincipal: MAX_PER_PRINCIPAL,
    renewalGrace: GRACE,
    onSuspiciousSession: ({ kind }) => suspicions.push(kind),
  }, (request) => render(request) ?? "");
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
  /** One more session, which somebody may have had to go for. */
  const make = (make: () => Session): Thought => {
    const candidates = model.evictable();
    const before = ends.length;
    const session = make();
    // One may have been found to be over before.
    const over = model.all.filter(({ end }) => end !== undefined);
    const evicted = ends.slice(before).filter(({ session }) =>
      !over.some((thought) => thought.session === session)
    );
    assertEquals(evicted.length, Math.min(candidates.length, 1));
    for (const { session } of evicted) {
      const thought = candidates.find((thought) => thought.session === session);
      assert(thought !== undefined, "another was idle longer");
      model.end(thought, "evicted", clock.time);
    }
    listen(session);
    return model.made(session);
  };
  /** The session that a request gets, and what is thought of it. */
  const getSession = (
    request: SiteRequest,
    thought: Thought | undefined,
  ): Thought => {
    if (thought !== undefined) model.touch(thought);
    if (thought === undefined || thought.end !== undefined) {
      thought = make(() => request.getSession());
    } else {
      assertStrictEquals(request.getSession(), thought.session);
    }
    model.visit(thought, request);
    return thought;
  };

  const doVisit = (act: Act & { do: "visit" }): void => {
    let thought = pickVisitor(act.who);
    const sent = thought?.cookie;
    const before = model.all.length;
    render = (request) => {
      for (let i = 0; i < act.times; i++) {
        thought = getSession(request, thought);
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

  const doPeek = ({ who, isOld }: Act & { do: "peek" }): void => {
    const thought = pickVisitor(who);
    const old = isOld ? thought?.old : undefined;
    const isOutdated = old !== undefined && thought!.end === undefined &&
      clock.time >= old.until;
    suspicions.length = 0;
    render = (request) => {
      const isShut = thought === undefined || isOutdated ||
        model.isOver(thought);
      assertStrictEquals(
        request.session,
        isShut ? undefined : thought.session,
      );
    };
    assertEquals(visit(site, old?.cookie ?? thought?.cookie).status, 200);
    assertEquals(suspicions, isOutdated ? ["outdated-token"] : []);
    if (!isOutdated && thought?.end === undefined && thought !== undefined) {
      model.arm(thought);
    }
  };

  const doRenew = (who: number): void => {
    const thought = pickVisitor(who);
    if (thought === undefined) return;
    const isOver = model.isOver(thought);
    const until = clock.time + GRACE * 1000;
    render = (request) => request.session?.renew();
    const [cookie] = cookiesOf(visit(site, thought.cookie));
    if (isOver) return;
    model.arm(thought);
    assert(cookie !== undefined && cookie !== thought.cookie);
    thought.old = { cookie: thought.cookie!, until };
    thought.cookie = cookie;
  };

  const doHold = (who: number | undefined): void => {
    let thought = pickVisitor(who);
    const sent = thought?.cookie;
    const before = model.all.length;
    const gate = Promise.withResolvers<void>();
    render = (request) => {
      thought = getSession(request, thought);
      return gate.promise.then(() => "");
    };
    const answer = Promise.resolve(site.fetch(requestWith(sent)));
    assert(thought !== undefined);
    model.hold(thought);
    held.push({ thought, isNew: model.all.length > before, gate, answer });
  };

  const letGo = async (who: number): Promise<void> => {
    const [request] = held.splice(who % held.length, 1);
    if (request === undefined) return;
    const { thought, isNew, gate, answer } = request;
    model.release(thought);
    gate.resolve();
    const [cookie] = cookiesOf(await answer);
    await settle();
    if (thought.end !== undefined) assertEquals(cookie, "session=");
    else if (isNew) thought.cookie ??= cookie;
    else assertEquals(cookie, undefined);
  };

  const doFind = (principal: string): void => {
    const expected = model.of(principal).map(({ session }) => session.uid);
    assertEquals(
      site.sessionsOf(principal).map(({ uid }) => uid),
      expected,
    );
  };

  const doEndAll = (principal: string): void => {
    const there = model.of(principal);
    for (const thought of there) model.end(thought, "revoked", clock.time);
    assertEquals(site.endSessions(principal), there.length);
  };

  const doIt = (act: Act): void | Promise<void> => {
    if (act.do === "visit") return doVisit(act);
    if (act.do === "peek") return doPeek(act);
    if (act.do === "renew") return doRenew(act.who);
    if (act.do === "hold") return doHold(act.who);
    if (act.do === "let go") return letGo(act.who);
    if (act.do === "find") return doFind(act.principal);
    if (act.do === "end all") return doEndAll(act.principal);
    if (act.do === "sleep") return clock.jump(act.ms);
    if (act.do === "advance") {
      model.advance(clock.time, clock.time + act.ms);
      return clock.advance(act.ms);
    }
    if (act.do === "make") {
      return void make(() => site.makeSession());
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
      case "own":
        if (thought.end !== undefined) break;
        if (
          act.principal !== undefined &&
          act.principal !== (thought.principal ?? act.principal)
        ) {
          assertThrows(
            () => {
              session.principal = act.principal;
            },
            Error,
            "end this session first",
          );
          break;
        }
        model.own(thought, act.principal);
        session.principal = act.principal;
        break;
      case "expire":
        model.end(thought, act.reason, clock.time);
        session.expire(act.reason);
        break;
    }
  };

  const compare = (before: number, isByTimer: boolean): void => {
    const live = model.all.filter(({ end }) => end === undefined);
    assertEquals(
      [...site.sessions.keys()],
      live.map(({ session }) => session.uid),
    );
    for (const thought of model.all) {
      const { session, end } = thought;
      assertEquals(
        [
          session.isActive,
          session.expiresAt,
          session.lastModified,
          session.visits,
        ],
        [
          end === undefined,
          end?.at ?? thought.deadline / 1000,
          thought.touched / 1000,
          thought.visits,
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
    if (isByTimer) {
      const deadlines = fresh.map(({ session }) => of.get(session)!)
        .filter(({ deadline, armedAt }) => deadline > armedAt)
        .map(({ deadline }) => Math.ceil(deadline));
      assertEquals(deadlines, deadlines.toSorted((a, b) => a - b));
    }
    const isWaiting = live.some(({ deadline }) => deadline < Infinity);
    assert(clock.pending <= 1);
    if (live.length === 0) assertEquals(clock.pending, 0);
    if (isWaiting) assertEquals(clock.pending, 1);
  };

  for (const act of acts) {
    const before = ends.length;
    await doIt(act);
    compare(before, act.do === "advance");
  }
  const left = site.sessions.size;
  const before = ends.length;
  site[Symbol.dispose]();
  assertEquals(
    ends.slice(before).map(({ reason }) => reason),
    Array(left).fill("shutdown"),
  );
  assertEquals([site.sessions.size, clock.pending], [0, 0]);
  assertEquals([...site.sessionsOf("alice"), ...site.sessionsOf("bob")], []);
  for (const { gate } of held) gate.resolve();
  await Promise.all(held.map(({ answer }) => answer));
}

Deno.test("Sessions do what a plain list of touches and timeouts does", async () => {
  const seen = new Set<string>();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 1, maxLength: 60, size: "max" }),
      async (acts) => {
        runs++;
        await play(acts, seen);
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
