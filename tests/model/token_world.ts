/**
 * A browser, an attacker and one or two processes over one store: the events
 * that can come next in a world, and the invariants that must hold after each.
 *
 * A request is sent, arrives (its token is checked), acts (the resource runs),
 * is answered (the store is written, the response leaves) and is received.
 * Requests overtake each other at each stage. A lost response is one that is
 * never received.
 *
 * @module
 */
import * as token from "./token_rules.ts";
import type { Deviation, Principal, Rules, Session } from "./token_rules.ts";

/**
 * "visit" calls getSession() and stores a value; "look" reads the session;
 * "remember" is a login whose cookie the browser keeps when it is closed.
 */
export type Kind = "visit" | "look" | "login" | "remember" | "renew" | "logout";

/** The events that may happen, and how often. */
export interface Scenario {
  processes?: 1 | 2;
  victim: number;
  kinds: Kind[];
  /** How many of the victim's requests come from another site, cookieless. */
  crossSite?: number;
  attacker?: number;
  attackerKinds?: Kind[];
  /** A planted cookie replaces the victim's, or is sent beside it. */
  plant?: "instead" | "beside";
  /** How often a token is stolen. */
  steal?: 1;
  graces?: number;
  /** How many sessions end by a deadline or are revoked. */
  ends?: number;
  /** How often the victim's browser is closed and started again. */
  restarts?: number;
  outsideRenewals?: number;
  /** How often the answer to a write is lost, and the write is repeated. */
  lostWrites?: number;
  /** Whether a principal has one session at most. */
  hasLimit?: boolean;
}

const DEAD = "#dead"; // A cookie that no live session recognizes.
const BITS = { "": 1, alice: 2, mallory: 4 };
const STRAY = "the answer of a session that the login did not come with";
const LATE = "a request that arrives when the grace is over";

const newRequest = (by: "victim" | "attacker", kind: Kind) => ({
  by,
  kind: kind === "remember" ? "login" as Kind : kind,
  isRemembering: kind === "remember",
  isCrossSite: false,
  cookies: [] as string[],
  stage: "sent" as "sent" | "arrived" | "acted" | "answered",
  process: 1,
  session: "", // That its token opens, or names if it is superseded.
  status: "none",
  generation: 0,
  principal: "" as Principal,
  tokenPrincipal: "" as Principal,
  plan: "",
  issued: "",
  clears: false,
  isKept: false, // Whether its cookie outlasts a restart of the browser.
  isOverruled: false, // Another login has asked the browser to forget since.
  isRefused: false, // Answered 503.
  isRepeated: false,
  isOwed: false,
  // For the checks only.
  isSure: false, // Sent while alice was logged in for sure.
  carries: false, // A guest's value must be in the session.
  licence: "", // "yes": may act as alice; "stale": until its process hears.
  isAfterTheft: false,
  from: "", // The session of the victim's own cookie when it was sent.
  isLate: false, // A login that a presented renewal has overtaken.
  excuse: "", // Why its response may undo a later login.
});
type Request = ReturnType<typeof newRequest>;

const newWorld = (scenario: Scenario) => ({
  lastId: 0,
  sessions: [] as Session[], // In the store, or in the one process.
  copies: [] as { process: number; session: Session }[],
  jar: [] as string[], // The victim's own cookie, the planted one.
  isKept: false, // Whether the browser keeps the victim's own cookie.
  isPlantedFirst: false,
  known: [] as string[], // The attacker's tokens.
  requests: [] as Request[],
  left: Object.fromEntries(
    Object.entries({ ...scenario, plant: scenario.plant ? 1 : 0 })
      .filter((entry): entry is [string, number] =>
        typeof entry[1] === "number"
      ),
  ),
  // For the checks only.
  isIn: false,
  isRemembered: false, // Whether her last login is to outlast a restart.
  hasCart: false,
  robbed: "", // The session that the thief may use.
  stolen: "",
  stolenPrincipal: "" as Principal,
  stolenGeneration: 0,
  isRobbedRenewed: false,
  violation: "",
  loss: "",
});
export type World = ReturnType<typeof newWorld>;

const copySession = (s: Session): Session => ({
  ...s,
  tokens: s.tokens.map((t) => ({ ...t })),
});
const principalOf = (r: Request) => r.by === "victim" ? "alice" : "mallory";

/** Returns the live session that recognizes a token. */
function find(w: World, id: string | undefined) {
  for (const session of w.sessions) {
    const found = session.tokens.find((t) => t.id === id);
    if (found && !session.hasEnded) return { session, token: found };
  }
}
/** Returns the live session that a token opens. */
function open(w: World, id: string | undefined) {
  const found = find(w, id);
  const status = found && token.statusOf(found.session, found.token.generation);
  return status === "superseded" ? undefined : found;
}
const isLive = (w: World, id: string) =>
  w.sessions.some((s) => s.id === id && !s.hasEnded);

/** Builds the world of a scenario under a set of rules. */
export function tokenWorld(scenario: Scenario, rules: Rules) {
  const has = (deviation: Deviation) => rules.has(deviation);
  const isShared = scenario.processes === 2;
  const isAlone = !scenario.attacker;
  const processes = isShared ? [1, 2] : [1];

  /** Returns the events that can come next, each with the world after it. */
  function next(world: World): [string, World][] {
    const found: [string, World][] = [];
    function event(label: string, apply: (w: World) => void): void {
      const w: World = {
        ...world,
        sessions: world.sessions.map(copySession),
        copies: world.copies.map((c) => ({
          ...c,
          session: copySession(c.session),
        })),
        jar: [...world.jar],
        known: [...world.known],
        requests: world.requests.map((r) => ({
          ...r,
          cookies: [...r.cookies],
        })),
        left: { ...world.left },
        loss: "",
      };
      apply(w);
      checkJar(w);
      tidy(w);
      found.push([label, w]);
    }
    /** An event that may happen a number of times. */
    function rare(name: string, label: string, apply: (w: World) => void) {
      if ((world.left[name] ?? 0) > 0) {
        event(label, (w) => {
          w.left[name]!--;
          apply(w);
        });
      }
    }
    for (const kind of scenario.kinds) {
      rare(
        "victim",
        `victim sends ${kind} with ${text(cookiesOf(world))}`,
        (w) => send(w, kind, false),
      );
      if ((world.left.crossSite ?? 0) > 0) {
        rare(
          "victim",
          `victim sends ${kind} from another site`,
          (w) => send(w, kind, true),
        );
      }
    }
    for (const kind of scenario.attackerKinds ?? []) {
      for (const cookies of [[], ...world.known.map((id) => [id])]) {
        for (const p of processes) {
          rare(
            "attacker",
            `attacker's ${kind} with ${text(cookies)} arrives at ${p}`,
            (w) => {
              const r = { ...newRequest("attacker", kind), cookies };
              w.requests.push(r);
              arrive(w, r, p);
            },
          );
        }
      }
    }
    world.requests.forEach((r, i) => {
      const name = `${r.by}'s ${r.isRemembering ? "remembered " : ""}${r.kind}`;
      if (r.stage === "sent") {
        for (const p of processes) {
          event(
            `${name} with ${text(r.cookies)} arrives at ${p}`,
            (w) => arrive(w, w.requests[i]!, p),
          );
        }
      } else if (r.stage === "arrived") {
        event(`${name} acts`, (w) => {
          act(w, w.requests[i]!);
          if (r.by === "attacker" && !isShared) answer(w, w.requests[i]!);
        });
      } else if (r.stage === "acted") {
        event(`${name} is answered`, (w) => answer(w, w.requests[i]!));
        rare("lostWrites", `the store's answer to ${name} is lost`, (w) => {
          commit(w, w.requests[i]!);
          w.requests[i]!.isRepeated = true;
        });
      } else {
        const effect = r.clears ? "clears the cookie" : `sets ${r.issued}`;
        event(
          `the response to ${name} ${effect}`,
          (w) => receive(w, w.requests[i]!),
        );
      }
    });
    for (const { process, session } of world.copies) {
      event(
        `process ${process} is notified of session ${session.id}`,
        (w) => refresh(w, process, session.id),
      );
    }
    for (const { id } of world.sessions.filter((s) => !s.hasEnded)) {
      rare("ends", `session ${id} ends by deadline or is revoked`, (w) => {
        end(w, id, "a session that has ended");
        doubt(w);
      });
      rare("outsideRenewals", `session.renew() of ${id}`, (w) => {
        w.sessions.find((s) => s.id === id)!.isRenewalDue = true;
      });
    }
    if (world.sessions.length > 0) {
      rare("graces", "the grace passes", passGrace);
    }
    for (const id of world.known) {
      for (
        const isFirst of scenario.plant === "beside" ? [true, false] : [false]
      ) {
        rare(
          "plant",
          `attacker plants ${id}${isFirst ? " before" : ""}`,
          (w) => {
            if (scenario.plant === "instead") w.jar = [id];
            else w.jar = [w.jar[0] ?? "", id];
            w.isPlantedFirst = isFirst;
          },
        );
      }
    }
    if (!world.requests.some((r) => r.by === "victim")) {
      rare("restarts", "the victim's browser starts again", (w) => {
        if (!w.isKept) w.jar[0] = "";
        if (!w.isRemembered) doubt(w);
      });
    }
    const own = open(world, world.jar[0]);
    if (own) {
      rare("steal", `attacker steals ${own.token.id}`, (w) => {
        w.known.push(own.token.id);
        w.robbed = own.session.id;
        w.stolen = own.token.id;
        w.stolenPrincipal = own.token.principal;
        w.stolenGeneration = own.token.generation;
      });
    }
    return found;
  }

  function send(w: World, kind: Kind, isCrossSite: boolean): void {
    if (isCrossSite) w.left.crossSite!--;
    const own = find(w, w.jar[0]);
    const r = newRequest("victim", kind);
    ({ kind } = r);
    r.isCrossSite = isCrossSite;
    r.cookies = isCrossSite ? [] : cookiesOf(w);
    r.from = own?.session.id ?? "";
    r.isAfterTheft = w.stolen !== "";
    r.isSure = w.isIn && !isCrossSite;
    r.carries = kind === "login"
      ? !isCrossSite && ((own?.session.values ?? 0) & BITS[""]) !== 0
      : r.isSure && w.hasCart;
    const isStray = w.requests.some((login) =>
      login.kind === "login" && login.by === "victim" &&
      (login.stage === "acted" || login.stage === "answered") &&
      isUnrelated(login, r)
    );
    if (isStray && kind !== "login") r.excuse = STRAY;
    w.requests.push(r);
    // Until it is answered, her being logged in is not certain.
    if (kind === "login" || kind === "logout" && !isCrossSite) doubt(w);
  }

  function arrive(w: World, r: Request, process: number): void {
    r.stage = "arrived";
    r.process = process;
    const choice = choose(w, r.cookies);
    if (typeof choice === "string") r.status = choice;
    else {
      const { session, token: shown } = choice;
      const before = session.generation;
      if (open(w, shown.id)) token.present(session, shown, rules);
      if (session.generation > before) notePresented(w, r, session);
      r.session = session.id;
      refresh(w, process, session.id, true);
      const view = viewOf(w, process, session.id)!;
      r.status = token.statusOf(view, shown.generation, shown.fading);
      r.generation = shown.generation;
      r.tokenPrincipal = shown.principal;
      if (r.status !== "superseded") r.principal = view.principal;
      if (r.status === "current" && session.isRenewalDue) {
        r.isOwed = r.kind === "visit";
        if (r.isOwed) session.isRenewalDue = false;
      }
      if (r.by === "attacker" && w.robbed === session.id) r.licence = "yes";
    }
    checkLook(w, r);
    if (r.kind !== "login" && r.kind !== "logout") r.cookies = [];
  }

  /** Returns what the cookies open; superseded tokens come last. */
  function choose(w: World, cookies: string[]) {
    if (cookies.length === 0) return "none";
    const opened = cookies.map((id) => open(w, id)).filter((o) =>
      o !== undefined
    );
    const [first, second] = opened;
    if (!first || !second || first.session === second.session) {
      return first ?? cookies.map((id) => find(w, id)).find(Boolean) ??
        "invalid";
    }
    if (has("the first cookie counts")) return first;
    if (has("the last cookie counts")) return second;
    if (has("the cookie that is logged in counts")) {
      return first.session.principal === "" ? second : first;
    }
    return "conflict";
  }

  /** Returns a session as a process has it, with what it has not written. */
  function viewOf(w: World, process: number, id: string) {
    if (!isShared) return w.sessions.find((s) => s.id === id);
    const copy = w.copies.find((c) =>
      c.process === process && c.session.id === id
    );
    if (copy === undefined) return undefined;
    const view = copySession(copy.session);
    for (const r of w.requests) {
      if (r.stage !== "acted" || r.process !== process || r.session !== id) {
        continue;
      }
      if (r.plan === "end" || r.plan === "switch") view.hasEnded = true;
      if (r.kind !== "login") continue;
      const principal = principalOf(r);
      const isRemembered = r.isRemembering;
      const plan = has("an unwritten login is not decided anew")
        ? r.plan
        : token.planLogin(view, r.generation, principal, rules);
      if (plan !== "stay") continue;
      if (has("an unwritten login changes the principal only")) {
        view.principal = principal;
      } else {token.logIn(
          view,
          "stay",
          { id: "", principal, isRemembered },
          rules,
        );}
    }
    return view;
  }

  function refresh(
    w: World,
    process: number,
    id: string,
    isLoad = false,
  ): void {
    const isOther = (c: World["copies"][0]) =>
      c.process !== process || c.session.id !== id;
    if (!isShared || !isLoad && w.copies.every(isOther)) return;
    w.copies = w.copies.filter(isOther);
    const session = w.sessions.find((s) => s.id === id);
    if (session) w.copies.push({ process, session: copySession(session) });
  }

  /** Returns the session that a request may see now. */
  function seenBy(w: World, r: Request): Session | undefined {
    if (r.status !== "current" && r.status !== "previous") return undefined;
    const view = viewOf(w, r.process, r.session);
    if (view === undefined || view.hasEnded) return undefined;
    const isCut = r.generation < view.loginGeneration &&
      !has("a request keeps its session after a login");
    return isCut ? undefined : view;
  }

  function act(w: World, r: Request): void {
    checkLook(w, r);
    const seen = seenBy(w, r);
    if (r.kind === "login") {
      const view = viewOf(w, r.process, r.session);
      const isRefused = r.isCrossSite &&
        has("a cross-site login sends no cookie");
      if (!isRefused) {
        r.plan = token.planLogin(view, r.generation, principalOf(r), rules);
      }
    } else if (r.kind === "logout") r.plan = "end";
    else if (r.kind === "renew" && seen) {
      const isBegun = token.beginsAtRenewal(seen, r.generation) &&
        !has("a previous token can renew");
      r.plan = isBegun ? "create" : "renew";
    } else if (r.kind === "visit") {
      const isTransient = r.session === ""
        ? r.isCrossSite || r.status === "conflict"
        : r.status === "superseded"
        ? !has("a superseded token begins a session")
        : !has("an end under way begins a session");
      r.plan = seen ? "write" : isTransient ? "" : "create";
    }
    r.stage = "acted";
    if (!isShared) commit(w, r);
  }

  /** Writes what a request did, if it still may; otherwise it is refused. */
  function commit(w: World, r: Request): void {
    const s = w.sessions.find((s) => s.id === r.session && !s.hasEnded);
    const principal = principalOf(r);
    r.isRefused = false;
    if (r.plan === "write") {
      r.isRefused = s === undefined || r.generation < s.loginGeneration &&
          !has("values are written whatever the token");
      if (
        s && !r.isRefused && s.principal === "alice" && r.by === "attacker" &&
        !r.licence
      ) {
        w.violation = "I1: the attacker writes into alice's session";
      } else if (
        s && !r.isRefused && (r.by === "victim" || s.principal !== "")
      ) {
        s.values |= BITS[s.principal];
      }
    } else if (r.plan === "create") create(w, r, "");
    else if (r.plan === "renew") renew(w, r, s);
    else if (r.plan === "end") logOut(w, r, s);
    else if (r.plan === "new" || r.plan === "switch") {
      const cameFor = r.session;
      // Its own token must not go on opening the session that it leaves.
      const isLeft = r.plan === "new" &&
        has("a login leaves the session of an unwritten logout");
      const isCurrent = s && token.statusOf(s, r.generation) === "current";
      if (s && isCurrent && !isLeft && !r.isRepeated) end(w, s.id, "");
      const leavesSeveral = has(
        "a login by several cookies leaves their sessions",
      );
      if (!leavesSeveral && !r.isRepeated) endSeveral(w, r);
      const isConflict = r.status === "conflict";
      create(w, r, principal);
      if (isConflict && r.cookies.some((id) => open(w, id))) {
        w.violation ||= "I9: a cookie of the login's request stands against it";
      }
      if (!r.isRefused) noteLogin(w, r, cameFor);
    } else if (r.plan !== "") logIn(w, r);
    if (r.isOwed && r.plan !== "create") renew(w, r, s);
    refresh(w, r.process, r.session);
  }

  function create(w: World, r: Request, principal: Principal): void {
    if (r.issued !== "") {
      r.isRefused = !open(w, r.issued);
      return;
    }
    for (const other of w.sessions) {
      if (
        !scenario.hasLimit || principal === "" || other.principal !== principal
      ) continue;
      doubt(w);
      end(w, other.id, "the limit of sessions");
    }
    if (r.kind === "visit" && r.session === "") r.excuse ||= "a first cookie";
    // A login by the renewed token is in another session, and may be first.
    if (r.kind === "renew") r.excuse ||= STRAY;
    r.issued = newId(w);
    r.session = newId(w);
    r.generation = 0;
    r.status = "current";
    r.tokenPrincipal = principal;
    w.sessions.push({
      id: r.session,
      principal,
      generation: 0,
      loginGeneration: 0,
      tokens: [{ id: r.issued, generation: 0, principal, fading: false }],
      isRenewalDue: false,
      isRemembered: r.isRemembering,
      values: r.by === "victim" && r.kind === "visit" ? BITS[principal] : 0,
      hasEnded: false,
      owner: r.by,
    });
  }

  function renew(w: World, r: Request, s: Session | undefined): void {
    if (!s || s.tokens.some((t) => t.id === r.issued)) return;
    const wasCurrent = token.statusOf(s, r.generation) === "current";
    const by = {
      generation: r.generation,
      arrivedCurrent: r.status === "current",
    };
    const id = newId(w);
    r.issued = !r.isRepeated && token.renew(s, by, id, rules) ? id : "";
    if (
      r.issued !== "" && r.licence === "yes" && wasCurrent && s.id === w.robbed
    ) {
      w.stolenGeneration = Math.max(
        w.stolenGeneration,
        s.tokens.at(-1)!.generation,
      );
    }
  }

  function logOut(w: World, r: Request, s: Session | undefined): void {
    const endsNothing = r.status === "superseded" &&
      has("a logout by a superseded token ends nothing");
    if (s && !endsNothing) end(w, s.id, "a session that has ended");
    endSeveral(w, r);
    if (s && endsNothing) {
      w.violation = "I4: a logout is answered, its session lives on";
    }
  }

  /** Ends the sessions that the cookies of a request open, if they are several. */
  function endSeveral(w: World, r: Request): void {
    if (r.status !== "conflict") return;
    for (const id of r.cookies) {
      const found = open(w, id);
      if (found) end(w, found.session.id, "");
    }
  }

  function logIn(w: World, r: Request): void {
    const isBlind = has("the store writes without looking");
    const s = w.sessions.find((s) =>
      s.id === r.session && (!s.hasEnded || isBlind)
    );
    if (s?.tokens.some((t) => t.id === r.issued)) return;
    const principal = principalOf(r);
    const plan = isBlind
      ? r.plan
      : token.planLogin(s, r.generation, principal, rules);
    r.isRefused = !s || r.isRepeated || plan === "new" || plan === "switch";
    if (!s || r.isRefused) return;
    if (s.hasEnded) w.violation = "I4: a session that has ended is revived";
    if (plan === "unrenewed") s.principal = principal;
    else {
      r.issued = newId(w);
      token.logIn(
        s,
        plan as "stay" | "join",
        { id: r.issued, principal, isRemembered: r.isRemembering },
        rules,
      );
      r.generation = s.tokens.at(-1)!.generation;
      r.tokenPrincipal = principal;
      r.status = "current";
    }
    if (r.by === "victim") s.owner = "victim";
    noteLogin(w, r, s.id);
  }

  function answer(w: World, r: Request): void {
    if (w.violation !== "") return;
    if (isShared) commit(w, r);
    const isLogin = r.kind === "login" && r.by === "victim" &&
      r.plan !== "unrenewed";
    if (isLogin && !r.isRefused && r.issued === "") {
      w.violation ||= "I2: a login is answered without a cookie";
    }
    if (
      r.isRefused || !open(w, r.issued) && !has("a token that has died is sent")
    ) {
      r.issued = "";
    }
    r.clears = r.issued === "" && !r.isRefused && (
      r.kind === "logout" && (r.cookies.length > 0 ||
          r.isCrossSite && has("a cross-site logout clears")) ||
      r.kind === "look" && r.status === "invalid" &&
        has("an invalid token is cleared") ||
      r.session !== "" && !isLive(w, r.session) &&
        has("each answer of an ended session clears")
    );
    const isForgotten = r.kind !== "login" &&
      has("a renewed cookie is not remembered");
    r.isKept = find(w, r.issued)?.session.isRemembered === true && !isForgotten;
    if (r.by === "attacker" && r.issued !== "") w.known.push(r.issued);
    if (r.by === "attacker" || r.issued === "" && !r.clears) remove(w, r);
    const {
      by,
      kind,
      cookies,
      session,
      isRemembering,
      issued,
      clears,
      isKept,
      isOverruled,
      carries,
      from,
      excuse,
    } = r;
    const sent = {
      by,
      kind,
      cookies,
      session,
      isRemembering,
      issued,
      clears,
      isKept,
      isOverruled,
      carries,
      from,
      excuse,
    };
    Object.assign(r, newRequest(by, kind), sent, { stage: "answered" });
  }

  function receive(w: World, r: Request): void {
    const wasIn = open(w, w.jar[0])?.session.principal === "alice";
    w.jar[0] = r.clears ? "" : r.issued;
    w.isKept = r.isKept;
    remove(w, r);
    if (r.excuse !== "") {
      if (wasIn && open(w, w.jar[0])?.session.principal !== "alice") {
        w.loss = r.excuse;
      }
      doubt(w);
    } else if (r.kind === "login") {
      w.isIn = !w.requests.some((other) =>
        other.kind === "logout" && !other.isCrossSite ||
        other.kind === "login" && other.cookies[0] !== r.cookies[0]
      );
      w.hasCart = w.isIn && r.carries;
      w.isRemembered = w.isIn && r.isRemembering && !r.isOverruled &&
        !w.requests.some((other) =>
          other.kind === "login" && other.by === "victim" &&
          !other.isRemembering
        );
    }
  }

  function end(w: World, id: string, excuse: string): void {
    const session = w.sessions.find((s) => s.id === id)!;
    session.hasEnded = true;
    if (w.robbed === id) revokeLicence(w, id);
    for (const r of w.requests) {
      const isOfSession = r.session === id ||
        session.tokens.some((t) => r.cookies.includes(t.id));
      if (!isOfSession || r.by === "attacker") continue;
      r.carries = false;
      if (r.stage === "answered" && !r.clears) r.excuse ||= excuse;
    }
  }

  function passGrace(w: World): void {
    w.sessions.forEach(token.passGrace);
    if (w.isRobbedRenewed) w.robbed = "";
    for (const r of w.requests) {
      if (r.stage !== "sent" || r.cookies.every((id) => find(w, id))) continue;
      if (r.isSure || r.carries) w.loss = LATE;
      r.isSure = r.carries = false;
    }
  }

  /** Marks the requests under way by tokens that a renewal has replaced as late. */
  function notePresented(w: World, by: Request, session: Session): void {
    const isOld = (id: string) =>
      session.tokens.some((t) =>
        t.id === id && t.generation < session.generation
      );
    for (const r of w.requests) {
      if (r.stage === "answered" && isOld(r.issued)) {
        r.excuse ||= "a cookie overtaken by a later renewal";
      } else if (session.principal === "" && r.cookies.some(isOld)) {
        r.carries = false;
        r.isLate = true;
      }
    }
    const isHers = by.by === "victim" && session.id === w.robbed;
    if (isHers && session.generation > w.stolenGeneration) {
      w.isRobbedRenewed = true;
    }
  }

  /** Marks the responses under way that may replace the cookie of a login. */
  function noteLogin(w: World, login: Request, cameFor: string): void {
    if (login.by === "attacker") return;
    if (!login.isRemembering) w.isRemembered = false;
    for (const r of w.requests) {
      if (!login.isRemembering && r.isRemembering) r.isOverruled = true;
      if (r.by === "attacker") continue;
      if (r.kind !== "login" && isUnrelated(login, r)) r.excuse ||= STRAY;
      if (r.stage !== "answered") continue;
      if (r.kind !== "login") r.excuse ||= `a ${r.kind} overtaken by a login`;
      else if (r.cookies[0] !== login.cookies[0]) {
        r.excuse ||= "a login overtaken by a later login";
      }
    }
    // A double click, and the token of the first click stolen in between.
    const isSibling = !login.isAfterTheft && w.stolenPrincipal === "alice" &&
      login.cookies[0] !== w.stolen;
    if (cameFor !== "" && cameFor === w.robbed && !isSibling) {
      revokeLicence(w, cameFor);
    }
  }

  function checkJar(w: World): void {
    if (isAlone && w.isIn && open(w, w.jar[0])?.session.principal !== "alice") {
      w.violation ||=
        "I5: the browser is left with a cookie that opens nothing";
    }
  }

  function checkLook(w: World, r: Request): void {
    const seen = seenBy(w, r);
    const isFrozen = has("a request keeps its principal for ever");
    const principal = isFrozen ? r.principal : seen?.principal ?? "";
    const stored = w.sessions.find((s) => s.id === r.session);
    const isStale = isShared && seen !== undefined &&
      (!stored || stored.hasEnded ||
        stored.loginGeneration !== seen.loginGeneration);
    const isLicensed = r.licence === "yes" || r.licence === "stale" && isStale;
    const others = 6 & ~BITS[principal];
    const isDisplaced = r.by === "victim" && seen?.owner === "attacker" &&
      r.from !== seen.id && isLive(w, r.from);
    const report = (isBroken: boolean, text: string) => {
      if (isBroken) w.violation ||= text;
    };
    report(
      r.by === "attacker" && principal === "alice" && !isLicensed,
      "I1: the attacker acts as alice",
    );
    report(
      isAlone && r.isSure && principal !== "alice",
      "I2: alice was logged in, and is anonymous",
    );
    report(
      isAlone && r.isSure && r.carries && seen !== undefined &&
        (seen.values & BITS[""]) === 0,
      "I3: what the guest stored is gone",
    );
    report(
      seen !== undefined && r.tokenPrincipal !== principal,
      "I6: one token, two principals",
    );
    report(isDisplaced, "I7: a planted cookie displaces the victim's session");
    report(
      seen !== undefined && principal !== "" && (seen.values & others) !== 0,
      "I8: one account sees what another one stored",
    );
  }

  /** Forgets what nothing refers to any more. */
  function tidy(w: World): void {
    const isUsed = (id: string, process?: number) =>
      w.requests.some((r) =>
        r.session === id && (process ?? r.process) === r.process &&
        r.stage !== "answered"
      );
    w.copies = w.copies.filter((c) => isUsed(c.session.id, c.process));
    w.sessions = w.sessions.filter((s) => !s.hasEnded || isUsed(s.id));
    const orDead = (id: string) => id === "" || find(w, id) ? id : DEAD;
    w.jar = w.jar.map(orDead);
    w.known = w.known.filter((id) => find(w, id));
    for (const r of w.requests) {
      if (r.stage === "sent" || r.kind !== "login") {
        r.cookies = r.cookies.map(orDead);
      }
      if (isAlone) continue;
      // With an attacker, nothing is expected of the victim's own luck.
      r.isSure = r.carries = r.isLate = false;
      r.excuse = "";
    }
    if (!isAlone) w.isIn = w.hasCart = w.isRemembered = false;
  }

  return { first: newWorld(scenario), next };
}

const newId = (w: World) => `#${++w.lastId}`;
const text = (cookies: string[]) => cookies.join(" and ") || "no cookie";

function cookiesOf({ jar: [own = "", planted = ""], isPlantedFirst }: World) {
  const both = isPlantedFirst ? [planted, own] : [own, planted];
  return both.filter((id) => id !== "");
}

/** Returns whether the server cannot tell that both come from one browser. */
function isUnrelated(login: Request, r: Request): boolean {
  return r.from !== login.session && (login.isLate || r.from !== login.from);
}

function remove(w: World, r: Request): void {
  w.requests.splice(w.requests.indexOf(r), 1);
}

/** From now on nothing is certain about the victim. */
function doubt(w: World): void {
  w.isIn = w.hasCart = w.isRemembered = false;
  for (const r of w.requests) r.isSure = false;
}

function revokeLicence(w: World, id: string): void {
  w.robbed = "";
  for (const r of w.requests) {
    if (r.session === id && r.licence === "yes") r.licence = "stale";
  }
}

/** Returns a text that is equal for worlds that differ in names only. */
export function keyOf(w: World): string {
  const byShape = (items: unknown[]) =>
    items.map((item) => JSON.stringify(item))
      .map((json) => [json.replace(/#\d+/g, "#"), json] as const)
      .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([, json]) => json);
  const json =
    JSON.stringify({ ...w, lastId: 0, requests: 0, sessions: 0, copies: 0 }) +
    byShape(w.requests) + byShape(w.sessions) + byShape(w.copies);
  const names = new Map<string, string>();
  return json.replace(/#\d+/g, (id) => {
    if (!names.has(id)) names.set(id, `#${names.size}`);
    return names.get(id)!;
  });
}
