import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";
import { escape, unescape } from "@std/html";
import * as entities from "@std/html/entities";
import {
  type Cookie,
  deleteCookie,
  getCookies,
  getSetCookies,
  setCookie,
} from "@std/http/cookie";
import { eTag, ifMatch, ifNoneMatch } from "@std/http/etag";
import {
  accepts,
  acceptsEncodings,
  acceptsLanguages,
} from "@std/http/negotiation";
import {
  isClientErrorStatus,
  isErrorStatus,
  isInformationalStatus,
  isRedirectStatus,
  isServerErrorStatus,
  isStatus,
  isSuccessfulStatus,
  STATUS_CODE,
  STATUS_TEXT,
  type StatusCode,
  type StatusText,
} from "@std/http/status";
import { FakeTime, TimeError } from "@std/testing/time";

Deno.test("@std/assert passes what holds", () => {
  assert(true);
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertArrayIncludes([1, 2, 3], [3, 1]);
  assertEquals({ a: [1] }, { a: [1] });
  assertExists(0);
  assertFalse("");
  assertGreater(2, 1);
  assertGreaterOrEqual(2, 2);
  assertInstanceOf(new RangeError(), Error);
  assertLess(1, 2);
  assertLessOrEqual(2, 2);
  assertMatch("abc", /b/);
  assertNotEquals({ a: 1 }, { a: 2 });
  assertNotMatch("abc", /d/);
  assertNotStrictEquals({}, {});
  assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
  assertStrictEquals(NaN, NaN);
  assertStringIncludes("abc", "bc");
});

Deno.test("@std/assert throws an AssertionError for what does not hold", () => {
  const wrong: (() => void)[] = [
    () => assert(0),
    () => assertAlmostEquals(1, 2),
    () => assertArrayIncludes([1], [2]),
    () => assertEquals<unknown>({ a: 1 }, { a: 2 }),
    () => assertExists(null),
    () => assertFalse(1),
    () => assertGreater(1, 1),
    () => assertGreaterOrEqual(1, 2),
    () => assertInstanceOf({}, Error),
    () => assertLess(1, 1),
    () => assertLessOrEqual(2, 1),
    () => assertMatch("abc", /d/),
    () => assertNotEquals([1], [1]),
    () => assertNotMatch("abc", /b/),
    () => assertNotStrictEquals(1, 1),
    () => assertObjectMatch({ a: 1 }, { a: 2 }),
    () => assertStrictEquals({}, {}),
    () => assertStringIncludes("abc", "d"),
    () => assertThrows(() => {}),
    () => fail("failed"),
    () => unreachable(),
  ];

  for (const assertion of wrong) assertThrows(assertion, AssertionError);
});

Deno.test("assert(), assertExists(), assertInstanceOf() and assertStrictEquals() narrow the type", () => {
  const text: unknown = "text";
  assert(typeof text === "string");
  assertEquals(text.length, 4);

  const maybe: { a: number } | undefined = [{ a: 1 }].at(0);
  assertExists(maybe);
  assertEquals(maybe.a, 1);

  const date: unknown = new Date(5);
  assertInstanceOf(date, Date);
  assertEquals(date.getTime(), 5);

  const five: number = Number("5");
  assertStrictEquals(five, 5 as const);
  const literal: 5 = five;
  assertEquals(literal, 5);
});

Deno.test("assertThrows() returns the error, typed by its class", () => {
  class OwnError extends Error {
    code = 7;
  }
  function throwOwnError(): never {
    throw new OwnError("full text");
  }

  assertEquals(assertThrows(throwOwnError, OwnError, "text").code, 7);
  assertInstanceOf(assertThrows(throwOwnError), OwnError);
  assertThrows(
    () => assertThrows(throwOwnError, TypeError),
    AssertionError,
  );
});

Deno.test("assertRejects() resolves to the error, typed by its class", async () => {
  const error = await assertRejects(
    () => Promise.reject(new AggregateError([1], "text")),
    AggregateError,
    "text",
  );
  assertEquals(error.errors, [1]);
  assertEquals(await assertRejects(() => Promise.reject(3)), 3);
  await assertRejects(
    () => assertRejects(() => Promise.resolve()),
    AssertionError,
  );
});

Deno.test("escape() and unescape() are each other's reverse", () => {
  assertEquals(escape(`<a b="c">'&'</a>`), entities.escape(`<a b="c">'&'</a>`));
  assertEquals(escape(`<'&">`), "&lt;&#39;&amp;&quot;&gt;");
  assertEquals(unescape("&lt;&#39;&amp;&quot;&gt;"), `<'&">`);
  assertEquals(
    unescape("&thorn;", { entityList: { "&thorn;": "\u00fe" } }),
    "\u00fe",
  );
});

Deno.test("getCookies() gives a record without prototype", () => {
  const headers = new Headers({ cookie: "a=1; b=x=y" });

  const cookies: Partial<Record<string, string>> = getCookies(headers);

  assertEquals(Object.entries(cookies), [["a", "1"], ["b", "x=y"]]);
  assertStrictEquals(Object.getPrototypeOf(cookies), null);
});

Deno.test("setCookie() writes what getSetCookies() reads", () => {
  const headers = new Headers();
  const cookie: Cookie = {
    name: "sid",
    value: "1",
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "Lax",
    maxAge: 60,
  };

  setCookie(headers, cookie);

  assertEquals(
    headers.get("set-cookie"),
    "sid=1; Secure; HttpOnly; Max-Age=60; SameSite=Lax; Path=/",
  );
  assertEquals(getSetCookies(headers), [cookie]);
});

Deno.test("setCookie() refuses a value that a header cannot carry", () => {
  assertThrows(
    () => setCookie(new Headers(), { name: "a", value: "b;c" }),
    SyntaxError,
  );
});

Deno.test("deleteCookie() sends an expired cookie", () => {
  const headers = new Headers();

  deleteCookie(headers, "sid", { path: "/" });

  assertEquals(
    headers.get("set-cookie"),
    "sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
  );
});

Deno.test("eTag() is strong for content and weak for files", async () => {
  const strong: string = await eTag("hello");
  const weak: string | undefined = await eTag({ mtime: new Date(0), size: 5 });

  assertMatch(strong, /^"5-.{27}"$/);
  assertEquals(await eTag(new TextEncoder().encode("hello")), strong);
  assertEquals(await eTag("hello", { weak: true }), `W/${strong}`);
  assertMatch(weak ?? "", /^W\/"5-.{27}"$/);
  assertStrictEquals(await eTag({ mtime: null, size: 5 }), undefined);
});

Deno.test("ifMatch() and ifNoneMatch() compare entity tags", () => {
  assert(ifMatch(`"a", "b"`, `"b"`));
  assertFalse(ifMatch(`W/"b"`, `W/"b"`));
  assertFalse(ifNoneMatch(`"a", W/"b"`, `"b"`));
  assert(ifNoneMatch(`"a"`, `"b"`));
  assert(ifNoneMatch(null, undefined));
});

Deno.test("accepts() and its kin pick the best offer", () => {
  const request = new Request("http://localhost/", {
    headers: {
      "accept": "text/html;q=0.5, application/json",
      "accept-encoding": "gzip, br;q=0.1",
      "accept-language": "de, en;q=0.7",
    },
  });

  const type: "text/html" | "application/json" | undefined = accepts(
    request,
    "text/html",
    "application/json",
  );
  assertEquals(type, "application/json");
  assertEquals(accepts(request), ["application/json", "text/html"]);
  assertStrictEquals(accepts(request, "image/png"), undefined);
  assertEquals(acceptsEncodings(request, "br", "gzip"), "gzip");
  assertEquals(acceptsLanguages(request), ["de", "en"]);
  assertEquals(acceptsLanguages(request, "en", "fr"), "en");
});

Deno.test("STATUS_CODE and STATUS_TEXT name the statuses", () => {
  const code: StatusCode = STATUS_CODE.NotFound;
  const text: StatusText = STATUS_TEXT[code];
  const literal: "Not Found" = STATUS_TEXT[STATUS_CODE.NotFound];

  assertStrictEquals(code, 404);
  assertStrictEquals(text, literal);
  assertEquals(
    Object.keys(STATUS_CODE).length,
    Object.keys(STATUS_TEXT).length,
  );
});

Deno.test("isStatus() and its kin tell the kinds of status", () => {
  assert(isStatus(200) && !isStatus(299));
  assert(isInformationalStatus(100) && !isInformationalStatus(200));
  assert(isSuccessfulStatus(204) && !isSuccessfulStatus(302));
  assert(isRedirectStatus(302) && !isRedirectStatus(404));
  assert(isClientErrorStatus(404) && !isClientErrorStatus(500));
  assert(isServerErrorStatus(500) && !isServerErrorStatus(404));
  assert(isErrorStatus(404) && isErrorStatus(500) && !isErrorStatus(200));
});

Deno.test("FakeTime fakes Date and leaves its other members alone", () => {
  using time = new FakeTime(5_000);

  assertEquals(Date.now(), 5_000);
  assertEquals(new Date().getTime(), 5_000);
  assertEquals(Date(), new Date(5_000).toString());
  assertEquals(new Date(7).getTime(), 7);
  assertEquals(new Date(2020, 0, 2).getDate(), 2);
  assertEquals(Date.UTC(1970, 0, 1), 0);
  assertInstanceOf(new Date(), Date);
  time.tick(1);
  assertEquals(Date.now(), 5_001);
});

Deno.test("FakeTime starts at a number, a text, a Date or now", () => {
  const cases: [number | string | Date, number][] = [
    [1_000.9, 1_000],
    ["1970-01-01T00:00:02Z", 2_000],
    [new Date(3_000), 3_000],
  ];
  for (const [start, expected] of cases) {
    using time = new FakeTime(start);
    assertEquals(time.start, expected);
    assertEquals(time.now, expected);
  }

  const before = Date.now();
  using time = new FakeTime(null);
  assertGreaterOrEqual(time.start, before);
  assertLess(time.start, before + 60_000);
});

Deno.test("FakeTime refuses an invalid start and leaves time real", () => {
  const real = globalThis.setTimeout;

  assertThrows(() => new FakeTime("never"), TypeError);

  assertStrictEquals(globalThis.setTimeout, real);
  assertThrows(() => FakeTime.restore(), TimeError);
});

Deno.test("FakeTime.start stays when time moves", () => {
  using time = new FakeTime(10);

  time.tick(5);

  assertEquals(time.start, 10);
  assertEquals(time.now, 15);
});

Deno.test("FakeTime leaves performance, queueMicrotask and setImmediate real", () => {
  const real = [performance.now, queueMicrotask, globalThis.setImmediate];

  using _time = new FakeTime();

  assertEquals(
    [performance.now, queueMicrotask, globalThis.setImmediate],
    real,
  );
});

Deno.test("FakeTime gives timer ids as numbers that count from 1", () => {
  for (const _ of [1, 2]) {
    using _time = new FakeTime();
    const ids: unknown[] = [
      setTimeout(() => {}, 1),
      setInterval(() => {}, 1),
      setTimeout(() => {}, 1),
    ];
    assertEquals(ids, [1, 2, 3]);
  }
});

Deno.test("FakeTime passes the further arguments to the callback", () => {
  using time = new FakeTime();
  const calls: unknown[][] = [];

  setTimeout((...args: unknown[]) => calls.push(args), 1, "a", 2);
  setInterval((...args: unknown[]) => calls.push(args), 1, "b");
  time.tick(1);

  assertEquals(calls, [["a", 2], ["b"]]);
});

Deno.test("FakeTime drops the fraction of a delay", () => {
  using time = new FakeTime(0);
  const calls: number[] = [];

  setTimeout(() => calls.push(Date.now()), 2.9);
  time.tick(2);

  assertEquals(calls, [2]);
});

Deno.test("FakeTime makes 0 of a negative or absent delay, 1 for an interval", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => calls.push("negative"), -5);
  setTimeout(() => calls.push("absent"));
  setInterval(() => calls.push("interval"), 0);

  time.tick();
  assertEquals(calls, ["negative", "absent"]);
  time.tick(2);
  assertEquals(calls, ["negative", "absent", "interval", "interval"]);
});

Deno.test("FakeTime waits as long as asked, beyond 2 ** 31 ms too", () => {
  using time = new FakeTime(0);
  const days = 24 * 3_600_000;
  const calls: string[] = [];

  setTimeout(() => calls.push("timeout"), 365 * days);
  setInterval(() => calls.push("interval"), 100 * days);
  time.tick(100 * days - 1);
  assertEquals(calls, []);
  time.tick(265 * days);
  assertEquals(calls, ["interval", "interval", "interval"]);
  time.tick(1);
  assertEquals(calls.at(-1), "timeout");
});

Deno.test("FakeTime runs timers by due time, then in order of creation", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => calls.push("20"), 20);
  setTimeout(() => calls.push("10a"), 10);
  setTimeout(() => calls.push("10b"), 10);
  time.tick(5);
  setTimeout(() => calls.push("10c"), 5);
  time.tick(15);

  assertEquals(calls, ["10a", "10b", "10c", "20"]);
});

Deno.test("FakeTime puts an interval behind the timers that were there for its next time", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setInterval(() => calls.push(`interval ${Date.now()}`), 10);
  setTimeout(() => calls.push(`timeout ${Date.now()}`), 20);
  time.tick(20);

  assertEquals(calls, ["interval 10", "timeout 20", "interval 20"]);
});

Deno.test("FakeTime.now is the due time while a timer runs", () => {
  using time = new FakeTime(0);
  const calls: number[][] = [];

  setTimeout(() => calls.push([time.now, Date.now()]), 3);
  setInterval(() => calls.push([time.now, Date.now()]), 4);
  time.now = 10;

  assertEquals(calls, [[3, 3], [4, 4], [8, 8]]);
  assertEquals(time.now, 10);
});

Deno.test("FakeTime.tick() runs a timer that a timer created, if it is due", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => {
    setTimeout(() => calls.push(`at once ${Date.now()}`));
    setTimeout(() => calls.push(`in time ${Date.now()}`), 5);
    setTimeout(() => calls.push(`later ${Date.now()}`), 6);
  }, 5);
  setTimeout(() => calls.push(`same ${Date.now()}`), 5);
  time.tick(10);

  assertEquals(calls, ["same 5", "at once 5", "in time 10"]);
});

Deno.test("clearTimeout() and clearInterval() stop either kind of fake timer", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  const timeout = setTimeout(() => calls.push("timeout"), 1);
  const interval = setInterval(() => calls.push("interval"), 1);
  clearInterval(timeout);
  clearTimeout(interval);
  clearTimeout(99);
  clearTimeout(undefined);
  time.tick(5);

  assertEquals(calls, []);
});

Deno.test("clearInterval() within its callback ends the interval", () => {
  using time = new FakeTime(0);
  let calls = 0;

  const id = setInterval(() => {
    calls++;
    if (calls === 2) clearInterval(id);
  }, 10);
  time.tick(100);

  assertEquals(calls, 2);
});

Deno.test("clearTimeout() within a timer stops another that is due at the same time", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => {
    calls.push("first");
    clearTimeout(second);
  }, 1);
  const second = setTimeout(() => calls.push("second"), 1);
  time.tick(1);

  assertEquals(calls, ["first"]);
});

Deno.test("FakeTime.now cannot go back", () => {
  using time = new FakeTime(10);

  assertThrows(() => time.now = 9, RangeError);
  assertThrows(() => time.tick(-1), RangeError);

  assertEquals(time.now, 10);
});

Deno.test("FakeTime.now stops at the timer that throws, and the next move goes on", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => calls.push("before"), 5);
  setTimeout(() => {
    throw new SyntaxError("thrown");
  }, 10);
  setTimeout(() => calls.push("same"), 10);
  setTimeout(() => calls.push("after"), 15);

  assertThrows(() => time.now = 20, SyntaxError, "thrown");
  assertEquals(time.now, 10);
  assertEquals(calls, ["before"]);

  time.tick();
  assertEquals(calls, ["before", "same"]);
  time.tick(5);
  assertEquals(calls, ["before", "same", "after"]);
});

Deno.test("FakeTime keeps an interval whose callback throws", () => {
  using time = new FakeTime(0);
  let calls = 0;

  setInterval(() => {
    calls++;
    throw new SyntaxError("thrown");
  }, 10);

  assertThrows(() => time.tick(100), SyntaxError);
  assertThrows(() => time.tick(100), SyntaxError);
  assertEquals(calls, 2);
  assertEquals(time.now, 20);
});

Deno.test("FakeTime.next() moves to the next due time and runs all of it", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  clearTimeout(setTimeout(() => calls.push("cleared"), 5));
  setTimeout(() => calls.push("10a"), 10);
  setTimeout(() => calls.push("10b"), 10);
  setTimeout(() => calls.push("20"), 20);

  assertStrictEquals(time.next(), true);
  assertEquals(time.now, 10);
  assertEquals(calls, ["10a", "10b"]);
  assertStrictEquals(time.next(), true);
  assertStrictEquals(time.next(), false);
  assertEquals(time.now, 20);
});

Deno.test("FakeTime.runAll() runs the timers that timers create", () => {
  using time = new FakeTime(0);
  const calls: number[] = [];

  setTimeout(() => {
    calls.push(Date.now());
    setTimeout(() => calls.push(Date.now()), 50);
  }, 10);
  time.runAll();

  assertEquals(calls, [10, 60]);
  assertEquals(time.now, 60);
});

Deno.test("FakeTime.runMicrotasks() settles promises and moves no time", async () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => calls.push("timer"));
  (async () => {
    for (let i = 0; i < 20; i++) await undefined;
    calls.push("microtasks");
  })();
  await time.runMicrotasks();

  assertEquals(calls, ["microtasks"]);
  assertEquals(time.now, 0);
});

Deno.test("FakeTime.tickAsync() runs microtasks first, then the timers", async () => {
  using time = new FakeTime(0);
  const calls: number[] = [];

  Promise.resolve().then(() => setTimeout(() => calls.push(Date.now()), 10));
  await time.tickAsync(10);

  assertEquals(calls, [10]);
  assertEquals(time.now, 10);
});

Deno.test("FakeTime.tickAsync() rejects with what a timer throws", async () => {
  using time = new FakeTime(0);

  setTimeout(() => {
    throw new SyntaxError("thrown");
  }, 10);

  await assertRejects(() => time.tickAsync(50), SyntaxError, "thrown");
  assertEquals(time.now, 10);
});

Deno.test("FakeTime.nextAsync() runs microtasks first, then the next timers", async () => {
  using time = new FakeTime(0);

  Promise.resolve().then(() => setTimeout(() => {}, 10));

  assertStrictEquals(await time.nextAsync(), true);
  assertEquals(time.now, 10);
  assertStrictEquals(await time.nextAsync(), false);
});

Deno.test("FakeTime.runAllAsync() runs timers that microtasks create in between", async () => {
  using time = new FakeTime(0);
  const calls: number[] = [];

  setTimeout(async () => {
    calls.push(Date.now());
    await undefined;
    setTimeout(() => calls.push(Date.now()), 10);
  }, 10);
  setTimeout(() => calls.push(Date.now()), 30);
  await time.runAllAsync();

  assertEquals(calls, [10, 20, 30]);
});

Deno.test("FakeTime.runAllAsync() gives microtasks a turn for a cleared timer", async () => {
  using time = new FakeTime(0);
  const calls: number[] = [];

  clearTimeout(setTimeout(() => {}, 10));
  Promise.resolve().then(() => setTimeout(() => calls.push(Date.now()), 20));
  await time.runAllAsync();

  assertEquals(calls, [20]);
});

Deno.test("FakeTime.runAllAsync() gives microtasks a turn after a timer threw", async () => {
  using time = new FakeTime(0);
  const calls: number[] = [];
  setTimeout(() => {
    throw new SyntaxError("thrown");
  }, 10);
  assertThrows(() => time.tick(10), SyntaxError);

  Promise.resolve().then(() => setTimeout(() => calls.push(Date.now()), 10));
  await time.runAllAsync();

  assertEquals(calls, [20]);
});

Deno.test("FakeTime.runAllAsync() has nothing to do without a timer", async () => {
  using time = new FakeTime(0);

  await time.runAllAsync();

  assertEquals(time.now, 0);
});

Deno.test("FakeTime.delay() waits in real time", async () => {
  using time = new FakeTime(0);
  const before = performance.now();

  await time.delay(20);

  assertGreater(performance.now() - before, 15);
  assertEquals(time.now, 0);
});

Deno.test("FakeTime.delay() rejects with an AbortError once aborted", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const delay = time.delay(60_000, { signal: controller.signal });

  // Std leaks its real timer when aborted before the next microtask.
  await time.runMicrotasks();
  controller.abort();

  const error = await assertRejects(() => delay, DOMException);
  assertEquals(error.name, "AbortError");
  await assertRejects(
    () => time.delay(60_000, { signal: controller.signal }),
    DOMException,
  );
});

Deno.test("AbortSignal.timeout() follows fake time", () => {
  using time = new FakeTime();
  const signal = AbortSignal.timeout(1_000);

  time.tick(999);
  assertFalse(signal.aborted);
  time.tick(1);

  assert(signal.aborted);
  assertInstanceOf(signal.reason, DOMException);
  assertEquals(signal.reason.name, "TimeoutError");
});

Deno.test("FakeTime refuses a callback that is not a function", () => {
  using _time = new FakeTime();

  // deno-lint-ignore no-explicit-any
  const text = "1 + 1" as any;
  assertThrows(() => setTimeout(text, 1), TimeError);
  assertThrows(() => setInterval(text, 1), TimeError);
});

Deno.test("FakeTime cannot be made twice", () => {
  using time = new FakeTime(5);

  assertThrows(() => new FakeTime(), TimeError);

  assertEquals(time.now, 5);
  assertEquals(Date.now(), 5);
});

Deno.test("FakeTime.restore() gives the very globals back", () => {
  const timeout = AbortSignal.timeout;
  const real = [Date, setTimeout, clearTimeout, setInterval, clearInterval];
  const time = new FakeTime();
  const fakes = [Date, setTimeout, clearTimeout, setInterval, clearInterval];

  time.restore();

  for (const [index, global] of fakes.entries()) {
    assertNotStrictEquals(global as unknown, real[index]);
  }
  assertEquals(
    [Date, setTimeout, clearTimeout, setInterval, clearInterval],
    real,
  );
  assertStrictEquals(AbortSignal.timeout, timeout);
});

Deno.test("FakeTime cannot be restored twice", () => {
  const time = new FakeTime();
  FakeTime.restore();

  assertThrows(() => time.restore(), TimeError);
  assertThrows(() => time[Symbol.dispose](), TimeError);
  assertThrows(() => FakeTime.restore(), TimeError);
});

Deno.test("a fake timer function throws once time is restored, a fake Date tells real time", () => {
  const time = new FakeTime(0);
  const fake = { Date, setTimeout, clearTimeout, setInterval, clearInterval };
  time.restore();

  assertThrows(() => fake.setTimeout(() => {}, 1), TimeError);
  assertThrows(() => fake.setInterval(() => {}, 1), TimeError);
  assertThrows(() => fake.clearTimeout(1), TimeError);
  assertThrows(() => fake.clearInterval(1), TimeError);
  assertGreater(fake.Date.now(), 1_000_000_000_000);
});

Deno.test("FakeTime.restoreFor() runs the callback in real time", async () => {
  const real = setTimeout;
  using _time = new FakeTime(0);
  const fake = setTimeout;
  const seen: unknown[] = [];

  const sum = FakeTime.restoreFor(
    (a: number, b: number) => {
      seen.push(setTimeout);
      return a + b;
    },
    1,
    2,
  );
  seen.push(setTimeout);
  const slow = FakeTime.restoreFor(async () => {
    await undefined;
    seen.push(setTimeout);
  });
  seen.push(setTimeout);
  await slow;
  seen.push(setTimeout);

  assertEquals(await sum, 3);
  assert(seen[0] === real && seen[1] === fake);
  assert(seen[2] === real && seen[3] === real && seen[4] === fake);
});

Deno.test("FakeTime.restoreFor() fakes time again when the callback fails", async () => {
  using _time = new FakeTime(0);
  const fake = setTimeout;

  const thrown = FakeTime.restoreFor(() => {
    throw new SyntaxError("thrown");
  });
  assertStrictEquals(setTimeout, fake);
  await assertRejects(() => thrown, SyntaxError);
  await assertRejects(
    () => FakeTime.restoreFor(() => Promise.reject(new SyntaxError("no"))),
    SyntaxError,
  );
  assertStrictEquals(setTimeout, fake);
});

Deno.test("FakeTime.restoreFor() rejects unless time is faked", async () => {
  await assertRejects(() => FakeTime.restoreFor(() => {}), TimeError);
});

Deno.test("FakeTime advances by itself at advanceRate", async () => {
  using time = new FakeTime(0, { advanceRate: 10, advanceFrequency: 5 });
  let calls = 0;

  setInterval(() => calls++, 50);
  while (time.now < 200) await time.delay(5);

  assertEquals(time.now % 50, 0);
  assertEquals(calls, time.now / 50);
});

Deno.test("FakeTime.tick() within a timer runs ahead of the move around it", () => {
  using time = new FakeTime(0);
  const calls: string[] = [];

  setTimeout(() => {
    time.tick(50);
    calls.push(`outer ${Date.now()}`);
  }, 10);
  setTimeout(() => calls.push(`inner ${Date.now()}`), 40);
  time.tick(20);

  assertEquals(calls, ["inner 40", "outer 60"]);
  assertEquals(time.now, 20);
});
