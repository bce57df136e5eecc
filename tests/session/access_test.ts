/**
 * `SessionAccess`: what each token of a session may do. Random histories of it
 * are compared with a model in `tests/model/access_replay_test.ts`.
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  type AccessOperation,
  type AccessState,
  type IssuedToken,
  MAX_TOKENS,
  SessionAccess,
} from "../../session/access.ts";

const NOW = 1_700_000_000_000;
const GRACE = 10_000;

/** The key of a token, of its name. */
function keyOf(name: string): string {
  return name.padStart(32, "0");
}

/** One session, whose tokens have names. */
class Subject {
  access: SessionAccess;
  now = NOW;

  constructor(state: Partial<AccessState> = {}) {
    this.access = new SessionAccess({
      principal: undefined,
      generation: 0,
      loginGeneration: 0,
      isRenewalDue: false,
      isRemembered: false,
      authenticatedAt: undefined,
      tokens: [{ key: keyOf("a"), generation: 0, until: Infinity }],
      ...state,
    });
  }

  token(name: string): IssuedToken {
    const token = this.access.find(keyOf(name));
    assert(token !== undefined, `no token "${name}"`);
    return token;
  }

  status(name: string): string {
    return this.access.statusOf(this.token(name), this.now);
  }

  /** The status of each of several tokens. */
  statuses(...names: string[]): string[] {
    return names.map((name) => this.status(name));
  }

  show(name: string): boolean {
    return this.access.present(this.token(name), this.now + GRACE);
  }

  renew(name: string, by: string): boolean {
    return this.#apply({ kind: "renew", key: keyOf(name), byKey: keyOf(by) });
  }

  logIn(
    name: string,
    by: string,
    principal = "alice",
    isRemembered = false,
  ): boolean {
    return this.#apply({
      kind: "login",
      key: keyOf(name),
      byKey: keyOf(by),
      principal,
      at: this.now,
      isRemembered,
    });
  }

  plan(name: string | undefined, principal = "alice"): string {
    const token = name === undefined ? undefined : this.token(name);
    return this.access.planLogin(token, principal, this.now);
  }

  assign(principal: string | undefined): boolean {
    return this.#apply({ kind: "principal", principal });
  }

  mark(): boolean {
    return this.#apply({ kind: "renewal-due" });
  }

  #apply(operation: AccessOperation): boolean {
    return this.access.apply(operation, this.now, this.now + GRACE);
  }
}

/** A session with a current, a previous and a superseded token. */
function mixed(principal = "alice"): Subject {
  const it = new Subject();
  it.logIn("previous", "a", principal);
  it.renew("current", "previous");
  it.show("current");
  assertEquals(it.statuses("a", "previous", "current"), [
    "superseded",
    "previous",
    "current",
  ]);
  return it;
}

// Finding tokens.

for (
  const [what, key] of [
    ["another key", keyOf("b")],
    ["nothing", ""],
    ["a part of a key", keyOf("a").slice(1)],
    ["a key and more", `${keyOf("a")}0`],
    ["a key in upper case", keyOf("a").toUpperCase()],
  ] as const
) {
  Deno.test(`SessionAccess.find() finds no token by ${what}`, () => {
    assertEquals(new Subject().access.find(key), undefined);
  });
}

Deno.test("SessionAccess.find() finds each token by its own key", () => {
  const it = mixed();
  for (const name of ["a", "previous", "current"]) {
    assertEquals(it.access.find(keyOf(name))?.key, keyOf(name));
  }
});

// What a token may do.

for (
  const [generation, loginGeneration, own, status] of [
    [0, 0, 0, "current"],
    [0, 0, 1, "current"],
    [1, 0, 1, "current"],
    [1, 0, 0, "previous"],
    [3, 2, 2, "previous"],
    [3, 2, 1, "superseded"],
    [3, 3, 2, "superseded"],
    [3, 3, 3, "current"],
    [3, 3, 9, "current"],
  ] as const
) {
  Deno.test(`SessionAccess.statusOf() of generation ${own} is ${status} in ${generation} since a login in ${loginGeneration}`, () => {
    const token = { key: keyOf("a"), generation: own, until: Infinity };
    const { access } = new Subject({
      generation,
      loginGeneration,
      tokens: [token],
    });

    assertEquals(access.statusOf(token, NOW), status);
    assertEquals(
      access.statusOf({ ...token, until: NOW + 1 }, NOW),
      status,
    );
    assertEquals(access.statusOf({ ...token, until: NOW }, NOW), "expired");
    assertEquals(access.statusOf({ ...token, until: 0 }, NOW), "expired");
  });
}

// A token arrives.

Deno.test("SessionAccess.present() of a token of the present generation changes nothing", () => {
  const it = new Subject();

  assertFalse(it.show("a"));

  assertEquals(it.access.generation, 0);
  assertEquals(it.token("a").until, Infinity);
});

Deno.test("SessionAccess.present() puts a later generation into effect, and fades older tokens", () => {
  const it = new Subject();
  it.renew("b", "a");
  assertEquals(it.statuses("a", "b"), ["current", "current"]);

  assert(it.show("b"));

  assertEquals(it.statuses("a", "b"), ["previous", "current"]);
  assertEquals(it.token("a").until, NOW + GRACE);
  assertEquals(it.token("b").until, Infinity);
});

Deno.test("SessionAccess.present() twice fades nothing anew", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");
  it.now += 5000;

  assertFalse(it.show("b"));
  assertFalse(it.show("a"));

  assertEquals(it.token("a").until, NOW + GRACE);
});

Deno.test("SessionAccess.present() of yet a later generation gives the first no more time", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");
  it.renew("c", "b");
  it.now += 5000;

  assert(it.show("c"));

  assertEquals(it.token("a").until, NOW + GRACE);
  assertEquals(it.token("b").until, NOW + 5000 + GRACE);
});

Deno.test("SessionAccess.present() may pass over a generation", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");
  it.renew("c", "b");
  it.show("c");
  it.renew("d", "c");

  assert(it.show("d"));

  assertEquals(it.statuses("a", "b", "c", "d"), [
    "previous",
    "previous",
    "previous",
    "current",
  ]);
});

Deno.test("SessionAccess.present() fades no token of the same generation", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.renew("c", "a");

  it.show("b");
  it.show("c");

  assertEquals(it.statuses("a", "b", "c"), ["previous", "current", "current"]);
  assertEquals(it.token("c").until, Infinity);
});

for (const name of ["a", "previous"]) {
  Deno.test(`SessionAccess.present() of an older token changes nothing: ${name}`, () => {
    const it = mixed();

    assertFalse(it.show(name));

    assertEquals(it.statuses("a", "previous", "current"), [
      "superseded",
      "previous",
      "current",
    ]);
  });
}

// Renewals.

Deno.test("SessionAccess.apply() of a renewal issues a token of the next generation, and changes nothing else", () => {
  const it = new Subject();
  it.assign("alice");

  assert(it.renew("b", "a"));

  assertEquals(it.token("b"), {
    key: keyOf("b"),
    generation: 1,
    until: Infinity,
  });
  assertEquals(it.access.generation, 0);
  assertEquals(it.access.loginGeneration, 0);
  assertEquals(it.access.principal, "alice");
  assertEquals(it.access.authenticatedAt, undefined);
});

Deno.test("SessionAccess.apply() of renewals at once issues tokens of one generation", () => {
  const it = new Subject();

  it.renew("b", "a");
  it.renew("c", "a");

  assertEquals([it.token("b").generation, it.token("c").generation], [1, 1]);
});

for (const by of ["a", "previous", "nothing"]) {
  Deno.test(`SessionAccess.apply() of a renewal by a token that is not current is refused: ${by}`, () => {
    const it = mixed();

    assertFalse(it.renew("b", by));

    assertEquals(it.access.tokens.length, 3);
  });
}

Deno.test("SessionAccess.apply() of a renewal by a token whose grace is over is refused", () => {
  const it = mixed();
  it.now += GRACE;

  assertFalse(it.renew("b", "previous"));
});

Deno.test("SessionAccess.apply() of a renewal that is repeated is done, and issues nothing", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");

  // By a token that could renew nothing any more.
  assert(it.renew("b", "a"));

  assertEquals(it.access.tokens.length, 2);
  assertEquals(it.token("b").generation, 1);
});

Deno.test("SessionAccess.apply() of a renewal issues no token beyond eight", () => {
  const it = new Subject();
  for (let i = 1; i < MAX_TOKENS; i++) assert(it.renew(`${i}`, "a"));

  assertFalse(it.renew("more", "a"));

  assertEquals(MAX_TOKENS, 8);
  assertEquals(it.access.tokens.length, 8);
  assertEquals(it.status("a"), "current");
});

Deno.test("SessionAccess.apply() of a renewal takes the room of a token whose grace is over", () => {
  const it = new Subject();
  for (let i = 1; i < MAX_TOKENS; i++) it.renew(`${i}`, "a");
  it.show("1");
  assertFalse(it.renew("more", "1"));
  it.now += GRACE;

  assert(it.renew("more", "1"));

  assertEquals(it.access.tokens.length, 8);
  assertEquals(it.access.find(keyOf("a")), undefined);
});

Deno.test("SessionAccess.apply() notes that a renewal is due until a token has been issued", () => {
  for (
    const settle of [
      (it: Subject) => it.renew("b", "a"),
      (it: Subject) => it.logIn("b", "a"),
    ]
  ) {
    const it = new Subject();
    assert(it.mark());
    assert(it.access.isRenewalDue);

    settle(it);

    assertFalse(it.access.isRenewalDue);
  }
});

Deno.test("SessionAccess.apply() leaves a renewal due that is refused", () => {
  const it = mixed();
  it.mark();

  it.renew("b", "previous");
  it.renew("b", "a");
  it.logIn("c", "previous", "bob");

  assert(it.access.isRenewalDue);
});

// Where a login takes place.

for (
  const [name, own, other, anonymous] of [
    ["current", "stay", "switch", "stay"],
    ["previous", "stay", "new", "new"],
    ["a", "join", "new", "new"],
  ] as const
) {
  Deno.test(`SessionAccess.planLogin() by the token "${name}" is ${own} of its principal, ${other} of another`, () => {
    const it = mixed();

    assertEquals(it.plan(name, "alice"), own);
    assertEquals(it.plan(name, "bob"), other);
    assertEquals(it.plan(name, ""), other);
  });

  Deno.test(`SessionAccess.planLogin() by the token "${name}" is ${anonymous} once the principal has been taken away`, () => {
    const it = mixed();
    it.assign(undefined);

    assertEquals(it.plan(name, "alice"), anonymous);
    assertEquals(it.plan(name, "bob"), anonymous);
  });
}

for (const name of ["a", "previous"]) {
  Deno.test(`SessionAccess.planLogin() by the token "${name}" is new when its grace is over`, () => {
    const it = mixed();
    it.now += GRACE - 1;
    assertEquals(it.plan(name) === "new", false);
    it.now += 1;

    assertEquals(it.plan(name), "new");
  });
}

Deno.test("SessionAccess.planLogin() without a token is new", () => {
  assertEquals(new Subject().plan(undefined), "new");
  assertEquals(mixed().plan(undefined), "new");
});

Deno.test("SessionAccess.planLogin() by a previous token of an anonymous session is new", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");

  assertEquals(it.plan("a"), "new");
  assertEquals(it.plan("b"), "stay");
});

Deno.test('SessionAccess.planLogin() takes the principal "" for one', () => {
  const it = new Subject();
  it.logIn("b", "a", "");

  assertEquals(it.plan("b", ""), "stay");
  assertEquals(it.plan("b", "alice"), "switch");
  assertEquals(it.plan("a", ""), "join");
});

Deno.test("SessionAccess.planLogin() changes nothing", () => {
  const it = mixed();
  const before = structuredClone({ ...it.access });

  for (const name of ["a", "previous", "current", undefined]) {
    for (const principal of ["alice", "bob"]) it.plan(name, principal);
  }

  assertEquals({ ...it.access }, before);
});

// Logins.

Deno.test("SessionAccess.apply() of a login that stays supersedes every other token at once", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");
  it.renew("c", "b");

  assert(it.logIn("d", "b"));

  assertEquals(it.statuses("a", "b", "c", "d"), [
    "superseded",
    "superseded",
    "superseded",
    "current",
  ]);
  assertEquals(it.access.principal, "alice");
  assertEquals(it.access.authenticatedAt, NOW);
});

Deno.test("SessionAccess.apply() of a login gives superseded tokens until the grace is over, and no more", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.show("b");
  it.now += 5000;

  it.logIn("c", "b");

  assertEquals(it.token("a").until, NOW + GRACE);
  assertEquals(it.token("b").until, NOW + 5000 + GRACE);
  assertEquals(it.token("c").until, Infinity);
});

Deno.test("SessionAccess.apply() of a login by a previous token of its principal supersedes the current ones", () => {
  const it = mixed();

  assert(it.logIn("b", "previous"));

  assertEquals(it.statuses("a", "previous", "current", "b"), [
    "superseded",
    "superseded",
    "superseded",
    "current",
  ]);
});

Deno.test("SessionAccess.apply() of a login that joins supersedes nothing", () => {
  const it = new Subject();
  it.logIn("b", "a");
  const { generation, loginGeneration } = it.access;
  it.now += 1000;

  assert(it.logIn("c", "a"));

  assertEquals(it.statuses("a", "b", "c"), [
    "superseded",
    "current",
    "current",
  ]);
  assertEquals([it.access.generation, it.access.loginGeneration], [
    generation,
    loginGeneration,
  ]);
  assertEquals(it.access.authenticatedAt, NOW + 1000);
});

Deno.test("SessionAccess.apply() of a login that joins is of the generation that has been shown", () => {
  const it = new Subject();
  it.logIn("b", "a");
  it.renew("c", "b");
  it.show("c");

  it.logIn("d", "a");

  assertEquals(it.statuses("b", "c", "d"), [
    "previous",
    "current",
    "current",
  ]);
});

for (
  const [what, name, principal] of [
    ["of another principal by the current token", "current", "bob"],
    ["of another principal by a previous token", "previous", "bob"],
    ["of another principal by a superseded token", "a", "bob"],
    ["by an unknown token", "x", "alice"],
  ] as const
) {
  Deno.test(`SessionAccess.apply() of a login ${what} is refused, and changes nothing`, () => {
    const it = mixed();
    const before = structuredClone({ ...it.access });

    assertFalse(it.logIn("b", name, principal));

    assertEquals({ ...it.access }, before);
  });
}

Deno.test("SessionAccess.apply() of a login that is repeated is done, and changes nothing", () => {
  const it = new Subject();
  it.logIn("b", "a");
  it.renew("c", "b");
  const before = structuredClone({ ...it.access });
  it.now += 1000;

  assert(it.logIn("b", "a"));

  assertEquals({ ...it.access }, before);
});

Deno.test("SessionAccess.apply() of a login that is repeated is not done once the principal is another", () => {
  const it = new Subject();
  it.logIn("b", "a");
  it.assign(undefined);
  it.assign("bob");

  assertFalse(it.logIn("b", "a"));

  assertEquals(it.access.principal, "bob");
});

Deno.test("SessionAccess.apply() of two logins by one token, written in either order, leaves both in", () => {
  for (const [first, second] of [["b", "c"], ["c", "b"]] as const) {
    const it = new Subject();
    assert(it.logIn(first, "a"));
    assert(it.logIn(second, "a"));
    assertEquals(it.statuses("b", "c"), ["current", "current"]);
  }
});

Deno.test("SessionAccess.apply() of a login has room where there is none", () => {
  const it = new Subject();
  for (let i = 1; i < MAX_TOKENS; i++) it.renew(`${i}`, "a");

  assert(it.logIn("login", "7"));

  assertEquals(it.access.tokens.length, 8);
  assertEquals(it.status("login"), "current");
  // The oldest has made room.
  assertEquals(it.access.find(keyOf("a")), undefined);
  assertEquals(it.status("1"), "superseded");
});

Deno.test("SessionAccess.apply() of a login forgets a token whose grace is over before any other", () => {
  const it = new Subject();
  it.renew("b", "a");
  it.renew("c", "a");
  it.show("b");
  for (let i = 1; i < 6; i++) assert(it.renew(`${i}`, "b"));
  it.now += GRACE;

  assert(it.logIn("login", "b"));

  assertEquals(it.access.find(keyOf("a")), undefined);
  assertEquals(it.status("b"), "superseded");
});

Deno.test("SessionAccess.apply() of any number of joining logins remembers eight tokens", () => {
  const it = new Subject();
  it.logIn("b", "a");
  for (let i = 0; i < 100; i++) {
    if (it.access.find(keyOf("a")) === undefined) break;
    it.logIn(`join ${i}`, "a");
  }

  assertEquals(it.access.tokens.length, 8);
});

Deno.test("SessionAccess.apply() of a login says whether the browser keeps the cookie, until the next login", () => {
  const it = new Subject();

  it.logIn("b", "a", "alice", true);
  assert(it.access.isRemembered);
  it.renew("c", "b");
  it.show("c");
  it.assign(undefined);
  assert(it.access.isRemembered);
  assertFalse(it.logIn("d", "x", "alice", false));
  assert(it.access.isRemembered);
  it.logIn("d", "c", "alice", false);

  assertFalse(it.access.isRemembered);
});

// The principal alone.

Deno.test("SessionAccess.apply() assigns a principal, supersedes no token and is no login", () => {
  const it = new Subject();
  it.renew("b", "a");

  assert(it.assign("alice"));

  assertEquals(it.access.principal, "alice");
  assertEquals(it.statuses("a", "b"), ["current", "current"]);
  assertEquals(it.access.authenticatedAt, undefined);
});

Deno.test("SessionAccess.apply() assigns the same principal again, and takes it away", () => {
  const it = new Subject();
  it.assign("alice");

  assert(it.assign("alice"));
  assert(it.assign(undefined));
  assert(it.assign(undefined));

  assertEquals(it.access.principal, undefined);
});

Deno.test("SessionAccess.apply() refuses another principal", () => {
  const it = new Subject();
  it.assign("alice");

  assertFalse(it.assign("bob"));
  assertFalse(it.assign(""));

  assertEquals(it.access.principal, "alice");
});

// Its state.

Deno.test("SessionAccess is made of a state that it neither shares nor changes", () => {
  const tokens = [{ key: keyOf("a"), generation: 0, until: Infinity }];
  const it = new Subject({ tokens });

  it.renew("b", "a");
  it.show("b");

  assertEquals(tokens, [{ key: keyOf("a"), generation: 0, until: Infinity }]);
});

Deno.test("SessionAccess is its own state", () => {
  const it = mixed();
  it.mark();

  const other = new SessionAccess(it.access);

  assertEquals({ ...other }, { ...it.access });
  assertFalse(other.tokens === it.access.tokens);
});
