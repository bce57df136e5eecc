import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import {
  ABOVE_ZERO,
  atLeast,
  BOOLEAN,
  checkOptions,
  FUNCTION,
  having,
  instanceOf,
  listOf,
  OBJECT,
  oneOf,
  type OptionRule,
  type OptionRules,
  required,
  SECONDS,
  STRING,
  stringThat,
  wholeAtLeast,
} from "../../base/options.ts";
import type { SiteOptions } from "../../mod.ts";
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
    ["a list", []],
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

Deno.test("checkOptions() checks inherited options, since they count", () => {
  assertThrows(() => check(Object.create({ size: 0 })), RangeError, "size");
});

Deno.test("checkOptions() refuses an absent option that is required", () => {
  assertThrows(
    () => checkOptions("open it", {}, { path: required(STRING) }),
    TypeError,
    "Cannot open it: path is not a string: undefined",
  );
});

Deno.test("checkOptions() shows a list with its first items", () => {
  const rules = { names: listOf("a list of strings", STRING) };
  const names = ["a", 5, null, [], "e", "f", "g", "h", "i"];
  assertThrows(
    () => checkOptions("read", { names }, rules),
    TypeError,
    'names is not a list of strings: ["a", 5, null, a list, "e", "f", "g", "h", ...]',
  );
});

Deno.test("checkOptions() escapes what cannot be seen in a value or a name", () => {
  assertThrows(
    () => check({ flag: "\u202eno\x1b[2J\n" }),
    TypeError,
    'flag is not true or false: "\\u202eno\\u001b[2J\\n"',
  );
  assertThrows(() => check({ "f\u200blag": true }), TypeError, '"f\\u200blag"');
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
    ["ABOVE_ZERO", ABOVE_ZERO, ["1", "Infinity"], [
      "0",
      "-1",
      "NaN",
      "-Infinity",
    ]],
    ["SECONDS", SECONDS, ["0", "1"], ["-1", "NaN", "Infinity", "-Infinity"]],
    ["wholeAtLeast(1)", wholeAtLeast(1), ["1"], [
      "0",
      "-1",
      "NaN",
      "Infinity",
      "-Infinity",
    ]],
    ["listOf(BOOLEAN)", listOf("a list", BOOLEAN), ["[]"], []],
    ['stringThat(is "1")', stringThat("a one", (text) => text === "1"), [
      '"1"',
    ], ['""', '"true"']],
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

function exampleOptions(): Required<Omit<SessionsOptions, "store">> {
  const { clock, sessionFactory } = new Sessions();
  return {
    clock,
    sessionFactory,
    sessionTimeout: 1,
    absoluteTimeout: 1,
    maxSessions: 1,
    maxSessionsPerPrincipal: 1,
    awayAfter: 10,
    describe: () => "",
    maxCallbacks: 1,
    endRetryFor: 0,
    whenPrincipalIsFull: "refuse",
    maxStreamsPerSession: 1,
    maxStreams: 1,
    maxSessionBytes: 0,
    reportsAssignedPrincipals: true,
    renewalGrace: 0,
    onSuspiciousSession: () => {},
    endsInsecureSessions: true,
    clearSiteData: ["cookies"],
    storeTimeout: 0.5,
    endLease: 1,
    transport: "cookie",
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
