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

/** Seconds that an old token is recognized. */
const GRACE = 3;

/** So many tokens of a session are remembered. */
const MAX_TOKENS = 8;

/** New timeouts in seconds, or none. */
interface Change {
  readonly sessionTimeout: number | undefined;
  readonly absoluteTimeout: number | undefined;
}

/** What is done to a site; `who` picks one of those that there have been. */
type Act =
  | { do: "visit"; who: number | undefined; times: number; change: Change }
  | { do: "peek"; who: number; isOld: boolean }
  | { do: "renew"; who: number; isOld: boolean }
  | { do: "mark"; who: number }
  | {
    do: "log in";
    who: number | undefined;
    isOld: boolean;
    principal: string;
  }
  | { do: "log out"; who: number; isOld: boolean }
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
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("renew" as const),
      who,
      isOld: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constant("mark" as const), who }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("log in" as const),
      who: fc.option(who, { nil: undefined }),
      isOld: fc.boolean(),
      principal,
    }),
  },
  fc.record({
    do: fc.constant("log out" as const),
    who,
    isOld: fc.boolean(),
  }),
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

/** What is thought of one token. */
interface Token {
  /** Undefined until the response with it has come. */
  cookie: string | undefined;
  readonly generation: number;
  /** Milliseconds. */
  until: number;
}

/** What is thought of one session; times are milliseconds. */
interface Thought {
  readonly session: Session;
  tokens: Token[];
  generation: number;
  loginGeneration: number;
  isRenewalDue: boolean;
  principal: string | undefined;
  /** The tokens of the requests under way. */
  readonly holders: Token[];
  wasHeld: boolean;
  visits: number;
  /** Of which it was the last. */
  visitedBy: SiteRequest | undefined;
  readonly created: number;
  /** From when on absoluteTimeout counts. */
  started: number;
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
      tokens: [{ cookie: undefined, generation: 0, until: Infinity }],
      generation: 0,
      loginGeneration: 0,
      isRenewalDue: false,
      principal: undefined,
      holders: [],
      wasHeld: false,
      visits: 0,
      visitedBy: undefined,
      created: now,
      started: now,
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
    const absolute = thought.started + thought.absolute * 1000;
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
    if (thought.dueAs !== "idle" || !this.#isHeld(thought)) {
      return this.end(thought, thought.dueAs, now);
    }
    const absolute = thought.started + thought.absolute * 1000;
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
    const idle = candidates.filter((thought) => !this.#isHeld(thought));
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
    this.#owned = this.#owned.filter((other) => other !== thought);
    thought.principal = principal;
    if (principal !== undefined) this.#owned.push(thought);
  }

  makeRoomFor(principal: string): void {
    const count =
      this.#owned.filter((other) => other.principal === principal).length;
    const there = count < MAX_PER_PRINCIPAL ? [] : this.of(principal);
    if (there.length < MAX_PER_PRINCIPAL) return;
    there.sort((one, other) => one.started - other.started);
    for (const one of there.slice(0, there.length - MAX_PER_PRINCIPAL + 1)) {
      this.end(one, "evicted", this.#clock.time);
    }
  }

  /** What a token may do in a session that lives. */
  statusOf(
    { generation, loginGeneration }: Thought,
    token: Token,
  ): "expired" | "superseded" | "current" | "previous" {
    if (this.#clock.time >= token.until) return "expired";
    if (token.generation < loginGeneration) return "superseded";
    return token.generation >= generation ? "current" : "previous";
  }

  /** A request arrives with a token; says what that may do. */
  arrive(thought: Thought, token: Token): ReturnType<Model["statusOf"]> {
    const status = this.statusOf(thought, token);
    if (status === "current" && token.generation > thought.generation) {
      thought.generation = token.generation;
      this.#fade(thought);
    }
    return status;
  }

  /** Issues the token of a renewal, if it may and there is room for it. */
  renew(thought: Thought, by: Token): Token | undefined {
    if (this.statusOf(thought, by) !== "current") return undefined;
    if (!this.#hasRoom(thought)) return undefined;
    thought.isRenewalDue = false;
    const generation = Math.max(by.generation + 1, thought.generation);
    return this.#issue(thought, generation);
  }

  /** Where a login by a token takes place. */
  planLogin(
    thought: Thought,
    token: Token,
    principal: string,
  ): "stay" | "join" | "switch" | "new" {
    const status = this.statusOf(thought, token);
    const isOthers = thought.principal !== undefined &&
      thought.principal !== principal;
    if (isOthers) return status === "current" ? "switch" : "new";
    if (status === "current") return "stay";
    if (status === "expired" || thought.principal === undefined) return "new";
    return status === "superseded" ? "join" : "stay";
  }

  /** Logs in to a session that stays, and issues its token. */
  logIn(thought: Thought, plan: "stay" | "join", principal: string): Token {
    if (thought.principal !== principal) this.makeRoomFor(principal);
    this.own(thought, principal);
    if (plan === "stay") {
      const newest = thought.tokens.map(({ generation }) => generation);
      thought.generation = Math.max(...newest) + 1;
      thought.loginGeneration = thought.generation;
      thought.isRenewalDue = false;
      this.#fade(thought);
    }
    if (!this.#hasRoom(thought)) thought.tokens.shift();
    thought.started = this.#clock.time;
    this.touch(thought);
    return this.#issue(thought, thought.generation);
  }

  #issue(thought: Thought, generation: number): Token {
    const token = { cookie: undefined, generation, until: Infinity };
    thought.tokens.push(token);
    return token;
  }

  #hasRoom({ tokens }: Thought): boolean {
    if (tokens.length < MAX_TOKENS) return true;
    const at = tokens.findIndex(({ until }) => this.#clock.time >= until);
    if (at !== -1) tokens.splice(at, 1);
    return at !== -1;
  }

  #fade({ tokens, generation }: Thought): void {
    const until = this.#clock.time + GRACE * 1000;
    for (const token of tokens) {
      if (token.generation < generation) {
        token.until = Math.min(token.until, until);
      }
    }
  }

  /** Whether a request under way may still use it, so that it does not idle out. */
  #isHeld({ holders, loginGeneration }: Thought): boolean {
    return holders.some(({ generation }) => generation >= loginGeneration);
  }

  visit(thought: Thought, request: SiteRequest): void {
    if (thought.visitedBy === request) return;
    thought.visitedBy = request;
    thought.visits++;
  }

  hold(thought: Thought, token: Token): void {
    thought.holders.push(token);
    thought.wasHeld = true;
  }

  /** The request has been answered. */
  release(thought: Thought, token: Token): void {
    // After a login by another token it is a request without a session.
    const isSuperseded = token.generation < thought.loginGeneration;
    if (!isSuperseded) this.isOver(thought);
    thought.holders.splice(thought.holders.indexOf(token), 1);
    if (isSuperseded || thought.end !== undefined) return;
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

/** The newest of a visitor's cookies, or the oldest that there is. */
function tokenOf(thought: Thought, isOld = false): Token | undefined {
  const sent = thought.tokens.filter(({ cookie }) => cookie !== undefined);
  if (isOld) return sent[0];
  return sent.reduce(
    (newest, token) => token.generation >= newest.generation ? token : newest,
    sent[0]!,
  );
}

/** A request under way. */
interface Held {
  readonly thought: Thought;
  /** By which it came, or that of the session that it made. */
  readonly token: Token;
  /** What its response is to send, if it may. */
  readonly issued: Token | undefined;
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
    const visitors = model.all.filter((thought) =>
      tokenOf(thought) !== undefined
    );
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
  const listen = (session: Session): void => {
    session.notifyOnExpire((end) => {
      told.push(end);
    });
  };
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
  /** One request, as it is seen while it renders. */
  const begin = (thought: Thought | undefined, isOld = false) => {
    const token = thought === undefined ? undefined : tokenOf(thought, isOld);
    const at = {
      cookie: token?.cookie,
      thought,
      token,
      /** Whether its token was one of a session that lived when it arrived. */
      isRecognized: false,
      isOutdated: false,
      status: "none" as "none" | ReturnType<Model["statusOf"]>,
      /** The token that its response is to send. */
      issued: undefined as Token | undefined,
    };
    return at;
  };
  type At = ReturnType<typeof begin>;

  /** The request asks for its session for the first time. */
  const judge = (at: At): void => {
    const { thought, token } = at;
    if (thought === undefined || token === undefined) return;
    if (model.isOver(thought)) return;
    at.status = model.arrive(thought, token);
    at.isOutdated = at.status === "expired";
    at.isRecognized = !at.isOutdated;
  };
  const isSeen = (at: At): boolean =>
    at.status === "current" || at.status === "previous";

  /** A session begins in a request, and is that of the request. */
  const beginSession = (at: At, session: () => Session): void => {
    at.thought = make(session);
    at.token = at.thought.tokens[0]!;
    at.issued = at.token;
    at.status = "current";
  };

  /** The session that a request gets, and what is thought of it. */
  const getSession = (request: SiteRequest, at: At): void => {
    if (isSeen(at)) model.touch(at.thought!);
    if (isSeen(at) && at.thought!.end === undefined) {
      const thought = at.thought!;
      assertStrictEquals(request.getSession(), thought.session);
      if (thought.isRenewalDue) at.issued ??= model.renew(thought, at.token!);
      model.visit(thought, request);
      return;
    }
    if (!at.isRecognized) {
      beginSession(at, () => request.getSession());
      model.visit(at.thought!, request);
      return;
    }
    // Its session has ended, or a login has superseded its token.
    const session = request.getSession();
    assert(!site.sessions.has(session.uid));
    at.status = "none";
    at.issued = undefined;
  };

  /** Compares the cookies of the response with what is thought. */
  const compareCookies = (response: Response, at: At): void => {
    const cookies = cookiesOf(response);
    const { thought, issued } = at;
    const isSent = issued !== undefined && thought!.end === undefined &&
      at.token!.generation >= thought!.loginGeneration;
    assertEquals(cookies.length, isSent ? 1 : 0);
    if (isSent) issued.cookie = cookies[0]!;
  };

  /** Plays a request that is answered at once. */
  const request = (
    at: At,
    render_: (request: SiteRequest) => void,
  ): Response => {
    render = (request) => {
      judge(at);
      render_(request);
    };
    suspicions.length = 0;
    const response = visit(site, at.cookie);
    assertEquals(response.status, 200);
    assertEquals(suspicions, at.isOutdated ? ["outdated-token"] : []);
    return response;
  };

  const doVisit = (act: Act & { do: "visit" }): void => {
    const at = begin(pickVisitor(act.who));
    const response = request(at, (request) => {
      for (let i = 0; i < act.times; i++) getSession(request, at);
      // What comes of lengthening a life that is over is another matter.
      if (at.status !== "none" && at.thought!.deadline > clock.time) {
        setTimeouts(at.thought!, act.change);
      }
    });
    if (at.status !== "none" && at.thought!.end === undefined) {
      model.arm(at.thought!);
    }
    compareCookies(response, at);
  };

  const doPeek = ({ who, isOld }: Act & { do: "peek" }): void => {
    const at = begin(pickVisitor(who), isOld);
    const response = request(at, (request) => {
      assertStrictEquals(
        request.session,
        isSeen(at) ? at.thought!.session : undefined,
      );
    });
    if (isSeen(at)) model.arm(at.thought!);
    compareCookies(response, at);
  };

  const doRenew = ({ who, isOld }: Act & { do: "renew" }): void => {
    const at = begin(pickVisitor(who), isOld);
    const response = request(at, (request) => {
      let session: Session;
      const isOver = isSeen(at) && model.isOver(at.thought!);
      if (!isSeen(at) || isOver) {
        if (at.isRecognized) {
          session = request.renewSession();
          assert(!site.sessions.has(session.uid));
          at.status = "none";
          return;
        }
        return beginAndVisit(at, request, () => request.renewSession());
      }
      const thought = at.thought!;
      model.touch(thought);
      model.visit(thought, request);
      if (at.status === "previous" && thought.principal === undefined) {
        model.arm(thought);
        return beginAndVisit(at, request, () => request.renewSession());
      }
      assertStrictEquals(request.renewSession(), thought.session);
      if (at.status === "current") at.issued = model.renew(thought, at.token!);
    });
    if (at.status !== "none" && at.thought!.end === undefined) {
      model.arm(at.thought!);
    }
    compareCookies(response, at);
  };
  const beginAndVisit = (
    at: At,
    request: SiteRequest,
    session: () => Session,
  ): void => {
    beginSession(at, session);
    model.visit(at.thought!, request);
  };

  const doLogIn = (
    { who, isOld, principal }: Act & { do: "log in" },
  ): void => {
    const at = begin(pickVisitor(who), isOld);
    const response = request(at, (request) => {
      const { thought, token } = at;
      const plan = at.isRecognized
        ? model.planLogin(thought!, token!, principal)
        : "new";
      if (plan === "stay" || plan === "join") {
        at.issued = at.token = model.logIn(thought!, plan, principal);
        at.status = "current";
        assertStrictEquals(request.logIn(principal), thought!.session);
        model.visit(thought!, request);
        return;
      }
      if (plan === "switch") model.end(thought!, "logout", clock.time);
      model.makeRoomFor(principal);
      beginAndVisit(at, request, () => request.logIn(principal));
      model.own(at.thought!, principal);
    });
    if (at.thought!.end === undefined) model.arm(at.thought!);
    compareCookies(response, at);
  };

  const doLogOut = ({ who, isOld }: Act & { do: "log out" }): void => {
    const at = begin(pickVisitor(who), isOld);
    const response = request(at, (request) => {
      if (at.isRecognized) model.end(at.thought!, "logout", clock.time);
      request.logOut();
    });
    const isCleared = at.cookie !== undefined;
    assertEquals(cookiesOf(response), isCleared ? ["session="] : []);
  };

  const doHold = (who: number | undefined): void => {
    const at = begin(pickVisitor(who));
    const gate = Promise.withResolvers<void>();
    render = (request) => {
      judge(at);
      getSession(request, at);
      return gate.promise.then(() => "");
    };
    const answer = Promise.resolve(site.fetch(requestWith(at.cookie)));
    const { thought, token, issued } = at;
    assert(thought !== undefined && token !== undefined && isSeen(at));
    model.hold(thought, token);
    held.push({ thought, token, issued, gate, answer });
  };

  const letGo = async (who: number): Promise<void> => {
    const [request] = held.splice(who % held.length, 1);
    if (request === undefined) return;
    const { thought, token, issued, gate, answer } = request;
    model.release(thought, token);
    gate.resolve();
    const cookies = cookiesOf(await answer);
    await settle();
    const isSent = issued !== undefined && thought.end === undefined &&
      token.generation >= thought.loginGeneration;
    assertEquals(cookies.length, isSent ? 1 : 0);
    if (isSent) issued.cookie = cookies[0]!;
    if (token.generation >= thought.loginGeneration) return;
    // A request that a login has cut off may have seen that its time was up.
    thought.session.checkExpired();
    model.isOver(thought);
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
    if (act.do === "renew") return doRenew(act);
    if (act.do === "log in") return doLogIn(act);
    if (act.do === "log out") return doLogOut(act);
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
      case "mark":
        if (thought.end === undefined) thought.isRenewalDue = true;
        session.renew();
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
    { numRuns: 600 },
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
