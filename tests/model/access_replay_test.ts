/**
 * Random histories of one session, played against the model of the token rules
 * and against the real `SessionAccess`: at each step both say the same.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type AccessOperation,
  type AccessState,
  type IssuedToken,
  SessionAccess,
} from "../../session/access.ts";
import * as model from "./token_rules.ts";

const RULES: model.Rules = new Set();
const GRACE = 10_000;
const STEPS = 60;
const HISTORIES = 1500;

/** A generator of numbers that are the same in each run (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function nameOf(principal: model.Principal): string | undefined {
  return principal === "" ? undefined : principal;
}

/** Both sides of one history. */
class Replay {
  readonly #random: (below: number) => number;
  readonly #session: model.Session;
  #access: SessionAccess;
  #now = 1_700_000_000_000;
  /** The generation of every token that there has been, by its key. */
  readonly #issued = new Map([["0".repeat(32), 0]]);
  /** When tokens that fade stop counting, which the model does not say. */
  readonly #until = new Map<string, number>();
  /** How often each thing has happened, so that no run proves too little. */
  readonly counts: Map<string, number>;
  readonly history: string[] = [];

  constructor(seed: number, counts: Map<string, number>) {
    this.#random = randomOf(seed);
    this.counts = counts;
    const [key = ""] = this.#issued.keys();
    this.#session = {
      id: "session",
      principal: "",
      generation: 0,
      loginGeneration: 0,
      tokens: [{ id: key, generation: 0, principal: "", fading: false }],
      isRenewalDue: false,
      isRemembered: false,
      values: 0,
      hasEnded: false,
      owner: "victim",
    };
    this.#access = new SessionAccess({
      principal: undefined,
      generation: 0,
      loginGeneration: 0,
      isRenewalDue: false,
      isRemembered: false,
      authenticatedAt: undefined,
      tokens: [{ key, generation: 0, until: Infinity }],
    });
  }

  step(): void {
    const acts = [
      () => this.#arrive(),
      () => this.#arrive(),
      () => this.#renew(),
      () => this.#renew(),
      () => this.#logIn(),
      () => this.#logIn(),
      () => this.#repeat(),
      () => this.#assign(),
      () => this.#mark(),
      () => this.#pass(),
      () => this.#pass(),
      () => this.#store(),
    ];
    acts[this.#random(acts.length)]!();
    this.#compare();
  }

  /** A request arrives with a token. */
  #arrive(): void {
    const key = this.#pickKey();
    const shown = this.#session.tokens.find(({ id }) => id === key);
    const token = this.#access.find(key);
    this.#note(`arrive ${this.#generationOf(key)}`);
    const before = this.#session.generation;
    if (shown !== undefined) model.present(this.#session, shown, RULES);
    this.#noteFading();
    if (token === undefined) return assertEquals(shown, undefined);
    const isChange = this.#session.generation > before;
    // A token whose grace is over is never presented.
    if (shown === undefined) return;
    assertEquals(this.#access.present(token, this.#now + GRACE), isChange);
    if (isChange) this.#count("presented");
  }

  #renew(): void {
    const byKey = this.#pickKey();
    const key = this.#drawKey();
    this.#note(`renew by ${this.#generationOf(byKey)}`);
    const isKnown = this.#session.tokens.some(({ id }) => id === byKey);
    const by = { generation: this.#generationOf(byKey), arrivedCurrent: true };
    const isMade = isKnown && model.renew(this.#session, by, key, RULES);
    assertEquals(this.#apply({ kind: "renew", key, byKey }), isMade);
    this.#noteIssued(isMade, key);
    this.#count(isMade ? "renewed" : "not renewed");
    if (!isMade && this.#session.tokens.length === model.MAX_TOKENS) {
      this.#count("full");
    }
  }

  #logIn(): void {
    const byKey = this.#pickKey();
    const key = this.#drawKey();
    const principal = (["alice", "mallory"] as const)[this.#random(2)]!;
    this.#note(`${principal} logs in by ${this.#generationOf(byKey)}`);
    const isKnown = this.#session.tokens.some(({ id }) => id === byKey);
    const plan = isKnown
      ? model.planLogin(
        this.#session,
        this.#generationOf(byKey),
        principal,
        RULES,
      )
      : "new";
    const token = this.#access.find(byKey);
    assertEquals(this.#access.planLogin(token, principal, this.#now), plan);
    const isMade = plan === "stay" || plan === "join";
    const isRemembered = this.#random(2) === 0;
    if (isMade) {
      const before = this.#session.tokens.length;
      const login = { id: key, principal, isRemembered };
      model.logIn(this.#session, plan, login, RULES);
      if (before === model.MAX_TOKENS) this.#count("shifted");
    }
    this.#noteFading();
    assertEquals(
      this.#apply({
        kind: "login",
        key,
        byKey,
        principal,
        at: this.#now,
        isRemembered,
      }),
      isMade,
    );
    if (isMade) {
      assertEquals(this.#access.authenticatedAt, this.#now);
      assertEquals(this.#access.isRemembered, isRemembered);
    }
    this.#noteIssued(isMade, key);
    this.#count(plan);
  }

  /** A write is repeated, whose token is there already. */
  #repeat(): void {
    const [key = ""] = [...this.#issued.keys()].slice(-1);
    if (this.#access.find(key) === undefined) return;
    this.#note(`repeat ${this.#generationOf(key)}`);
    const byKey = this.#pickKey();
    assert(this.#apply({ kind: "renew", key, byKey }));
    const principal = (["alice", "mallory"] as const)[this.#random(2)]!;
    const { isRemembered } = this.#access;
    assertEquals(
      this.#apply({
        kind: "login",
        key,
        byKey,
        principal,
        at: this.#now,
        isRemembered: !isRemembered,
      }),
      nameOf(this.#session.principal) === principal,
    );
    assertEquals(this.#access.isRemembered, isRemembered);
    this.#count("repeated");
  }

  #assign(): void {
    const principal = (["", "alice", "mallory"] as const)[this.#random(3)]!;
    this.#note(`principal = "${principal}"`);
    const { principal: before } = this.#session;
    const isRefused = before !== "" && principal !== "" && before !== principal;
    if (!isRefused) this.#session.principal = principal;
    const isMade = this.#apply({
      kind: "principal",
      principal: nameOf(principal),
    });
    assertEquals(isMade, !isRefused);
    this.#count(isRefused ? "not assigned" : "assigned");
  }

  #mark(): void {
    this.#note("renew()");
    this.#session.isRenewalDue = true;
    assert(this.#apply({ kind: "renewal-due" }));
  }

  /** Time passes: the grace of some tokens may be over. */
  #pass(): void {
    const ms = [1, 3000, GRACE - 1, GRACE][this.#random(4)]!;
    this.#note(`${ms} ms`);
    this.#now += ms;
    const before = this.#session.tokens.length;
    this.#session.tokens = this.#session.tokens.filter(({ id }) =>
      this.#now < (this.#until.get(id) ?? Infinity)
    );
    if (this.#session.tokens.length < before) this.#count("expired");
  }

  /** The state is written, and read again. */
  #store(): void {
    this.#note("store");
    const { principal, authenticatedAt, tokens } = this.#access;
    const { generation, loginGeneration } = this.#access;
    const { isRenewalDue, isRemembered } = this.#access;
    const state: AccessState = {
      principal,
      generation,
      loginGeneration,
      isRenewalDue,
      isRemembered,
      authenticatedAt,
      tokens,
    };
    const before = structuredClone(state);
    // A change of one copy changes neither other copies nor the record.
    const copy = new SessionAccess(state);
    const byKey = tokens.at(-1)!.key;
    const key = "e".repeat(32);
    copy.apply({ kind: "renew", key, byKey }, this.#now, this.#now);
    copy.apply({ kind: "principal", principal: undefined }, 0, 0);
    assertEquals(state, before);
    this.#access = new SessionAccess(state);
  }

  #compare(): void {
    const session = this.#session;
    const access = this.#access;
    assertEquals(
      {
        principal: access.principal,
        generation: access.generation,
        loginGeneration: access.loginGeneration,
        isRenewalDue: access.isRenewalDue,
        isRemembered: access.isRemembered,
        tokens: this.#counting().map(({ key, generation, until }) => ({
          key,
          generation,
          until,
        })),
      },
      {
        principal: nameOf(session.principal),
        generation: session.generation,
        loginGeneration: session.loginGeneration,
        isRenewalDue: session.isRenewalDue,
        isRemembered: session.isRemembered,
        tokens: session.tokens.map(({ id, generation }) => ({
          key: id,
          generation,
          until: this.#until.get(id) ?? Infinity,
        })),
      },
    );
    assert(access.tokens.length <= model.MAX_TOKENS);
    for (const key of this.#issued.keys()) {
      const shown = session.tokens.find(({ id }) => id === key);
      const token = access.find(key);
      const status = token && access.statusOf(token, this.#now);
      if (shown === undefined) {
        assert(status === undefined || status === "expired");
      } else {
        const { generation, fading } = shown;
        assertEquals(status, model.statusOf(session, generation, fading));
        this.#count(`is ${status}`);
      }
    }
    // There is always a token by which the visitor may go on.
    assert(session.tokens.some(({ fading }) => !fading));
  }

  /** The tokens whose grace is not over. */
  #counting(): IssuedToken[] {
    return this.#access.tokens.filter(({ until }) => this.#now < until);
  }

  #apply(operation: AccessOperation): boolean {
    const before = structuredClone({ ...this.#access });
    const isMade = this.#access.apply(
      operation,
      this.#now,
      this.#now + GRACE,
    );
    if (!isMade) {
      // Only tokens whose grace is over may have been forgotten.
      const { tokens, ...others } = before;
      const { tokens: after, ...othersAfter } = { ...this.#access };
      assertEquals(othersAfter, others);
      assertEquals(
        after.filter(({ until }) => this.#now < until),
        tokens.filter(({ until }) => this.#now < until),
      );
    }
    return isMade;
  }

  #noteIssued(isMade: boolean, key: string): void {
    if (!isMade) return;
    this.#issued.set(key, this.#session.tokens.at(-1)!.generation);
  }

  #noteFading(): void {
    for (const { id, fading } of this.#session.tokens) {
      if (fading && !this.#until.has(id)) {
        this.#until.set(id, this.#now + GRACE);
      }
    }
  }

  /** One of the tokens that there have been, mostly one of the last. */
  #pickKey(): string {
    const keys = [...this.#issued.keys()];
    if (this.#random(20) === 0) return "f".repeat(32);
    const recent = this.#random(4) === 0 ? keys : keys.slice(-4);
    return recent[this.#random(recent.length)]!;
  }

  #drawKey(): string {
    return this.#issued.size.toString(16).padStart(8, "0").repeat(4);
  }

  #generationOf(key: string): number {
    return this.#issued.get(key) ?? -1;
  }

  #note(what: string): void {
    this.history.push(what);
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

Deno.test("SessionAccess does what the model of the token rules does", () => {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const replay = new Replay(seed, counts);
    for (let step = 0; step < STEPS; step++) {
      try {
        replay.step();
      } catch (error) {
        const steps = replay.history.map((step, i) => `${i + 1}. ${step}`);
        throw new Error(`Seed ${seed}:\n${steps.join("\n")}`, {
          cause: error,
        });
      }
    }
  }
  // Without all of these the histories would prove little.
  const rare = [
    "presented",
    "renewed",
    "not renewed",
    "full",
    "stay",
    "join",
    "switch",
    "new",
    "shifted",
    "repeated",
    "assigned",
    "not assigned",
    "expired",
    "is current",
    "is previous",
    "is superseded",
  ].filter((what) => (counts.get(what) ?? 0) < 100);
  assertEquals(rare, []);
});
