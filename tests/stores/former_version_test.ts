import {
  assert,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import type { Session, SiteRequest } from "../../mod.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { DeadLetter, SessionStore } from "../../stores/store.ts";
import {
  accessOf,
  claimAll,
  HASH,
  LOOK,
  OTHER_NODE,
} from "../../testing/contract_checks.ts";
import {
  CENTURY,
  type Contents,
  LIVE,
  type Names,
  ODD_TEXT,
  OVER,
  WHY,
} from "../fixtures/0.1.0/contents.ts";
import { makeFolder, testWith } from "../helpers_process.ts";
import { RedisServer, testWithRedis } from "../helpers_redis.ts";
import { Node } from "../helpers_store.ts";
import { connectNodeRedis, openStore } from "./helpers_redis_store.ts";

const FOLDER = new URL("../fixtures/0.1.0/", import.meta.url);

/** A store over a copy of what version 0.1.0 wrote. */
interface Copy extends AsyncDisposable {
  readonly store: SessionStore & {
    listDeadLetters(): DeadLetter[] | Promise<DeadLetter[]>;
  };
}

testWith(
  ["read", "write"],
  "SqliteStore reads a file that version 0.1.0 wrote",
  async (t) => {
    await checkAll(t, readNames().sqlite, () => {
      const folder = makeFolder();
      const path = `${folder.path}/sessions.db`;
      Deno.copyFileSync(new URL("sessions.db", FOLDER), path);
      const store = new SqliteStore({ path });
      return Promise.resolve({
        store,
        async [Symbol.asyncDispose]() {
          store.close();
          folder[Symbol.dispose]();
          await undefined;
        },
      });
    });
  },
);

testWithRedis("RedisStore reads keys that version 0.1.0 wrote", async (t) => {
  const settings = ["--appendonly", "yes"];
  await using server = await RedisServer.start({ settings });
  const connect = () => connectNodeRedis(server);
  const names = readNames().redis;
  const restore = async (options = {}) => {
    const opened = await openStore(connect, options);
    await opened.client.send(["FLUSHALL"], "");
    for (const command of readJson<string[][]>("redis.json")) {
      await opened.client.send(command, command[1]!);
    }
    return opened;
  };
  await checkAll(t, names, restore);

  await t.step("over four shards, each session is found", async () => {
    await using copy = await restore({ prefix: "spread", shards: 4 });
    assertEquals(await copy.store.check(), []);
    for (let i = 0; i < 8; i++) {
      const { uid } = names[`spread${i}`]!;
      assertEquals((await copy.store.load(uid, LOOK))?.uid, uid);
    }
  });
});

/** Checks all that the fixtures have in common, each fact on a fresh copy. */
async function checkAll(
  t: Deno.TestContext,
  names: Names,
  open: () => Promise<Copy>,
): Promise<void> {
  const step = (fact: string, check: (copy: Copy) => Promise<void>) =>
    t.step(fact, async () => {
      await using copy = await open();
      await check(copy);
    });

  for (const [name, contents] of Object.entries(LIVE)) {
    await step(
      `the token of "${name}" opens its session`,
      async ({ store }) => {
        const { token, uid } = names[name]!;
        await using visitor = makeVisitor(store);
        const session = await visitor.visit(token, contents);
        assertEquals(session?.uid, uid);
        assertContents(session!, contents);
        const keys = (await store.load(uid, LOOK))?.values.keys() ?? [];
        assertEquals([...keys].sort(), Object.keys(contents.values).sort());
      },
    );
  }

  await step(
    "an old token opens its session within the grace",
    async ({ store }) => {
      const { oldTokens, uid } = names.carl!;
      assertEquals(oldTokens?.length, 2);
      for (const token of oldTokens!) {
        await using visitor = makeVisitor(store);
        assertEquals((await visitor.visit(token, LIVE.carl))?.uid, uid);
      }
    },
  );

  await step("secrets are tokens, the oldest first", async ({ store }) => {
    const { uid, token, oldTokens } = names.carl!;
    const hashes = await Promise.all(
      [...oldTokens!, token].map((value) => hashOf(value.slice(32))),
    );
    // The first load converts the record, the others find it converted.
    for (let times = 0; times < 2; times++) {
      const carl = (await store.load(uid, LOOK))!;
      assertEquals(carl.tokens.map(({ hash }) => hash), hashes);
      assertEquals(carl.tokens.map(({ generation }) => generation), [0, 1, 2]);
      const untils = carl.tokens.map(({ until }) => until);
      assert(untils[0]! > carl.now && untils[1]! > carl.now, `${untils}`);
      assertEquals(untils[2], Infinity);
      assertEquals([carl.generation, carl.loginGeneration], [2, 0]);
      assertEquals([carl.isRenewalDue, carl.isRemembered], [false, false]);
      assertEquals(carl.authenticatedAt, undefined);
      assertEquals(carl.version, 3);
    }
    const anna = (await store.load(names.anna!.uid, LOOK))!;
    assertEquals(anna.principal, "anna");
    assertEquals([anna.generation, anna.loginGeneration], [0, 0]);
  });

  await step(
    "tokens of a session are touched, and replaced",
    async ({ store }) => {
      const { uid, token, oldTokens } = names.carl!;
      for (const value of [...oldTokens!, token]) {
        const tokenHash = await hashOf(value.slice(32));
        const loaded = await store.load(uid, {
          tokenHash,
          touch: true,
          grace: 0,
        });
        assertEquals(loaded?.touchedAt, loaded?.now);
        assertEquals(loaded?.version, 3);
      }
      const hash = await hashOf(token.slice(32));
      const tokens = [{ hash, generation: 2 }, { hash: HASH, generation: 3 }];
      const access = accessOf({
        principal: "carl",
        isRemembered: true,
        generation: 2,
        tokens,
      });
      const times = await store.commit(uid, { access });
      assertEquals(times?.version, 4);
      const later = { tokenHash: HASH, touch: true, grace: 5000 };
      const loaded = (await store.load(uid, later))!;
      assertEquals(loaded.tokens, [
        { hash, generation: 2, until: loaded.now + 5000 },
        { hash: HASH, generation: 3, until: Infinity },
      ]);
      assert(loaded.isRemembered);
      assertEquals(await store.uidsOf("carl"), [uid]);
    },
  );

  await step("a commit without a load keeps the tokens", async ({ store }) => {
    const { uid, token } = names.carl!;
    await store.commit(uid, { values: new Map([["key", "1"]]) });
    const loaded = (await store.load(uid, LOOK))!;
    assertEquals(loaded.tokens.at(-1), {
      hash: await hashOf(token.slice(32)),
      generation: 2,
      until: Infinity,
    });
    assertEquals([loaded.tokens.length, loaded.generation], [3, 2]);
  });

  await step(
    "a session of https is not opened over http",
    async ({ store }) => {
      await using visitor = makeVisitor(store);
      const { token } = names.bob!;
      const session = await visitor.visit(token, {
        ...LIVE.bob,
        isSecure: false,
      });
      assertEquals(session, undefined);
    },
  );

  await step("a forged secret opens nothing", async ({ store }) => {
    await using visitor = makeVisitor(store);
    const forged = names.anna!.uid + names.emil!.token.slice(32);
    assertEquals(await visitor.visit(forged, LIVE.anna), undefined);
  });

  await step("a session that is over is not opened", async ({ store }) => {
    await using visitor = makeVisitor(store);
    for (const [name, contents] of Object.entries(OVER)) {
      const session = await visitor.visit(names[name]!.token, contents);
      assertEquals(session, undefined, name);
    }
  });

  await step(
    "callbacks are called by name, in their order",
    async ({ store }) => {
      for (const name of ["anna", "bob", "dora"] as const) {
        await using visitor = makeVisitor(store);
        const session = await visitor.visit(names[name]!.token, LIVE[name]);
        session!.expire();
        const calls = await visitor.callsFor(session!.uid, LIVE[name]);
        assertEquals(calls, LIVE[name].callbacks);
      }
    },
  );

  await step(
    "a principal has those of its sessions that live",
    async ({ store }) => {
      assertEquals(await store.uidsOf("anna"), [
        names.anna!.uid,
        names.annaAgain!.uid,
      ]);
      assertEquals(await store.uidsOf(ODD_TEXT), [names.dora!.uid]);
      await using visitor = makeVisitor(store);
      assertEquals(await visitor.node.site.endSessions("anna"), 2);
      assertEquals(await store.uidsOf("anna"), []);
    },
  );

  await step(
    "ends under way are claimed",
    async ({ store }) => {
      const ends = await claimAll(store);
      const found = ends.map(({ session, reason, attempt }) => [
        nameOf(names, session.uid),
        reason,
        attempt,
        session.values.get("seat"),
        session.callbacks.map(({ name, argument }) => [name, argument]),
      ]);
      const rest = ["j12", [["bill", 'j{"order":9}']]];
      assertEquals(found.sort(), [
        ["absolute", "absolute", 1, ...rest],
        ["died", "logout", 2, ...rest],
        ["idle", "idle", 1, ...rest],
        ["released", "logout", 2, ...rest],
      ]);
      for (const { session, at, fence } of ends) {
        assert(Math.abs(at - session.createdAt) < 10_000, `${at}`);
        assertEquals(await store.acknowledge(session.uid, fence), true);
      }
      assertEquals(await claimAll(store), []);
    },
  );

  await step("ends under way are delivered by a site", async ({ store }) => {
    await using visitor = makeVisitor(store);
    for (const name of ["absolute", "died", "idle", "released"]) {
      const calls = await visitor.callsFor(names[name]!.uid, OVER.died);
      assertEquals(calls, OVER.died.callbacks);
    }
    const delivered = visitor.node.ends.map(({ uid, reason, session }) => [
      nameOf(names, uid),
      reason,
      session.principal,
      session.get("seat"),
    ]);
    assertEquals(delivered.sort(), [
      ["absolute", "absolute", "anna", 12],
      ["died", "logout", "anna", 12],
      ["idle", "idle", "anna", 12],
      ["released", "logout", "anna", 12],
    ]);
  });

  await step(
    "a claim holds under its fence, and under no other",
    async ({ store }) => {
      const { uid, fence } = names.claimed!;
      assertNotEquals(fence, undefined);
      assertEquals(await store.renew(uid, `${fence}0`, 1000), false);
      assertEquals(await store.renew(uid, fence!, CENTURY * 1000), true);
      assertEquals(await store.release(uid, fence!, 0), true);
      const ends = await claimAll(store, OTHER_NODE);
      const end = ends.find(({ session }) => session.uid === uid);
      assertEquals([end?.reason, end?.attempt], ["revoked", 2]);
    },
  );

  await step(
    "an end that was put aside is a dead letter",
    async ({ store }) => {
      const [letter, ...others] = await store.listDeadLetters();
      assertEquals(others, []);
      const { session, why, reason, attempt } = letter!;
      assertEquals([session.uid, why, reason, attempt], [
        names.aside!.uid,
        WHY,
        "logout",
        1,
      ]);
      assertEquals(session.principal, "anna");
      assertEquals(session.values, new Map([["seat", "j12"]]));
    },
  );

  await step("nothing but the deadlines is due", async ({ store }) => {
    await claimAll(store, { owner: "node", lease: 2 * CENTURY * 1000 });
    const left = await store.nextIn() / (CENTURY * 1000);
    assert(left > 0.5 && left <= 1, `${left}`);
  });
}

/** A site over a store, and the visits to it. */
interface Visitor extends AsyncDisposable {
  readonly node: Node;
  /** Returns the session that a token opens in a request, if it opens one. */
  visit(token: string, contents: Contents): Promise<Session | undefined>;
  /** Resolves to the named callbacks of an end, once as many as due were called. */
  callsFor(uid: string, contents: Contents): Promise<Contents["callbacks"]>;
}

function makeVisitor(store: SessionStore): Visitor {
  const calls: { uid: string; call: [string, unknown] }[] = [];
  let onCall = Promise.withResolvers<void>();
  const node = new Node(store, { renewalGrace: CENTURY });
  for (const name of ["bill", "thank"]) {
    node.site.onEnd(name, (argument, { uid }) => {
      calls.push({ uid, call: [name, argument] });
      onCall.resolve();
      onCall = Promise.withResolvers();
    });
  }
  let opened: Session | undefined;
  node.page("visit", (request: SiteRequest) => {
    opened = request.session;
    // A visit, whose touch must fit the record.
    if (opened !== undefined) assertStrictEquals(request.getSession(), opened);
    return "";
  });
  return {
    node,
    async visit(token, { isSecure = false }) {
      opened = undefined;
      const [scheme, prefix] = isSecure ? ["https", "__Host-"] : ["http", ""];
      const response = await node.site.fetch(
        new Request(`${scheme}://localhost/visit`, {
          headers: { cookie: `${prefix}session=${token}` },
        }),
      );
      await response.text();
      assertEquals(response.status, 200);
      return opened;
    },
    async callsFor(uid, { callbacks }) {
      // A site's own timers keep no process alive.
      const awake = setInterval(() => {}, 1000);
      try {
        for (;;) {
          const own = calls.filter((each) => each.uid === uid);
          if (own.length >= callbacks.length) {
            return own.map(({ call }) => call);
          }
          await onCall.promise;
        }
      } finally {
        clearInterval(awake);
      }
    },
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      assertEquals(node.errors, []);
    },
  };
}

function assertContents(session: Session, contents: Contents): void {
  assertEquals(session.principal, contents.principal);
  assertEquals(session.sessionTimeout, contents.sessionTimeout);
  assertEquals(session.absoluteTimeout, contents.absoluteTimeout);
  for (const [key, value] of Object.entries(contents.values)) {
    assertEquals(session.get(key), value, key);
  }
  assertLess(session.createdAt, Date.UTC(2026, 0, 2) / 1000);
}

/** Returns the SHA-256 of a secret, in lower-case hex digits. */
async function hashOf(secret: string): Promise<string> {
  const bytes = new TextEncoder().encode(secret);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function nameOf(names: Names, uid: string): string {
  return Object.keys(names).find((name) => names[name]!.uid === uid) ?? uid;
}

function readNames(): { sqlite: Names; redis: Names } {
  return readJson("names.json");
}

function readJson<T>(name: string): T {
  return JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER)));
}
