// Answers that come late, and tokens of every kind: which cookie a response sends,
// in memory and over every store.

import { assertEquals, assertMatch } from "@std/assert";
import type { Rendered, SessionEndReason, SiteRequest } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { makeFolder, testWith } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { asynchronous, Node } from "../helpers_store.ts";
import { passDate } from "../helpers_time.ts";
import { connectNodeRedis, openStore } from "../stores/helpers_redis_store.ts";

/** Seconds for which a token that was replaced counts, in most of the tests. */
const GRACE = 60;

/** Such seconds where the test waits for their end. */
const SHORT_GRACE = 0.05;

/** What a request does with its session. */
const ACTS = {
  look: (request: SiteRequest) => request.session?.uid,
  getSession: (request: SiteRequest) => request.getSession().uid,
  renewSession: (request: SiteRequest) => request.renewSession().uid,
  logOut: (request: SiteRequest) => request.logOut(),
  logIn: (request: SiteRequest) => request.logIn("alice").uid,
};

type Act = keyof typeof ACTS;

/** A node whose pages do these acts, and one that waits. */
class Stage implements AsyncDisposable {
  readonly node: Node;
  #before: (request: SiteRequest) => unknown = () => {};
  #after: (request: SiteRequest) => unknown = () => {};
  #gate = Promise.withResolvers<void>();
  #waits = Promise.withResolvers<void>();

  constructor(store: SessionStore | undefined, renewalGrace: number) {
    this.node = new Node(store, {
      renewalGrace,
      clearSiteData: ["storage"],
    });
    for (const [name, act] of Object.entries(ACTS)) {
      this.node.page(name, (request) => `${act(request)}`);
    }
    this.node.page("who", (request) => request.principal ?? "nobody");
    this.node.page("slow", (request) => this.#wait(request));
  }

  /** Asks for a page; returns what the response does to the cookie. */
  async ask(path: string, cookie = ""): Promise<Outcome> {
    return outcomeOf(await this.node.get(path, cookie));
  }

  /** Begins a request that waits between two acts. */
  async begin(
    cookie: string,
    before: Act | undefined,
    after: Act | undefined,
  ): Promise<{ finish(): Promise<Outcome> }> {
    this.#gate = Promise.withResolvers();
    this.#waits = Promise.withResolvers();
    this.#before = before === undefined ? () => {} : ACTS[before];
    this.#after = after === undefined ? () => {} : ACTS[after];
    const response = Promise.resolve(this.node.get("slow", cookie));
    await this.#waits.promise;
    return {
      finish: async () => {
        this.#gate.resolve();
        return outcomeOf(await response);
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.site.close();
  }

  async #wait(request: SiteRequest): Promise<Rendered> {
    this.#before(request);
    this.#waits.resolve();
    await this.#gate.promise;
    this.#after(request);
    return "";
  }
}

interface Outcome {
  /** "sets", "clears" or "leaves". */
  readonly does: string;
  readonly cookie: string;
  readonly text: string;
  readonly clearSiteData: string | null;
}

async function outcomeOf(response: Response): Promise<Outcome> {
  assertEquals(response.status, 200);
  const [line = ""] = response.headers.getSetCookie();
  const [cookie = ""] = line.split(";");
  const does = line === ""
    ? "leaves"
    : cookie === "session="
    ? "clears"
    : "sets";
  const clearSiteData = response.headers.get("clear-site-data");
  return { does, cookie, clearSiteData, text: await response.text() };
}

const AFTER_GRACE = "a token after its grace";

/** Makes a token of each status. */
const TOKENS: Readonly<Record<string, (it: Stage) => Promise<string>>> = {
  "no token": () => Promise.resolve(""),
  "an unknown token": () => Promise.resolve(`session=${"0".repeat(64)}`),
  "half a token": async (it) => (await enter(it)).slice(0, -32),
  "a token with another's secret": async (it) =>
    (await enter(it)).slice(0, -32) + (await enter(it)).slice(-32),
  "a current token": enter,
  "a previous token": async (it) => {
    const old = await enter(it);
    await it.ask("look", (await it.ask("renewSession", old)).cookie);
    return old;
  },
  "a superseded token": async (it) => {
    const old = await enter(it);
    await it.ask("logIn", old);
    return old;
  },
  [AFTER_GRACE]: async (it) => {
    const old = await enter(it);
    await it.ask("logIn", old);
    await passDate(SHORT_GRACE * 1000 + 20);
    return old;
  },
  "a token of a session that has ended": async (it) => {
    const old = await enter(it);
    await it.ask("logOut", old);
    return old;
  },
};

async function enter(it: Stage): Promise<string> {
  return (await it.ask("getSession")).cookie;
}

/** What a response does to the cookie, by the token of its request and its act. */
const RIGHT: Readonly<Record<string, Record<Act, string>>> = Object.fromEntries(
  [
    ["no token", "leaves sets sets leaves sets"],
    ["an unknown token", "leaves sets sets clears sets"],
    ["half a token", "leaves sets sets clears sets"],
    ["a token with another's secret", "leaves sets sets clears sets"],
    ["a current token", "leaves leaves sets clears sets"],
    ["a previous token", "leaves leaves sets clears sets"],
    ["a superseded token", "leaves leaves leaves clears sets"],
    [AFTER_GRACE, "leaves sets sets clears sets"],
    ["a token of a session that has ended", "leaves sets sets clears sets"],
  ].map(([token, does]) => [
    token!,
    Object.fromEntries(
      Object.keys(ACTS).map((act, at) => [act, does!.split(" ")[at]!]),
    ) as Record<Act, string>,
  ]),
);

const REASONS: readonly SessionEndReason[] = [
  "idle",
  "absolute",
  "logout",
  "revoked",
  "evicted",
  "shutdown",
  "lost",
];

/** The facts, each with a test of its own where the store is at hand. */
const FACTS: [
  name: string,
  check: (it: Stage) => Promise<void>,
  grace?: number,
][] = [];

for (const [token, make] of Object.entries(TOKENS)) {
  const grace = token === AFTER_GRACE ? SHORT_GRACE : GRACE;
  for (const act of Object.keys(ACTS) as Act[]) {
    const right = RIGHT[token]![act];
    FACTS.push([`${act}() by ${token} ${right} the cookie`, async (it) => {
      const outcome = await it.ask(act, await make(it));
      assertEquals(outcome.does, right);
      assertEquals(
        outcome.clearSiteData,
        right === "clears" ? '"storage"' : null,
      );
      if (right !== "sets") return;
      const { text } = await it.ask("look", outcome.cookie);
      assertMatch(text, /^[\da-f]{32}$/);
      assertEquals(text, outcome.text);
    }, grace]);
  }
}

for (const reason of REASONS) {
  for (const before of [undefined, "look", "getSession"] as const) {
    for (const after of [undefined, "look", "getSession"] as const) {
      const what = `${before ?? "nothing"} before and ${
        after ?? "nothing"
      } after`;
      FACTS.push([
        `A late answer with ${what} leaves the login after an end "${reason}"`,
        async (it) => {
          const cookie = (await it.ask("logIn")).cookie;
          const slow = await it.begin(cookie, before, after);
          it.node.site.getSession(uidIn(cookie))!.expire(reason);
          const alice = (await it.ask("logIn", cookie)).cookie;

          const { does, clearSiteData } = await slow.finish();

          assertEquals([does, clearSiteData], ["leaves", null]);
          assertEquals((await it.ask("who", alice)).text, "alice");
        },
      ]);
    }
  }
}

for (const before of [undefined, "look", "getSession"] as const) {
  FACTS.push([
    `A late answer with ${
      before ?? "nothing"
    } before clears by its own logOut()`,
    async (it) => {
      const cookie = (await it.ask("logIn")).cookie;
      const slow = await it.begin(cookie, before, "logOut");
      const { does, clearSiteData } = await slow.finish();
      assertEquals([does, clearSiteData], ["clears", '"storage"']);
      assertEquals((await it.ask("who", cookie)).text, "nobody");
    },
  ]);

  FACTS.push([
    `A late renewal with ${
      before ?? "nothing"
    } before is not sent after a login`,
    async (it) => {
      const cookie = await enter(it);
      const slow = await it.begin(cookie, before, "renewSession");
      const alice = (await it.ask("logIn", cookie)).cookie;
      assertEquals((await slow.finish()).does, "leaves");
      assertEquals((await it.ask("who", alice)).text, "alice");
    },
  ]);
}

function uidIn(cookie: string): string {
  return cookie.slice("session=".length, "session=".length + 32);
}

const STORES: Readonly<Record<string, () => SessionStore | undefined>> = {
  "in memory": () => undefined,
  "over a MemoryStore": () => new MemoryStore(),
  "over a store that has to be waited for": () =>
    asynchronous(new MemoryStore()),
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  for (const [name, check, grace = GRACE] of FACTS) {
    Deno.test(`${name}, ${kind}`, async () => {
      await using it = new Stage(makeStore(), grace);
      await check(it);
      assertEquals(it.node.errors, []);
    });
  }
}

/** Checks all facts over one store. */
async function checkAll(store: SessionStore): Promise<void> {
  for (const stageGrace of [GRACE, SHORT_GRACE]) {
    await using it = new Stage(store, stageGrace);
    await it.node.site.ready;
    for (const [name, check, grace = GRACE] of FACTS) {
      if (grace !== stageGrace) continue;
      try {
        await check(it);
      } catch (cause) {
        throw new Error(name, { cause });
      }
    }
    assertEquals(it.node.errors, []);
  }
}

testWith(
  ["read", "write"],
  "Late answers and tokens of every kind get the right cookies over SQLite",
  async () => {
    using folder = makeFolder();
    using store = new SqliteStore({ path: `${folder.path}/sessions.db` });
    await checkAll(store);
  },
);

testWithRedis(
  "Late answers and tokens of every kind get the right cookies over Redis",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await using opened = await openStore(() => connectNodeRedis(server));
    await checkAll(opened.store);
  },
);
