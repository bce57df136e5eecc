import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  atLeast,
  BOOLEAN,
  checkOptions,
  FUNCTION,
  having,
  instanceOf,
  OBJECT,
  oneOf,
  type OptionRule,
  type OptionRules,
  STRING,
} from "../../base/options.ts";
import { Resource, Site, type SiteOptions } from "../../mod.ts";
import { Sessions, type SessionsOptions } from "../../sessions.ts";
import { siteOf } from "../helpers_session.ts";

interface Example {
  flag?: boolean;
  size?: number;
  mode?: "one" | "other";
}

const RULES: OptionRules<Example> = {
  flag: BOOLEAN,
  size: atLeast(1),
  mode: oneOf("one", "other"),
};

/** Checks what a caller without types may hand over. */
function check(options: unknown): void {
  checkOptions("make an example", options as Example, RULES);
}

// Options.

for (
  const options of [
    {},
    { flag: true },
    { flag: false, size: 1, mode: "other" },
    { size: 1.5 },
    { size: Infinity },
    { flag: undefined, size: undefined, mode: undefined },
    Object.create(null),
  ]
) {
  Deno.test(`checkOptions() takes ${Deno.inspect(options)}`, () => {
    check(options);
  });
}

for (
  const [what, options] of [
    ["undefined", undefined],
    ["null", null],
    ["a number", 5],
    ["a string", "flag"],
    ["true", true],
    ["a function", () => {}],
  ] as const
) {
  Deno.test(`checkOptions() refuses ${what} for the options with a TypeError`, () => {
    assertThrows(
      () => check(options),
      TypeError,
      "Cannot make an example: the options are not an object: ",
    );
  });
}

for (
  const name of [
    "flags",
    "Flag",
    " flag",
    "",
    "constructor",
    "toString",
    "hasOwnProperty",
    "0",
  ]
) {
  Deno.test(`checkOptions() refuses the unknown option "${name}" with a TypeError that names it`, () => {
    assertThrows(
      () => check({ [name]: true }),
      TypeError,
      `Cannot make an example: there is no option ${JSON.stringify(name)}`,
    );
  });
}

Deno.test("checkOptions() refuses an unknown option that is undefined too", () => {
  assertThrows(() => check({ flags: undefined }), TypeError, '"flags"');
});

Deno.test('checkOptions() refuses the option "__proto__"', () => {
  assertThrows(
    () => check(JSON.parse('{ "__proto__": { "flag": true } }')),
    TypeError,
    '"__proto__"',
  );
});

Deno.test("checkOptions() takes no notice of inherited members", () => {
  const options = Object.assign(Object.create({ other: 1 }), { flag: true });
  check(options);
});

Deno.test("checkOptions() refuses a value of a wrong kind with a TypeError that names option and value", () => {
  assertThrows(
    () => check({ flag: "false" }),
    TypeError,
    'Cannot make an example: flag is not true or false: "false"',
  );
});

Deno.test("checkOptions() refuses a value out of range with a RangeError that names option and value", () => {
  assertThrows(
    () => check({ size: 0 }),
    RangeError,
    "Cannot make an example: size is not a number, 1 or more: 0",
  );
  assertThrows(
    () => check({ mode: "another" }),
    RangeError,
    'Cannot make an example: mode is not "one" or "other": "another"',
  );
});

Deno.test("checkOptions() refuses a null that types would refuse", () => {
  assertThrows(() => check({ flag: null }), TypeError, "null");
  assertThrows(() => check({ size: null }), TypeError, "null");
  assertThrows(() => check({ mode: null }), TypeError, "null");
});

Deno.test("checkOptions() changes nothing", () => {
  const options = Object.freeze({ flag: true, size: 2 });
  check(options);
  assertEquals(options, { flag: true, size: 2 });
});

// Rules.

const SAMPLES: Record<string, unknown> = {
  "true": true,
  "false": false,
  "0": 0,
  "1": 1,
  "-1": -1,
  "NaN": NaN,
  "Infinity": Infinity,
  "-Infinity": -Infinity,
  "1n": 1n,
  '""': "",
  '"1"': "1",
  '"true"': "true",
  "null": null,
  "{}": {},
  "[]": [],
  "a function": () => {},
  "a class": class {},
  "a Date": new Date(0),
  "a symbol": Symbol("s"),
  "an object with run()": { run() {} },
  "an object with run": { run: true },
};

/** What a rule says of each sample: in order, "kind" for out of range. */
function judge(rule: OptionRule): Record<string, string[]> {
  const said: Record<string, string[]> = { taken: [], range: [] };
  for (const [name, value] of Object.entries(SAMPLES)) {
    if (!rule.isKind(value)) continue;
    const isInRange = rule.isInRange?.(value as never) ?? true;
    said[isInRange ? "taken" : "range"]!.push(name);
  }
  return said;
}

for (
  const [name, rule, taken, range] of [
    ["BOOLEAN", BOOLEAN, ["true", "false"], []],
    ["FUNCTION", FUNCTION, ["a function", "a class"], []],
    ["STRING", STRING, ['""', '"1"', '"true"'], []],
    ["OBJECT", OBJECT, [
      "{}",
      "[]",
      "a Date",
      "an object with run()",
      "an object with run",
    ], []],
    ["atLeast(0)", atLeast(0), ["0", "1", "Infinity"], [
      "-1",
      "NaN",
      "-Infinity",
    ]],
    ["atLeast(1)", atLeast(1), ["1", "Infinity"], [
      "0",
      "-1",
      "NaN",
      "-Infinity",
    ]],
    ['oneOf("1", "2")', oneOf("1", "2"), ['"1"'], ['""', '"true"']],
    ['having("a Runner", "run")', having("a Runner", "run"), [
      "an object with run()",
    ], []],
    ['instanceOf("a Date", Date)', instanceOf("a Date", Date), ["a Date"], []],
  ] as [string, OptionRule, string[], string[]][]
) {
  Deno.test(`The option rule ${name} accepts its kind of value, and refuses all others`, () => {
    const said = judge(rule);
    const inOrder = (names: string[]) =>
      Object.keys(SAMPLES).filter((sample) => names.includes(sample));
    assertEquals(said, { taken: inOrder(taken), range: inOrder(range) });
  });
}

Deno.test("The option rules name their kinds", () => {
  assertEquals(
    [
      BOOLEAN,
      FUNCTION,
      STRING,
      OBJECT,
      atLeast(0.5),
      oneOf("a", "b", "c"),
      having("a Clock", "now"),
      instanceOf("a Date", Date),
    ].map(({ kind }) => kind),
    [
      "true or false",
      "a function",
      "a string",
      "an object",
      "a number, 0.5 or more",
      '"a" or "b" or "c"',
      "a Clock",
      "a Date",
    ],
  );
});

Deno.test("The option rule having() takes undefined and null for no object", () => {
  const rule = having("a Clock", "now");
  assertFalse(rule.isKind(undefined));
  assertFalse(rule.isKind(null));
});

// The options of Sessions and Site.

/** A wrong value for each option of sessions, and what comes of it. */
const WRONG: readonly [
  name: keyof SessionsOptions,
  value: unknown,
  error: typeof Error,
][] = [
  ["sessionFactory", "Session", TypeError],
  ["sessionTimeout", "900", TypeError],
  ["sessionTimeout", -1, RangeError],
  ["sessionTimeout", NaN, RangeError],
  ["absoluteTimeout", null, TypeError],
  ["absoluteTimeout", -0.001, RangeError],
  ["maxSessions", "many", TypeError],
  ["maxSessions", 0, RangeError],
  ["maxSessionsPerPrincipal", true, TypeError],
  ["maxSessionsPerPrincipal", 0, RangeError],
  ["whenPrincipalIsFull", 1, TypeError],
  ["whenPrincipalIsFull", "evict", RangeError],
  ["renewalGrace", "10", TypeError],
  ["renewalGrace", -1, RangeError],
  ["renewalGrace", NaN, RangeError],
  ["onSuspiciousSession", "log", TypeError],
  ["endsInsecureSessions", "yes", TypeError],
  ["clearSiteData", "cookies", TypeError],
  ["clearSiteData", ["biscuits"], RangeError],
  ["clearSiteData", [5], RangeError],
  ["store", {}, TypeError],
  ["store", "memory", TypeError],
  ["storeTimeout", "2", TypeError],
  ["storeTimeout", 0, RangeError],
  ["endLease", 10n, TypeError],
  ["endLease", 0, RangeError],
  ["cookie", "Lax", TypeError],
  ["cookie", null, TypeError],
  ["shutdownTimeout", "1", TypeError],
  ["shutdownTimeout", -1, RangeError],
  ["cookieName", 5, TypeError],
  ["cookieName", "", SyntaxError],
  ["onError", console, TypeError],
  ["trustProxy", "false", TypeError],
  ["trustProxy", 1, TypeError],
  ["hops", "1", TypeError],
  ["hops", 0, RangeError],
  ["hops", 1.5, RangeError],
  ["hops", NaN, RangeError],
  ["clock", {}, TypeError],
  ["clock", () => 0, TypeError],
];

for (const [name, value, error] of WRONG) {
  const shown = typeof value === "bigint" ? `${value}n` : Deno.inspect(value);

  Deno.test(`SessionsOptions.${name} refuses ${shown} with a ${error.name}, and names it`, () => {
    for (
      const make of [
        () => new Sessions({ [name]: value }),
        () => new Site(new Resource(), { [name]: value } as SiteOptions),
      ]
    ) {
      const thrown = assertThrows(make, error) as Error;
      assertStringIncludes(thrown.message, name);
    }
  });
}

Deno.test("Each of the SessionsOptions has a wrong value above", () => {
  const tried = new Set(WRONG.map(([name]) => name as string));
  for (const name of Object.keys(exampleOptions())) assert(tried.has(name));
});

function exampleOptions(): Required<Omit<SessionsOptions, "store">> {
  const { clock, sessionFactory } = new Sessions();
  return {
    clock,
    sessionFactory,
    sessionTimeout: 1,
    absoluteTimeout: 1,
    maxSessions: 1,
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
    renewalGrace: 0,
    onSuspiciousSession: () => {},
    endsInsecureSessions: true,
    clearSiteData: ["cookies"],
    storeTimeout: 1,
    endLease: 1,
    cookie: {},
    shutdownTimeout: 0,
    cookieName: "a",
    onError: () => {},
    trustProxy: true,
    hops: 2,
  };
}

Deno.test("SessionsOptions takes the least of each option", () => {
  new Sessions(exampleOptions())[Symbol.dispose]();
  siteOf(exampleOptions())[Symbol.dispose]();
});

for (const name of ["sessionTimeOut", "resource", "displayTracebacks"]) {
  Deno.test(`Sessions cannot be made with the option ${name}, which it has not`, () => {
    assertThrows(
      () => new Sessions({ [name]: 1 }),
      TypeError,
      `Cannot make sessions: there is no option "${name}"`,
    );
  });
}

Deno.test("Site cannot be made with an option that it has not", () => {
  assertThrows(
    () => siteOf({ sessionTimeOut: 1 } as SiteOptions),
    TypeError,
    'there is no option "sessionTimeOut"',
  );
});

for (
  const [cookie, error] of [
    [{ samesite: "Lax" }, TypeError],
    [{ maxAge: 5 }, TypeError],
    [{ sameSite: 5 }, TypeError],
    [{ sameSite: "lax" }, RangeError],
    [{ domain: 5 }, TypeError],
    [{ path: 5 }, TypeError],
    [{ path: "a" }, SyntaxError],
    [{ persistent: "no" }, TypeError],
    [{ partitioned: 1 }, TypeError],
  ] as [object, typeof Error][]
) {
  Deno.test(`SessionsOptions.cookie refuses ${Deno.inspect(cookie)} with a ${error.name}`, () => {
    const [name = ""] = Object.keys(cookie);
    for (
      const make of [
        () => new Sessions({ cookie }),
        () => siteOf({ cookie }),
      ]
    ) {
      const thrown = assertThrows(make, error) as Error;
      assertStringIncludes(thrown.message, name);
    }
  });
}
