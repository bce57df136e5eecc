import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  attempt,
  callGuarded,
  checkCallback,
  isPromiseLike,
  loadOnce,
  proceed,
} from "../../base/promises.ts";

/** An object that can be awaited, and is no promise. */
function thenable(
  settle: (
    resolve: (value: unknown) => void,
    reject: (e: unknown) => void,
  ) => void,
): PromiseLike<unknown> {
  return {
    then: (resolve: (value: unknown) => void, reject: (e: unknown) => void) =>
      settle(resolve, reject),
  } as PromiseLike<unknown>;
}

// Whether it can be called.

for (const callback of [() => {}, function () {}, class {}, console.log]) {
  Deno.test(`checkCallback() takes ${callback.name || "an arrow function"}`, () => {
    checkCallback("notify", callback);
  });
}

for (
  const [what, callback] of [
    ["undefined", undefined],
    ["null", null],
    ["5", 5],
    ['"run"', "run"],
    ['an object "Object"', { call() {} }],
  ] as const
) {
  Deno.test(`checkCallback() refuses ${what} with a TypeError that shows it`, () => {
    assertThrows(
      () => checkCallback("notify on expire", callback),
      TypeError,
      `Cannot notify on expire: the callback is not a function: ${what}`,
    );
  });
}

// Calling it.

Deno.test("callGuarded() calls once, at once, and answers nothing where there is nothing to wait for", () => {
  const calls: unknown[][] = [];
  const errors: unknown[] = [];

  const waiting = callGuarded((...args: unknown[]) => calls.push(args), (e) => {
    errors.push(e);
  });

  assertEquals([calls, errors, waiting], [[[]], [], undefined]);
});

for (
  const thrown of [new Error("no"), undefined, null, 0, "text", Symbol("s")]
) {
  Deno.test(`callGuarded() reports ${Deno.inspect(thrown).split("\n")[0]} that is thrown, once`, () => {
    const errors: unknown[] = [];

    const waiting = callGuarded(() => {
      throw thrown;
    }, (error) => errors.push(error));

    assertEquals([errors, waiting], [[thrown], undefined]);
  });

  Deno.test(`callGuarded() reports ${Deno.inspect(thrown).split("\n")[0]} that is rejected with, and answers a promise that is kept`, async () => {
    const errors: unknown[] = [];

    const waiting = callGuarded(
      () => Promise.reject(thrown),
      (error) => void errors.push(error),
    );

    assert(waiting !== undefined);
    assertEquals(errors, []);
    assertEquals(await waiting, undefined);
    assertEquals(errors, [thrown]);
  });
}

Deno.test("callGuarded() waits for the promise of the callback, and keeps its value to itself", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const order: string[] = [];
  const waiting = callGuarded(() => promise, () => {})!.then((value) => {
    order.push(`kept ${value}`);
  });
  await Promise.resolve();
  order.push("before");

  resolve("secret");
  await waiting;

  assertEquals(order, ["before", "kept undefined"]);
});

Deno.test("callGuarded() takes what can be awaited for a promise", async () => {
  const errors: unknown[] = [];
  const kept = callGuarded(() => thenable((resolve) => resolve(1)), () => {});
  const broken = callGuarded(
    () => thenable((_, reject) => reject("no")),
    (error) => void errors.push(error),
  );

  assertEquals(await kept, undefined);
  assertEquals(await broken, undefined);
  assertEquals(errors, ["no"]);
});

Deno.test("callGuarded() reports a then() that throws", async () => {
  const errors: unknown[] = [];

  await callGuarded(
    () =>
      thenable(() => {
        throw "broken";
      }),
    (error) => errors.push(error),
  );

  assertEquals(errors, ["broken"]);
});

Deno.test("callGuarded() is not confused by a callback that calls it", () => {
  const errors: unknown[] = [];
  const report = (error: unknown) => errors.push(error);

  callGuarded(() => {
    callGuarded(() => {
      throw "inner";
    }, report);
    throw "outer";
  }, report);

  assertEquals(errors, ["inner", "outer"]);
});

// A value, or a promise of it.

for (
  const [what, value, expected] of [
    ["a promise", Promise.resolve(), true],
    ["what can be awaited", thenable(() => {}), true],
    ["an object whose then is none", { then: true }, false],
    ["a function with a then()", Object.assign(() => {}, { then() {} }), false],
    ["undefined", undefined, false],
    ["null", null, false],
    ["a string", "then", false],
  ] as const
) {
  Deno.test(`isPromiseLike() is ${expected} for ${what}`, () => {
    assertEquals(isPromiseLike(value), expected);
  });
}

Deno.test("proceed() goes on at once with a value, and later with a promise", async () => {
  const order: string[] = [];
  const next = (value: string) => {
    order.push(value);
    return `${value}!`;
  };

  const later = proceed(Promise.resolve("later"), next);
  const now = proceed("now", next);

  assertEquals([order, now], [["now"], "now!"]);
  assertEquals(await later, "later!");
});

Deno.test("proceed() does not go on after a rejection", async () => {
  const error = new Error("no");
  let isCalled = false;

  const waiting = proceed(Promise.reject(error), () => {
    isCalled = true;
  });

  const thrown = await assertRejects(() => Promise.resolve(waiting), Error);
  assertStrictEquals(thrown, error);
  assertEquals(isCalled, false);
});

Deno.test("attempt() returns the result of a function, and rejects with the error that it throws", async () => {
  const error = new Error("no");

  assertEquals(attempt(() => 5), 5);
  const thrown = await assertRejects(async () =>
    await attempt(() => {
      throw error;
    })
  );
  assertStrictEquals(thrown, error);
});

Deno.test("loadOnce() loads once, also for callers at the same time", async () => {
  let count = 0;
  const load = loadOnce(async () => await Promise.resolve(++count));
  assertEquals(await Promise.all([load(), load()]), [1, 1]);
  assertEquals(await load(), 1);
});

Deno.test("loadOnce() loads again after a failure", async () => {
  let count = 0;
  const load = loadOnce(async () => {
    await Promise.resolve();
    if (++count === 1) throw new Error("no file descriptor is left");
    return count;
  });
  await assertRejects(
    async () => await load(),
    Error,
    "no file descriptor is left",
  );
  assertEquals(await load(), 2);
});
