import { assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Guard,
  LoginGuard,
  NameVirtualHost,
  notFound,
  ParentRedirect,
  passwordCheck,
  Redirect,
  type Rendered,
  Resource,
  SameOrigin,
  SessionGuard,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { StaticData } from "../../resources/static.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { login } from "../helpers_guard.ts";
import { asynchronous, cookieOf, Node, Page, pass } from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "a synchronous store": () => new MemoryStore(),
  "an asynchronous store": () => asynchronous(new MemoryStore()),
  "SqliteStore": () => new SqliteStore({ path: ":memory:" }),
};

/** Notes the calls that requests make. */
function counted(store: SessionStore, calls: string[]): SessionStore {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (["create", "load", "commit"].includes(String(name))) {
          calls.push(String(name));
        }
        return member.apply(target, args);
      };
    },
  });
}

const image = new StaticData(new Uint8Array(9), "image/png");
const check = passwordCheck({ alice: "open sesame" });
const page = new Page((request) => request.getSession().uid);
const user = new Page((request) => request.session?.principal ?? "nobody");

/** Makes children on request. */
class Dynamic extends Resource {
  override getChild(name: string): Resource {
    return name === "image" ? image : page;
  }
}

/** Makes children on request, by the session. */
class Personal extends Resource {
  override getChild(name: string, request: SiteRequest): Resource | undefined {
    return request.session === undefined ? undefined : new Page(() => name);
  }
}

class Poll extends Page {
  override touchesSession = false;
}

function makeRoot(): Resource {
  const realm = { realm: "Treasure" };
  return new Resource()
    .putChild("visit", page)
    .putChild("user", user)
    .putChild(
      "login",
      new Page((request) => request.logIn("alice").uid),
    )
    .putChild(
      "write",
      new Page((request) => {
        request.getSession().set("key", Math.random());
        return "";
      }),
    )
    .putChild("poll", new Poll((request) => String(request.session?.uid)))
    .putChild("image", image)
    .putChild("folder", new Resource().putChild("image", image))
    .putChild("old", new Redirect("/visit"))
    .putChild("up", new ParentRedirect())
    .putChild("dynamic", new Dynamic())
    .putChild("personal", new Personal())
    .putChild("forbidden", notFound("Nothing here."))
    .putChild("same", new SameOrigin(image))
    .putChild("host", new NameVirtualHost(image))
    .putChild("hosted", new NameVirtualHost(page))
    .putChild("basic", new Guard(image, check, realm))
    .putChild("basic-page", new Guard(page, check, realm))
    .putChild("session-image", new SessionGuard(image, check, realm))
    .putChild("login-image", new LoginGuard(image, { loginPath: "/login" }));
}

/** The calls of a request, by its path. */
const CALLS: Record<string, readonly string[]> = {
  "visit": ["load"],
  "user": ["load", "commit"],
  "write": ["load", "commit"],
  "poll": ["load"],
  "image": [],
  "folder/image": [],
  "old": [],
  "up": [],
  "no-such-page": [],
  "folder/no-such-page": [],
  "image/deeper": [],
  "forbidden": [],
  "same": [],
  "same/image": [],
  "host": [],
  "hosted": ["load"],
  "hosted/page": ["load"],
  "basic": [],
  "basic/image": [],
  "basic-page": ["load"],
  "session-image": ["load"],
  "login-image": ["load"],
  "login-image/deeper": ["load"],
  "dynamic/page": ["load"],
  "personal/page": ["load", "commit"],
};

for (const [kind, makeStore] of Object.entries(KINDS)) {
  /** Logs in, and returns what asks for a path and lists the calls. */
  const arrive = async (options: SiteOptions = {}) => {
    const time = new FakeTime();
    const calls: string[] = [];
    const node = new Node(counted(makeStore(), calls), options);
    node.site.resource = makeRoot();
    let cookie = cookieOf(await node.get("login"));
    const ask = async (path: string) => {
      await pass(time, 1100);
      calls.length = 0;
      const response = await node.site.fetch(
        new Request(`http://localhost/${path}`, {
          headers: {
            cookie,
            ...login("alice", "open sesame").headers as Record<string, string>,
          },
        }),
      );
      const text = await response.text();
      if (response.headers.has("set-cookie")) cookie = cookieOf(response);
      return { calls: [...calls], status: response.status, text };
    };
    return {
      node,
      ask,
      async [Symbol.asyncDispose]() {
        await node.site.close();
        time.restore();
      },
    };
  };

  Deno.test(`A request over ${kind} costs as many commands as its resource needs`, async () => {
    await using arrived = await arrive();
    const { ask, node } = arrived;
    // The guard remembers the login with its first request.
    await ask("session-image");
    for (const [path, calls] of Object.entries(CALLS)) {
      assertEquals({ path, calls: (await ask(path)).calls }, { path, calls });
    }
    assertEquals(
      node.errors.filter((error) => !/in memory/.test(String(error))),
      [],
    );
  });

  Deno.test(`A page of the application for errors over ${kind} costs a load`, async () => {
    const calls = async (options: SiteOptions) => {
      await using arrived = await arrive(options);
      return (await arrived.ask("no-such-page")).calls;
    };
    assertEquals(await calls({ notFoundPage: page }), ["load"]);
    assertEquals(await calls({ notFoundPage: image }), []);
    assertEquals(
      await calls({ errorPage: (_, request) => request.getSession().uid }),
      ["load"],
    );
    assertEquals(
      await calls({ errorPage: (_, request) => String(request.session?.uid) }),
      ["load", "commit"],
    );
  });

  Deno.test(`A logout by expire() over ${kind} clears the cookie in each place of the tree`, async () => {
    for (const path of ["out", "guarded", "dynamic/out"]) {
      await using arrived = await arrive();
      const { node } = arrived;
      const out = new Page((request) => {
        request.session?.expire();
        return "";
      });
      class Making extends Resource {
        override getChild(): Resource {
          return out;
        }
      }
      node.site.resource.putChild("out", out)
        .putChild("guarded", new SameOrigin(out))
        .putChild("dynamic", new Making());
      const cookie = cookieOf(await node.get("visit"));
      const response = await node.get(path, cookie);
      assertMatch(response.headers.get("set-cookie") ?? "none", /=;/, path);
    }
  });
}

for (
  const [kind, makeStore] of [
    ["the Map", () => undefined] as const,
    ...Object.entries(KINDS),
  ]
) {
  Deno.test(`A response over ${kind} that used no session is not private`, async () => {
    using _time = new FakeTime();
    await using node = new Node(makeStore());
    node.root.putChild("visit", page).putChild("image", image);
    const cookie = cookieOf(await node.get("visit"));
    const response = await node.get("image", cookie);
    assertEquals(response.headers.get("cache-control"), null);
  });
}

class Sessionless extends Page {
  override usesSession = false;
}

const ASKS: Record<string, (request: SiteRequest) => unknown> = {
  "session": (request) => request.session,
  "getSession()": (request) => request.getSession(),
  "principal": (request) => request.principal,
  "logIn()": (request) => request.logIn("alice"),
  "logOut()": (request) => request.logOut(),
  "renewSession()": (request) => request.renewSession(),
};

for (
  const [kind, makeStore] of [
    ["the Map", () => undefined] as const,
    ...Object.entries(KINDS),
  ]
) {
  Deno.test(`A resource over ${kind} that uses no session gets an Error when it asks for one`, async () => {
    using _time = new FakeTime();
    await using node = new Node(makeStore());
    const errors: unknown[] = [];
    const tryAll = (request: SiteRequest): Rendered => {
      for (const ask of Object.values(ASKS)) {
        try {
          ask(request);
        } catch (error) {
          errors.push(error);
        }
      }
      return "";
    };
    class Making extends Resource {
      override usesSession = false;
      override getChild(_: string, request: SiteRequest): Resource {
        tryAll(request);
        return page;
      }
    }
    node.root.putChild("", new Sessionless(tryAll))
      .putChild(
        "later",
        new Sessionless(async (request) => {
          await Promise.resolve();
          return tryAll(request);
        }),
      )
      .putChild("making", new Making());
    await node.get("");
    await node.get("later");
    assertEquals(errors.length, 2 * Object.keys(ASKS).length);
    // The child is a resource that uses the session.
    assertEquals((await node.get("making/page")).status, 200);
    assertEquals(errors.length, 3 * Object.keys(ASKS).length);
    for (const error of errors) {
      assertMatch(
        String(error),
        /^Error: Cannot use the session .*(Sessionless|Making): its usesSession is false$/,
      );
    }
  });
}
