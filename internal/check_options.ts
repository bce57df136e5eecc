import { Resource } from "../resource.ts";
import type { SiteOptions } from "../site_options.ts";
import { describe } from "./describe.ts";

/** The options that are numbers, and the least that each may be. */
const LEAST: Readonly<Partial<Record<keyof SiteOptions, number>>> = {
  sessionTimeout: 0,
  absoluteTimeout: 0,
  maxSessions: 1,
  maxSessionsPerPrincipal: 1,
  renewalGrace: 0,
  shutdownTimeout: 0,
  maxBodyBytes: 0,
  maxFormFields: 0,
  storeTimeout: 0.001,
  endLease: 0.1,
};

/** What is no number, and what each may be: `"false"` of a variable is no false. */
const KINDS: readonly {
  readonly names: readonly (keyof SiteOptions)[];
  readonly kind: string;
  readonly isOne: (value: unknown) => boolean;
}[] = [
  {
    names: ["displayTracebacks", "trustProxy", "endsInsecureSessions"],
    kind: "true or false",
    isOne: (value) => typeof value === "boolean",
  },
  {
    names: ["onError", "onSuspiciousSession"],
    kind: "a function",
    isOne: (value) => typeof value === "function",
  },
  {
    names: ["notFoundPage", "serverErrorPage"],
    kind: "a Resource",
    isOne: (value) => value instanceof Resource,
  },
  {
    names: ["accessLog"],
    kind: "a function or a WritableStream",
    isOne: (value) =>
      typeof value === "function" || value instanceof WritableStream,
  },
  {
    names: ["whenPrincipalIsFull"],
    kind: '"end-oldest" or "refuse"',
    isOne: (value) => value === "end-oldest" || value === "refuse",
  },
];

/** What a browser can be told to forget. */
const FORGETTABLE: readonly string[] = ["cache", "cookies", "storage", "*"];

/**
 * Checks the options of a site, of a caller without types too.
 *
 * @throws {TypeError} If one is of a wrong kind.
 * @throws {RangeError} If a number is too small.
 */
export function checkOptions(options: SiteOptions): void {
  const { store } = options;
  if (store !== undefined && typeof store?.load !== "function") {
    throw new TypeError(
      `Cannot make a site: the store is not a SessionStore: ${describe(store)}`,
    );
  }
  for (const { names, kind, isOne } of KINDS) {
    for (const name of names) {
      const value: unknown = options[name];
      if (value === undefined || isOne(value)) continue;
      throw new TypeError(
        `Cannot make a site: ${name} is not ${kind}: ${describe(value)}`,
      );
    }
  }
  for (const [name, least] of Object.entries(LEAST)) {
    const value: unknown = options[name as keyof SiteOptions];
    if (value === undefined || (typeof value === "number" && value >= least)) {
      continue;
    }
    const message =
      `Cannot make a site: ${name} is not a number, ${least} or more: ${
        describe(value)
      }`;
    throw typeof value === "number"
      ? new RangeError(message)
      : new TypeError(message);
  }
}

/**
 * The header that says what is to be forgotten; undefined for nothing.
 *
 * @throws {RangeError} If browsers do not know one.
 */
export function clearSiteDataHeader(
  what: readonly string[] = [],
): string | undefined {
  for (const each of what) {
    if (FORGETTABLE.includes(each)) continue;
    throw new RangeError(
      `Cannot make a site: clearSiteData has ${
        describe(each)
      }: not "cache", "cookies", "storage" or "*"`,
    );
  }
  return what.map((each) => `"${each}"`).join(", ") || undefined;
}
