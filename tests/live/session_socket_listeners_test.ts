// The application's listeners of a socket of a session: what they throw and
// reject, and that they are called as the platform calls listeners.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { Session } from "../../mod.ts";
import { testWith } from "../helpers_process.ts";
import { Errors, onlySession, settle, siteOf } from "../helpers_session.ts";
import { Visitor } from "../helpers_sockets.ts";

/** Adds the listeners of a test to a socket. */
type Prepare = (socket: WebSocket, session: Session) => void;

/** A site whose page is a socket, served. */
function served(prepare: Prepare) {
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError }, (request) => {
    const session = request.getSession();
    const { socket, response } = session.socket(request);
    prepare(socket, session);
    return response;
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  const address = { hostname: "127.0.0.1", port: server.addr.port };
  return {
    site,
    errors,
    address,
    url: `ws://127.0.0.1:${address.port}/`,
    async [Symbol.asyncDispose]() {
      await site.close();
      await server.shutdown();
    },
  };
}

function test(name: string, fn: () => Promise<void>): void {
  testWith(["net"], name, fn);
}

/** Sends a message to a socket with such listeners, and answers how it is closed. */
async function sendTo(prepare: Prepare) {
  await using it = served(prepare);
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  visitor.send("not json");
  const { code, reason } = await visitor.closed;
  return { code, reason, session, errors: it.errors };
}

const ERROR = new Error("not json");

function fail(): never {
  throw ERROR;
}

async function reject(): Promise<never> {
  await undefined;
  throw ERROR;
}

const FAILURES: Record<string, Prepare> = {
  "onmessage that throws": (socket) => {
    socket.onmessage = fail;
  },
  "onmessage that rejects": (socket) => {
    socket.onmessage = reject;
  },
  "onopen that throws": (socket) => {
    socket.onopen = fail;
  },
  "onopen that rejects": (socket) => {
    socket.onopen = reject;
  },
  "a listener that throws": (socket) => {
    socket.addEventListener("message", fail);
  },
  "a listener that rejects": (socket) => {
    socket.addEventListener("message", reject);
  },
  "a listener that throws once": (socket) => {
    socket.addEventListener("message", fail, { once: true });
  },
  "a listener that answers a thenable whose then throws": (socket) => {
    socket.addEventListener("message", () => ({ then: fail }));
  },
  "a listener that answers an object whose then cannot be read": (socket) => {
    socket.addEventListener("message", () => ({
      get then() {
        return fail();
      },
    }));
  },
  "an object whose handleEvent throws": (socket) => {
    socket.addEventListener("message", { handleEvent: fail });
  },
  "an object whose handleEvent rejects": (socket) => {
    socket.addEventListener("message", { handleEvent: reject });
  },
  "an object whose handleEvent cannot be read": (socket) => {
    socket.addEventListener("message", {
      get handleEvent() {
        return fail();
      },
    });
  },
  "a listener of its own event that throws": (socket) => {
    socket.addEventListener("said", fail);
    socket.onmessage = () => void socket.dispatchEvent(new Event("said"));
  },
};

for (const [what, prepare] of Object.entries(FAILURES)) {
  test(`Session.socket() is closed with 1011 by ${what}, which is reported with the session`, async () => {
    const { code, reason, session, errors } = await sendTo(prepare);
    assertEquals([code, reason], [1011, "internal error"]);
    assertEquals(errors.all, [ERROR]);
    assertEquals(errors.sessions, [session]);
  });
}

/** What is hard to look at. */
const UNUSUAL: Record<string, unknown> = {
  "undefined": undefined,
  "null": null,
  "a symbol": Symbol("oops"),
  "an object without a prototype": Object.create(null),
  "an error whose properties throw": new Proxy(new Error("oops"), {
    get: fail,
    getPrototypeOf: fail,
  }),
};

for (const [what, thrown] of Object.entries(UNUSUAL)) {
  for (
    const [how, listener] of Object.entries({
      throws: () => {
        throw thrown;
      },
      // deno-lint-ignore require-await -- to reject
      rejects: async () => {
        throw thrown;
      },
    })
  ) {
    test(`Session.socket() is closed with 1011 by a listener that ${how} ${what}`, async () => {
      const { code, errors } = await sendTo((socket) => {
        socket.onmessage = listener;
      });
      assertEquals(code, 1011);
      assertEquals(errors.all.length, 1);
      assertStrictEquals(errors.all[0], thrown);
    });
  }
}

for (
  const [how, listener] of Object.entries({ throws: fail, rejects: reject })
) {
  test(`Session.socket() has what an onclose that ${how} reported`, async () => {
    const reported = Promise.withResolvers<unknown>();
    await using it = served((socket) => {
      socket.onclose = listener;
    });
    it.errors.all.push = (error) => {
      reported.resolve(error);
      return 0;
    };
    const visitor = new Visitor(it.url);
    await visitor.opened;
    await visitor.leave();
    assertStrictEquals(await reported.promise, ERROR);
  });
}

test("Session.socket() has what an onerror that throws reported", async () => {
  const closed = Promise.withResolvers<void>();
  await using it = served((socket) => {
    socket.onerror = fail;
    socket.onclose = () => closed.resolve();
  });
  using connection = await Deno.connect(it.address);
  const head = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await connection.write(
    new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`),
  );
  await connection.read(new Uint8Array(1000));
  // No frame has such an opcode.
  await connection.write(new Uint8Array([0x83, 0x80, 0, 0, 0, 0]));
  await closed.promise;
  assertEquals(it.errors.all, [ERROR]);
});

test("Session.socket() whose listener throws leaves the other sockets of the session", async () => {
  let count = 0;
  await using it = served((socket) => {
    socket.onmessage = count++ === 0 ? fail : ({ data }) => socket.send(data);
  });
  const failing = new Visitor(it.url);
  await failing.opened;
  const session = onlySession(it.site);
  const other = new Visitor(it.url);
  await other.opened;
  failing.send("x");
  assertEquals((await failing.closed).code, 1011);
  assertEquals(await other.ask("hello"), "hello");
  assert(session.isActive);
  await other.leave();
});

test("Session.socket() calls the other listeners of an event that one throws at", async () => {
  const called: string[] = [];
  await sendTo((socket) => {
    socket.addEventListener("message", () => void called.push("before"));
    socket.onmessage = fail;
    socket.addEventListener("message", fail);
    socket.addEventListener("message", {
      handleEvent: () => void called.push("object after"),
    });
    socket.addEventListener("message", () => void called.push("after"));
    socket.addEventListener("close", () => void called.push("close"));
  });
  assertEquals(called.slice(0, 3), ["before", "object after", "after"]);
});

test("Session.socket() has each listener of an event that throws reported", async () => {
  const { errors } = await sendTo((socket) => {
    socket.onmessage = fail;
    socket.addEventListener("message", reject);
    socket.addEventListener("message", { handleEvent: fail });
  });
  await settle();
  assertEquals(errors.all, [ERROR, ERROR, ERROR]);
});

test("Session.socket() hears no message after one that its listener threw at", async () => {
  const heard: unknown[] = [];
  const closed = Promise.withResolvers<void>();
  await using it = served((socket) => {
    socket.onmessage = ({ data }) => {
      heard.push(data);
      fail();
    };
    socket.onclose = () => closed.resolve();
  });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  for (const text of ["1", "2", "3"]) visitor.send(text);
  await Promise.all([visitor.closed, closed.promise]);
  assertEquals(heard, ["1"]);
});

test("Session.socket() has it reported when a listener rejects after the close", async () => {
  const gate = Promise.withResolvers<never>();
  const heard = Promise.withResolvers<void>();
  await using it = served((socket) => {
    socket.onmessage = () => {
      heard.resolve();
      return gate.promise;
    };
  });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const session = onlySession(it.site);
  visitor.send("x");
  await heard.promise;
  session.expire();
  assertEquals((await visitor.closed).code, 1008);
  gate.reject(ERROR);
  await settle();
  assertEquals([it.errors.all, it.errors.sessions], [[ERROR], [session]]);
});

test("Session.socket() keeps the code that the application closed it with before it threw", async () => {
  const { code, errors } = await sendTo((socket) => {
    socket.onmessage = () => {
      socket.close(4000, "bad message");
      fail();
    };
  });
  assertEquals(code, 4000);
  assertEquals(errors.all, [ERROR]);
});

test("Session.socket() is closed with a long reason cut to what a frame can hold", async () => {
  const ended: unknown[] = [];
  await using it = served((_, session) => {
    session.notifyOnExpire(({ reason }) => ended.push(reason));
  });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  const long = "ü".repeat(100);
  onlySession(it.site).expire(long as "logout");
  const { code, reason } = await visitor.closed;
  assertEquals([code, reason], [1008, "ü".repeat(61)]);
  assertEquals(ended, [long]);
});

test("Session.socket() calls listeners with the platform's this and event", async () => {
  const seen: unknown[] = [];
  const object = {
    handleEvent(this: unknown, event: Event) {
      seen.push(this, event.type, event.currentTarget);
    },
  };
  let socket: WebSocket | undefined;
  await sendTo((opened) => {
    socket = opened;
    socket.onmessage = function (event) {
      seen.push(this, event.data, event.currentTarget);
    };
    socket.addEventListener("message", function (event) {
      seen.push(this, event.data, event.currentTarget);
    });
    socket.addEventListener("message", object);
    socket.addEventListener("message", () => opened.close());
  });
  const bySocket = [socket, "not json", socket];
  assertEquals(seen.length, 9);
  for (
    const [i, value] of [...bySocket, ...bySocket, object, "message", socket]
      .entries()
  ) {
    assertStrictEquals(seen[i], value);
  }
});

test("Session.socket() calls listeners in the order in which they were added", async () => {
  const called: string[] = [];
  await sendTo((socket) => {
    const add = (name: string) =>
      socket.addEventListener("message", () => void called.push(name));
    add("first");
    socket.onmessage = () => void called.push("replaced");
    add("third");
    socket.onmessage = () => void called.push("onmessage");
    socket.addEventListener("message", () => socket.close());
  });
  assertEquals(called, ["first", "onmessage", "third"]);
});

test("Session.socket() answers by onmessage what was set", async () => {
  await sendTo((socket) => {
    assertEquals(socket.onmessage, null);
    socket.onmessage = fail;
    assertStrictEquals(socket.onmessage, fail);
    socket.onmessage = null;
    assertEquals(socket.onmessage, null);
    socket.addEventListener("message", () => socket.close());
  });
});

test("Session.socket() calls a listener that was added twice once", async () => {
  let calls = 0;
  const count = () => void calls++;
  const object = { handleEvent: count };
  await sendTo((socket) => {
    for (const listener of [count, count, object, object]) {
      socket.addEventListener("message", listener);
    }
    socket.addEventListener("message", () => socket.close());
  });
  assertEquals(calls, 2);
});

test("Session.socket() calls one listener for each event that it was added for", async () => {
  const types: string[] = [];
  const note = ({ type }: Event) => void types.push(type);
  await using it = served((socket) => {
    socket.addEventListener("open", note);
    socket.addEventListener("message", note);
    socket.addEventListener("message", note, { capture: true });
    socket.addEventListener("message", () => socket.close());
  });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  visitor.send("x");
  await visitor.closed;
  assertEquals(types, ["open", "message", "message"]);
});

test("Session.socket() calls no listener that was removed", async () => {
  const object = { handleEvent: fail };
  const stop = new AbortController();
  const { errors } = await sendTo((socket) => {
    socket.addEventListener("message", fail);
    socket.removeEventListener("message", fail);
    socket.addEventListener("message", object);
    socket.removeEventListener("message", object);
    socket.addEventListener("message", fail, { signal: stop.signal });
    stop.abort();
    socket.addEventListener("message", () => socket.close());
  });
  assertEquals(errors.all, []);
});

test("Session.socket() leaves a listener that was added for another event than was removed", async () => {
  const { errors } = await sendTo((socket) => {
    socket.addEventListener("message", fail);
    socket.removeEventListener("close", fail);
    socket.removeEventListener("message", fail, { capture: true });
  });
  assertEquals(errors.all, [ERROR]);
});

test("Session.socket() calls a listener for once at the first message only", async () => {
  let calls = 0;
  await using it = served((socket) => {
    socket.addEventListener("message", () => void calls++, { once: true });
    socket.addEventListener("message", ({ data }) => socket.send(data));
  });
  const visitor = new Visitor(it.url);
  await visitor.opened;
  await visitor.ask("1");
  await visitor.ask("2");
  assertEquals(calls, 1);
  await visitor.leave();
});

test("Session.socket() passes over null for a listener", async () => {
  const { errors } = await sendTo((socket) => {
    const target: EventTarget = socket;
    target.addEventListener("message", null);
    target.removeEventListener("message", null);
    socket.addEventListener("message", () => socket.close());
  });
  assertEquals(errors.all, []);
});

test("Session.socket() refuses a listener that cannot be called", async () => {
  await sendTo((socket) => {
    for (const listener of [5, "onmessage", Symbol("x")]) {
      const error = assertThrows(() =>
        socket.addEventListener("message", listener as unknown as () => void)
      );
      assertInstanceOf(error, TypeError);
    }
    socket.addEventListener("message", () => socket.close());
  });
});
