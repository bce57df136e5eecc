import { isPromiseLike } from "../../base/promises.ts";
import { HttpError } from "../../http/http_error.ts";
import type { Session, SessionEnd } from "../../session.ts";
import { Sessions, type Visit } from "../../sessions.ts";
import type { SessionStore } from "../../stores/store.ts";
import type { Ask, Write } from "./ask.ts";
import type { Life } from "./host.ts";
import { KEYS } from "./keys.ts";
import type { Plan } from "./plan.ts";
import type { Act } from "./themes/act.ts";
import { beginAction, registerCallbacks } from "./themes/actions.ts";
import { optionsOf } from "./themes/limit.ts";

/**
 * How often a named callback fails at most, in all processes. The pauses double: after
 * more failures the world would end before the callback is called again.
 */
const MAX_FAILURES = 3;

/** What a program tells the world of. */
export interface ProgramWorld {
  readonly plan: Plan;
  /** Returns a number from 0 to 1 that belongs to a name. */
  draw(name: string): number;
  /** How often each named callback has failed. */
  readonly failed: Map<string, number>;
  nameOf(uid: string): string;
  /** Returns one of the sessions that there have been. */
  pickUid(choice: number): string | undefined;
  say(text: string): void;
  onSight(ask: Ask): void;
  onWrite(write: Write): void;
  onAct(act: Act): void;
  onTold(life: Life, end: SessionEnd): void;
  onNamed(life: Life, argument: unknown, end: SessionEnd): void;
  onError(life: Life, error: unknown, session: Session | undefined): void;
}

/** The application that each life runs. */
export class Program {
  readonly #life: Life;
  readonly #world: ProgramWorld;
  readonly #calls = new Map<string, number>();

  constructor(life: Life, store: SessionStore, world: ProgramWorld) {
    this.#life = life;
    this.#world = world;
    const { plan } = world;
    const sessions = life.sessions = new Sessions({
      store,
      clock: life.clock,
      sessionTimeout: plan.sessionTimeout,
      absoluteTimeout: plan.absoluteTimeout,
      renewalGrace: plan.renewalGrace,
      endLease: plan.endLease,
      storeTimeout: 2,
      ...optionsOf(plan.limit),
      ...plan.awayAfter === undefined ? {} : { awayAfter: plan.awayAfter },
      onError: (error, { session }) => {
        if (life.isAlive) world.onError(life, error, session);
      },
    });
    sessions.notifyOnSessionEnd((end) => this.#tell(end));
    sessions.onEnd("bill", (argument, end) => this.#bill(argument, end));
    registerCallbacks(life, world, (name) => this.#try(name));
  }

  /** Answers a request. */
  answer(ask: Ask, request: Request): Response | Promise<Response> {
    const done = () => void (ask.handledAt = this.#now);
    return this.#life.sessions.serve(request, (visit) => {
      try {
        const response = this.#handle(ask, visit);
        if (isPromiseLike(response)) return response.finally(done);
        done();
        return response;
      } catch (error) {
        done();
        throw error;
      }
    });
  }

  #handle(ask: Ask, visit: Visit): Response | Promise<Response> {
    this.#see(ask, visit);
    const { wait, block } = ask.step;
    if (this.#world.plan.leaves > 0) this.#followClient(ask, visit);
    const late = this.#begin(ask, visit);
    if (block > 0) this.#life.host.block(block);
    const draw = this.#world.draw(`${ask.name} throws`);
    const { throws } = this.#world.plan;
    if (draw < throws / 4) return this.#throw(ask);
    const answer = () => {
      const response = late();
      if (draw >= throws) return response ?? new Response(null);
      return isPromiseLike(response)
        ? response.then(() => this.#throw(ask))
        : this.#throw(ask);
    };
    if (wait === 0) return answer();
    return this.#life.sleep(wait).then(() => {
      this.#see(ask, visit);
      return answer();
    });
  }

  /** Notes when the signal of the visit aborts. */
  #followClient(ask: Ask, { signal }: Visit): void {
    const act = { kind: "left", ask, life: this.#life, uid: "" } as const;
    const leave = () => this.#world.onAct({ ...act, at: this.#now });
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
  }

  #throw(ask: Ask): never {
    ask.hasThrown = true;
    throw new Error("The handler has failed");
  }

  /** Does the first part of a request; returns what it does after the pause. */
  #begin(
    ask: Ask,
    visit: Visit,
  ): () => Response | Promise<Response> | undefined {
    const { action, choice, wait, principal } = ask.step;
    const nothing = () => undefined;
    const isLate = wait > 0 && choice < 0.4;
    const get = () => {
      const session = visit.getSession();
      ask.got ??= { uid: session.uid, at: this.#now };
      return session;
    };
    const soonOrLate = (act: () => Response | undefined) => {
      if (isLate) return act;
      const response = act();
      return () => response;
    };
    switch (action) {
      case "look":
        return nothing;
      case "visit":
        get();
        return nothing;
      case "set":
      case "delete": {
        const session = get();
        return soonOrLate(() => this.#write(ask, session, action));
      }
      case "late": {
        const session = get();
        const timer = () => {
          if (!session.isActive) return;
          this.#write(ask, session, "set", true);
          if (this.#world.draw(`${ask.name} late`) < 0.2) {
            this.#registerLate(ask, session);
          }
        };
        return () => void this.#life.clock.setTimeout(timer, 20 + choice * 900);
      }
      case "login":
        return soonOrLate(() => {
          const { uid } = visit.logIn(principal);
          ask.loggedIn = { uid, at: this.#now };
          this.#world.say(
            `${ask.name} logs ${principal} in to ${this.#nameOf(uid)}`,
          );
          ask.got = ask.loggedIn;
          return undefined;
        });
      case "renew":
        return soonOrLate(() => {
          const { uid } = visit.renewSession();
          ask.hasRenewed = true;
          ask.got ??= { uid, at: this.#now };
          return undefined;
        });
      case "logout":
        return soonOrLate(() => this.#leave(ask, visit));
      case "expire": {
        const { session } = visit;
        if (session !== undefined) {
          ask.left = { uid: session.uid, at: this.#now };
          session.expire();
        }
        return nothing;
      }
      case "register": {
        const session = get();
        return soonOrLate(() => {
          session.notifyOnExpire("bill", ask.name);
          ask.hasRegistered = true;
          return undefined;
        });
      }
      case "listen": {
        const session = get();
        return soonOrLate(() => {
          ask.listensFrom = this.#now;
          ask.hasRegistered = true;
          session.notifyOnExpire(() => {
            ask.heard.push(this.#now);
          });
          return undefined;
        });
      }
      case "stream": {
        const { response } = get().events(visit);
        return () => response;
      }
      case "endAll":
        return () => {
          const of = visit.principal;
          if (of === undefined) return undefined;
          const ending = this.#life.sessions.endSessions(of);
          return Promise.resolve(ending).then(() => new Response(null));
        };
      default:
        return beginAction(action, {
          ask,
          visit,
          life: this.#life,
          world: this.#world,
          get,
          soonOrLate,
          set: (session) => this.#write(ask, session, "set"),
        });
    }
  }

  /** Registers a named callback after the response. */
  #registerLate(ask: Ask, session: Session): void {
    const life = this.#life;
    const { uid } = session;
    const name = `${ask.name} late`;
    session.notifyOnExpire("bill", name);
    this.#world.onAct({ kind: "late", life, uid, at: this.#now, name });
  }

  #leave(ask: Ask, visit: Visit): undefined {
    const { session } = visit;
    const uid = session?.uid ?? ask.tokens[0]?.slice(0, 32) ?? "";
    ask.left = { uid, at: this.#now };
    visit.logOut();
    if (ask.step.choice > 0.95) {
      ask.got = { uid: visit.getSession().uid, at: this.#now };
    }
    this.#world.say(`${ask.name} logs out of ${this.#nameOf(uid)}`);
  }

  #write(
    ask: Ask,
    session: Session,
    action: "set" | "delete",
    isLate = false,
  ): undefined {
    const { key, choice } = ask.step;
    const { uid } = session;
    const value = action === "set" ? ask.name : undefined;
    if (action === "set") session.set(key, value);
    else if (choice < 0.5 && session.take(key) === undefined) return;
    else if (choice >= 0.5 && !session.delete(key)) return;
    const write = { ask, uid, key, value, at: this.#now, isLate };
    ask.writes.push(write);
    this.#world.onWrite(write);
  }

  #see(ask: Ask, visit: Visit): void {
    const { session, principal } = visit;
    const values = new Map<string, unknown>();
    for (const key of KEYS) {
      const value: unknown = session?.get(key);
      if (value !== undefined) values.set(key, value);
    }
    ask.sights.push({ at: this.#now, uid: session?.uid, principal, values });
    this.#world.onSight(ask);
  }

  #tell(end: SessionEnd): Promise<void> | undefined {
    const life = this.#life;
    if (!life.isAlive) return;
    this.#world.onTold(life, end);
    return this.#work(`tell ${this.#nameOf(end.uid)}`);
  }

  #bill(argument: unknown, end: SessionEnd): Promise<void> | undefined {
    const life = this.#life;
    if (!life.isAlive) return;
    const call = `bill ${argument}`;
    this.#try(call);
    this.#world.onNamed(life, argument, end);
    return this.#work(call);
  }

  /** Throws sometimes. */
  #try(call: string): void {
    const count = (this.#calls.get(call) ?? 0) + 1;
    this.#calls.set(call, count);
    const { plan, failed } = this.#world;
    const isFailing = this.#world.draw(`${call} ${count}`) < plan.failures;
    const failures = (failed.get(call) ?? 0) + 1;
    if (isFailing && failures <= MAX_FAILURES) {
      failed.set(call, failures);
      this.#world.say(`${this.#life.name} fails to ${call}`);
      throw new Error("The bill cannot be sent");
    }
  }

  /** Works for a while, and sometimes blocks the event loop. */
  #work(name: string): Promise<void> | undefined {
    const { plan } = this.#world;
    const size = this.#world.draw(`${name} size`);
    if (size < 0.03 && !plan.isDirect) {
      this.#life.host.block(size / 0.03 * plan.endLease * 400);
    }
    return size > 0.9 ? this.#life.sleep(size * 1000) : undefined;
  }

  get #now(): number {
    return this.#life.host.now;
  }

  #nameOf(uid: string): string {
    return this.#world.nameOf(uid);
  }
}

/** Returns the status of a request that was answered by an error. */
export function statusOf(error: unknown): number {
  return error instanceof HttpError ? error.status : 500;
}
