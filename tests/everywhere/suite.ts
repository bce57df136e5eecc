/**
 * What the tests that run on every runtime share: a list of tests, and plain
 * assertions. No runtime's own test framework is used.
 *
 * @module
 */

/** A test, and its name. */
export interface Test {
  readonly name: string;
  readonly run: () => void | Promise<void>;
}

/** The tests, in the order in which they were registered. */
export const tests: Test[] = [];

/** Registers a test. */
export function test(name: string, run: () => void | Promise<void>): void {
  tests.push({ name, run });
}

/**
 * Returns a function that registers tests which run at the same time, a few at
 * once, from the start of the first.
 *
 * @param register Registers each.
 */
export function atOnce(
  limit: number,
  register: typeof test,
): typeof test {
  const waiting: (() => Promise<void>)[] = [];
  let isRunning = false;
  const run = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next();
  };
  return (name, act) => {
    const ran = new Promise<void>((resolve, reject) => {
      waiting.push(async () => {
        try {
          resolve(await act());
        } catch (error) {
          reject(error);
        }
      });
    });
    // It fails when its turn has come.
    ran.catch(() => {});
    register(name, () => {
      if (!isRunning) { for (let i = 0; i < limit; i++) void run(); }
      isRunning = true;
      return ran;
    });
  };
}

/** What the running test has to close. */
const open: { close(): Promise<void> }[] = [];

/**
 * Closes something at the end of the test, however it ends: Node 22 does not know
 * `await using`.
 */
export function closing<T extends { close(): Promise<void> }>(it: T): T {
  open.push(it);
  return it;
}

/** Throws if two values differ; values that JSON keeps are compared as JSON. */
export function equal(actual: unknown, expected: unknown, what = ""): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) {
    throw new Error(`${what} expected ${other}, but is ${one}`.trim());
  }
}

/** Throws if a condition does not hold. */
export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Returns what a function throws; throws if it throws nothing. */
export async function thrownBy(run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

/** Milliseconds after which a test has hung. */
const LIMIT = 20_000;

/** Runs the tests; returns a line for each, and the number of failures. */
export async function runAll(
  print: (line: string) => void,
): Promise<number> {
  let failed = 0;
  for (const { name, run } of tests) {
    let timer: unknown;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("it hangs")), LIMIT);
      });
      await Promise.race([run(), late]);
      print(`ok ${name}`);
    } catch (error) {
      failed++;
      const stack = error instanceof Error ? error.stack : String(error);
      print(`not ok ${name}: ${error} ${stack}`.replaceAll("\n", " | "));
    } finally {
      clearTimeout(timer as number);
      for (const it of open.splice(0)) await it.close();
    }
  }
  return failed;
}
