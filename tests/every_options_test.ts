/**
 * Every options object of the public API, with values that it must refuse.
 *
 * A new option needs a row here, or the types do not fit. A new options object needs
 * an entry, or the last test fails.
 */

import { assert, assertEquals, assertStringIncludes, fail } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { describe } from "../base/describe.ts";
import { PrometheusMetrics, SiteMetrics } from "../metrics/mod.ts";
import type {
  PrometheusMetricsOptions,
  SiteMetricsOptions,
} from "../metrics/mod.ts";
import type { ServeOptions } from "../adapters/node.ts";
import {
  type Cookie,
  type EndSessionsOptions,
  type EventStreamOptions,
  FetchResource,
  type FetchResourceOptions,
  FormTokens,
  type FormTokensOptions,
  Guard,
  type GuardOptions,
  listen,
  type ListenOptions,
  LoginGuard,
  type LoginGuardOptions,
  type LogInOptions,
  Resource,
  SameOrigin,
  type SameOriginOptions,
  SessionClock,
  type SessionClockOptions,
  type SessionCookieOptions,
  SessionGuard,
  SessionKey,
  type SessionKeyOptions,
  type SessionSocketOptions,
  Site,
  type SiteOptions,
  SiteRequest,
  type TcpListenOptions,
  type UnixListenOptions,
} from "../mod.ts";
import { SessionMonitor, type SessionMonitorOptions } from "../monitor/mod.ts";
import {
  SessionDevices,
  type SessionDevicesOptions,
} from "../resources/session_devices.ts";
import {
  ScriptDirectory,
  type ScriptDirectoryOptions,
  StaticFile,
  type StaticFileOptions,
} from "../resources/static.ts";
import {
  type HoldOptions,
  type ListSessionsOptions,
  type NamedCallbackOptions,
  Sessions,
  type SessionsOptions,
} from "../sessions.ts";
import {
  MemoryStore,
  type MemoryStoreOptions,
} from "../stores/memory_store.ts";
import {
  fromPg,
  fromPGlite,
  fromPostgres,
  type PostgresClientOptions,
  PostgresStore,
  type PostgresStoreOptions,
} from "../stores/postgres_store.ts";
import { RedisStore, type RedisStoreOptions } from "../stores/redis_store.ts";
import {
  SqliteStore,
  type SqliteStoreOptions,
} from "../stores/sqlite_store.ts";
import { TestSite, TestVisitor, type TestVisitorOptions } from "../testing.ts";
import {
  type StoreContractOptions,
  testStoreContract,
} from "../testing/store_contract.ts";
import { testWith } from "./helpers_process.ts";

/** Wrong values of one option. */
interface Row {
  /** Values of a wrong kind, refused by a TypeError. */
  readonly kind: readonly unknown[];
  /** Values out of range, refused by a RangeError. */
  readonly range?: readonly unknown[];
  /** Texts that nobody can read, refused by a SyntaxError. */
  readonly text?: readonly string[];
  /** Whether a value out of range is kept out of the message. */
  readonly isSecret?: boolean;
  /** Whether the option must be given. */
  readonly isRequired?: boolean;
}

/** An options object: how it is used, and a row for each option. */
interface Entry {
  readonly name: string;
  use(options: object): unknown;
  readonly rows: Readonly<Record<string, Row>>;
  /** The options that must be given, with right values. */
  readonly base: object;
}

const FLAG: Row = { kind: ["true", "false", 0, 1, null, {}] };
const ACTION: Row = { kind: ["log", null, {}, true] };
const TEXT: Row = { kind: [5, null, true, ["a"], {}] };
const OBJECT: Row = { kind: ["{}", 5, null, true] };

/** The row of a number, with numbers that are out of range. */
function number(...range: number[]): Row {
  return { kind: ["1", null, true, 1n, [1], {}], range: [NaN, ...range] };
}

/** The row of a string, with strings that are out of range. */
function text(...range: string[]): Row {
  return { ...TEXT, range };
}

/** The row of a list of strings, with lists that are out of range. */
function texts(...range: string[][]): Row {
  return { kind: ["a", 5, null, {}, [5], [null], ["a", 5]], range };
}

/** The row of an object of a class, or with a method. */
function object(...kind: unknown[]): Row {
  return { kind: [...OBJECT.kind, {}, ...kind] };
}

const ORIGINS = texts(["app.example"], ["https://app.example/"], ["null"]);

const SESSIONS_ROWS: Record<keyof Required<SessionsOptions>, Row> = {
  sessionFactory: { kind: ["Session", {}, null] },
  sessionTimeout: number(-1, -Infinity),
  absoluteTimeout: number(-0.001),
  maxSessions: number(0, -1),
  maxSessionsPerPrincipal: number(0),
  whenPrincipalIsFull: text("evict", ""),
  describe: ACTION,
  awayAfter: number(0),
  maxCallbacks: number(0),
  endRetryFor: number(-1),
  maxStreamsPerSession: number(0),
  maxStreams: number(0, -1),
  maxSessionBytes: number(-1),
  reportsAssignedPrincipals: FLAG,
  renewalGrace: number(-1),
  onSuspiciousSession: ACTION,
  endsInsecureSessions: FLAG,
  clearSiteData: texts(["biscuits"], ["cache", "Cookies"]),
  store: object({ load: true }),
  storeTimeout: number(0, -1),
  endLease: number(0),
  transport: text("header", ""),
  cookie: OBJECT,
  shutdownTimeout: number(-1),
  cookieName: { ...TEXT, text: ["", "a b", "a=b", "__Host-a"] },
  onError: ACTION,
  trustProxy: { kind: ["true", "proxy", "", 0, 1, null] },
  hops: number(0, 1.5, Infinity),
  clock: object({ now: 5 }, () => 0),
};

const SITE_ROWS: Record<keyof Required<SiteOptions>, Row> = {
  ...SESSIONS_ROWS,
  sessions: object(new Map()),
  displayTracebacks: FLAG,
  hosts: texts([]),
  maxBodyBytes: number(-1),
  maxFormFields: number(-1),
  accessLog: object("access.log"),
  meter: object({ createCounter: true }),
  headers: {
    kind: ["x: y", 5, null, true, ["x"], { x: 5 }, { x: undefined }],
    range: [{ "Set-Cookie": "a=1" }, { "a b": "x" }, { x: "a\nb" }],
    // The message names the header in place of the object.
    isSecret: true,
  },
  errorPage: ACTION,
  notFoundPage: object("Not here", () => {}),
  serverErrorPage: object("Sorry"),
};

const root = new Resource();

/** Makes something that is closed at once. */
function make(maker: () => { [Symbol.dispose](): void }): void {
  maker()[Symbol.dispose]();
}

/** The parts of a request that opens a stream or a socket. */
const STREAM_REQUEST = {
  request: new Request("http://localhost/"),
  rootURL: new URL("http://localhost/"),
  getHeader: (name: string) => name === "upgrade" ? "websocket" : undefined,
  site: { stopSignal: new AbortController().signal },
};

/** A site that is closed at once. */
function withSite<T>(act: (site: Site) => T): T {
  using site = new Site(root);
  return act(site);
}

/** Sessions without timers, for the options of a single session. */
function withSession<T>(act: (sessions: Sessions) => T): T {
  using sessions = new Sessions({ sessionTimeout: Infinity });
  return act(sessions);
}

const ENTRIES: readonly Entry[] = [];

function entry<Options extends object>(
  name: string,
  use: (options: Options) => unknown,
  rows: Readonly<Record<keyof Required<Options>, Row>>,
  base: Partial<Options> = {},
): void {
  (ENTRIES as Entry[]).push({
    name,
    use: use as Entry["use"],
    rows: rows as Entry["rows"],
    base,
  });
}

entry<SessionsOptions>(
  "SessionsOptions",
  (options) => make(() => new Sessions(options)),
  SESSIONS_ROWS,
);
entry<SiteOptions>(
  "SiteOptions",
  (options) => make(() => new Site(root, options)),
  SITE_ROWS,
);
entry<SiteOptions>(
  "SiteOptions of TestSite",
  (options) => make(() => new TestSite(root, options).site),
  SITE_ROWS,
);
entry<SiteOptions>(
  "SiteOptions of TestSite with a function",
  (options) => make(() => new TestSite(() => new Site(root), options).site),
  // Only the site itself reads the name of its cookie, and its headers.
  {
    ...SITE_ROWS,
    cookieName: TEXT,
    headers: { kind: SITE_ROWS.headers.kind },
  },
);
entry<SessionDevicesOptions>(
  "SessionDevicesOptions",
  (options) => void new SessionDevices(options),
  { signedOutPage: text("", "login", "//evil.example/", "/\\evil.example/") },
);
entry<TestVisitorOptions>(
  "TestVisitorOptions",
  (options) => void new TestVisitor(undefined as never, options),
  { transport: text("both", "header") },
);
entry<SessionCookieOptions>(
  "SessionCookieOptions",
  (cookie) => make(() => new Sessions({ cookie })),
  {
    secure: FLAG,
    sameSite: text("lax", "STRICT", ""),
    domain: { ...TEXT, text: ["a b", "a;b"] },
    path: { ...TEXT, text: ["", "a"] },
    partitioned: FLAG,
    persistent: FLAG,
  },
);
entry<SessionKeyOptions<unknown, unknown>>(
  "SessionKeyOptions",
  (options) => new SessionKey("key", options),
  { schema: object({ "~standard": {} }), default: ACTION },
);
entry<Cookie>(
  "Cookie",
  (cookie) =>
    withSite((site) =>
      new SiteRequest(site, new Request("http://localhost/")).addCookie(cookie)
    ),
  {
    name: { ...TEXT, text: ["a b"], isRequired: true },
    value: { ...TEXT, isRequired: true },
    expires: { kind: ["tomorrow", null, {}] },
    maxAge: { kind: ["1", null] },
    domain: { ...TEXT, text: ["a;b"] },
    path: TEXT,
    secure: FLAG,
    httpOnly: FLAG,
    partitioned: FLAG,
    sameSite: text("strict", ""),
    unparsed: texts(),
  },
  { name: "a", value: "b" },
);
entry<LogInOptions>(
  "LogInOptions",
  (options) =>
    withSession((sessions) =>
      sessions.serve(new Request("http://localhost/"), (visit) => {
        visit.logIn("alice", options);
        return new Response();
      })
    ),
  { remember: number(0, -1) },
);
entry<EndSessionsOptions>(
  "EndSessionsOptions",
  (options) =>
    withSession((sessions) => sessions.endSessions("alice", options)),
  { except: object({ uid: "a" }), reason: text("", "because") },
);
entry<ListSessionsOptions>(
  "ListSessionsOptions",
  (options) => withSession((sessions) => sessions.list("alice", options)),
  { values: FLAG },
);
entry<NamedCallbackOptions>(
  "NamedCallbackOptions",
  (options) =>
    withSession((sessions) => {
      sessions.onEnd("free", () => {});
      sessions.create().notifyOnExpire("free", 7, options);
    }),
  { key: TEXT },
);
entry<HoldOptions>(
  "HoldOptions",
  (options) =>
    withSession(async (sessions) => {
      sessions.onEnd("free", () => {});
      await sessions.create().hold("a", options);
    }),
  {
    seconds: number(0, -1, NaN),
    then: { kind: [5, null, {}, "nothing"] },
    argument: { kind: [() => {}] },
  },
  { then: "free" },
);
entry<EventStreamOptions>(
  "EventStreamOptions",
  (options) =>
    withSession((sessions) =>
      sessions.create().events(STREAM_REQUEST, options)
    ),
  {
    keepAlive: number(0, -1),
    maxBufferedBytes: number(0, -1),
    reconnectWithin: number(-1, Infinity),
  },
);
entry<SessionSocketOptions>(
  "SessionSocketOptions",
  (options) =>
    withSession((sessions) =>
      sessions.create().socket(STREAM_REQUEST, options)
    ),
  {
    protocol: TEXT,
    idleTimeout: number(-1),
    maxMessageBytes: number(0, -1),
    maxBufferedBytes: number(0, -1),
    origins: ORIGINS,
  },
);
for (const Kind of [Guard, SessionGuard]) {
  entry<GuardOptions>(
    Kind === Guard ? "GuardOptions" : "GuardOptions of SessionGuard",
    (options) => new Kind(root, () => true, options),
    {
      realm: { ...TEXT, text: ["a\nb", "é"], isRequired: true },
      origins: ORIGINS,
      endsWithSession: FLAG,
    },
    { realm: "here" },
  );
}
entry<LoginGuardOptions>(
  "LoginGuardOptions",
  (options) => new LoginGuard(root, options),
  {
    loginPath: text("login", "//evil.example", "https://evil.example/", "/#a"),
    redirects: FLAG,
    maxAge: number(0, -1),
    allow: ACTION,
    origins: ORIGINS,
    endsWithSession: FLAG,
  },
);
entry<FetchResourceOptions>(
  "FetchResourceOptions",
  (options) => new FetchResource(() => new Response(), options),
  { endsWithSession: FLAG },
);
entry<SameOriginOptions>(
  "SameOriginOptions",
  (options) => new SameOrigin(root, options),
  { origins: ORIGINS },
);
entry<FormTokensOptions>(
  "FormTokensOptions",
  (options) => new FormTokens(options),
  { secret: { ...text("too short"), isSecret: true } },
);
entry<SessionClockOptions>(
  "SessionClockOptions",
  (options) => new SessionClock(options),
  { warnBefore: number(0, -1, Infinity) },
);
entry<StaticFileOptions>(
  "StaticFileOptions",
  (options) => new StaticFile(".", options),
  {
    indexNames: texts([""], ["a/b"], [".."]),
    listing: FLAG,
    defaultExtensions: texts(["html"], [".html", ""]),
    precompressed: FLAG,
    cacheControl: text("a\nb", "\u2603"),
    dotFiles: FLAG,
    hidden: object("*.ts", () => true),
    followSymlinks: FLAG,
  },
);
entry<ScriptDirectoryOptions>(
  "ScriptDirectoryOptions",
  (options) => new ScriptDirectory(".", options),
  { fallback: object("public"), loadTimeout: number(0, -1) },
);
entry<SessionMonitorOptions>(
  "SessionMonitorOptions",
  (options) =>
    make(() => {
      const site = new Site(root);
      new SessionMonitor(site, options);
      return site;
    }),
  { title: TEXT },
);
entry<SiteMetricsOptions>(
  "SiteMetricsOptions",
  (options) => new SiteMetrics(new Site(root), options),
  { meter: { ...object({ createCounter: 1 }), isRequired: true } },
  {
    meter: {
      createCounter: count,
      createUpDownCounter: count,
      createHistogram: () => ({ record() {} }),
    },
  },
);
entry<PrometheusMetricsOptions>(
  "PrometheusMetricsOptions",
  (options) => new PrometheusMetrics(new Site(root), options),
  {
    prefix: { ...TEXT, text: ["", "1a", "a b"] },
    durationBuckets: buckets(),
    latenessBuckets: buckets(),
  },
);
entry<MemoryStoreOptions>(
  "MemoryStoreOptions",
  (options) => new MemoryStore(options),
  { clock: object({ now: 0 }) },
);
entry<SqliteStoreOptions>(
  "SqliteStoreOptions",
  (options) => make(() => new SqliteStore(options)),
  {
    path: { ...text(""), isRequired: true },
    touchThrottle: number(-1, Infinity),
    busyTimeout: number(-1, Infinity),
    pollInterval: number(-1, Infinity),
    maxSize: number(-1),
    clock: object({ now: 0 }),
  },
  { path: ":memory:" },
);
entry<RedisStoreOptions>(
  "RedisStoreOptions",
  (options) => new RedisStore(options),
  {
    client: { ...object({ send: "GET" }), isRequired: true },
    prefix: text("a{b", "a}b"),
    shards: number(0, -1, 1.5, 16_385, Infinity),
    touchThrottle: number(-1, Infinity),
    replicas: number(-1, 0.5),
    shardedNotifications: FLAG,
  },
  { client: { send: () => Promise.resolve(undefined) } as never },
);
entry<ServeOptions>(
  "ServeOptions",
  async (options) => {
    // Imported here, since the package of its sockets reads the environment.
    const { serve } = await import("../adapters/node.ts");
    serve(new Site(new Resource()), options);
  },
  {
    port: { kind: ["8080", null], range: [-1, 0.5, 65536, NaN] },
    hostname: TEXT,
    onListen: { kind: [null, "print"] },
  },
);
entry<PostgresStoreOptions>(
  "PostgresStoreOptions",
  (options) => new PostgresStore(options),
  {
    client: { ...object({ query: "SELECT" }), isRequired: true },
    schema: text("", "a b", "1a", "A", "a".repeat(64)),
    touchThrottle: number(-1, Infinity),
  },
  {
    client: {
      query: () => Promise.resolve(null),
      run: () => Promise.resolve(),
    } as never,
  },
);
for (const adapt of [fromPg, fromPostgres, fromPGlite]) {
  entry<PostgresClientOptions>(
    `PostgresClientOptions of ${adapt.name}()`,
    (options) => adapt({} as never, options),
    { listen: FLAG },
  );
}
entry<StoreContractOptions>(
  "StoreContractOptions",
  (options) => testStoreContract(() => fail(), options),
  {
    name: TEXT,
    test: ACTION,
    isDurable: FLAG,
    crowd: number(0, 1.5),
    races: number(0, -1),
    version: number(0, 1.5),
  },
  { test() {} },
);

/** The rows of the options that TCP and Unix sockets share. */
const LISTEN_ROWS = {
  signal: object(new AbortController()),
  onListen: ACTION,
};

/** Listens, and stops at once. */
async function listenOnce(options: ListenOptions): Promise<void> {
  await using site = new Site(root);
  await listen(site, options).shutdown();
}

entry<TcpListenOptions>("TcpListenOptions", listenOnce, {
  ...LISTEN_ROWS,
  port: number(-1, 65536, 80.5),
  hostname: TEXT,
  path: { kind: [5, null] },
  reusePort: FLAG,
  tcpBacklog: number(0, 1.5),
  key: TEXT,
  cert: TEXT,
}, { port: 0, hostname: "127.0.0.1", onListen() {} });
entry<UnixListenOptions>("UnixListenOptions", listenOnce, {
  ...LISTEN_ROWS,
  path: { kind: [5, null], range: [""] },
  hostname: { kind: ["localhost"] },
  port: { kind: [80] },
}, { path: "/nowhere/at/all" });

function count(): { add(): void } {
  return { add() {} };
}

function buckets(): Row {
  return {
    kind: [1, "1", null, {}, ["1"], [1, null]],
    range: [[2, 1], [1, 1], [NaN], [Infinity]],
  };
}

const NEEDS: readonly Deno.PermissionName[] = [
  "env",
  "net",
  "read",
  "write",
  "sys",
];

for (const { name, use, rows, base } of ENTRIES) {
  const attempt = async (options: unknown): Promise<unknown> => {
    try {
      await use(options as object);
    } catch (error) {
      return error;
    }
  };
  const checkRefusal = async (
    option: string,
    value: unknown,
    Kind: new (message: string) => Error,
  ): Promise<void> => {
    const what = `${option}: ${describe(value)}`;
    const error = await attempt({ ...base, [option]: value });
    assert(error instanceof Kind, `${what} gave ${error}`);
    assertStringIncludes(error.message, option, what);
    const isShown = !rows[option]?.isSecret || Kind === TypeError;
    assertEquals(error.message.includes(describe(value)), isShown, what);
  };

  for (
    const [option, { kind, range = [], text = [], isRequired }] of Object
      .entries(rows)
  ) {
    testWith(
      NEEDS,
      `${name}: ${option} refuses each wrong value, and names itself and the value`,
      async () => {
        for (const value of kind) await checkRefusal(option, value, TypeError);
        for (const value of range) {
          await checkRefusal(option, value, RangeError);
        }
        for (const value of text) {
          await checkRefusal(option, value, SyntaxError);
        }
        if (isRequired) {
          await checkRefusal(option, undefined, TypeError);
        }
      },
    );
  }

  testWith(NEEDS, `${name}: there are no other options`, async () => {
    for (const option of ["other", "", "constructor", "__proto__"]) {
      const options = { ...base };
      Object.defineProperty(options, option, { value: 1, enumerable: true });
      const error = await attempt(options);
      assert(error instanceof TypeError, `${option} gave ${error}`);
      assertStringIncludes(error.message, `no option "${option}"`);
    }
  });

  testWith(NEEDS, `${name}: nothing but an object has options`, async () => {
    for (const options of [null, 5, true, [], () => {}]) {
      const error = await attempt(options);
      assert(error instanceof TypeError, `${describe(options)} gave ${error}`);
    }
  });
}

/** Types of options objects without an entry, and why. */
const NO_ENTRY: Readonly<Record<string, string>> = {
  ListenOptions: "the union of two that have entries",
  LoadOptions: "handed to the load() of a store",
  InstrumentOptions: "handed to a meter",
};

testWith(
  ["read", "run"],
  "Each options object of the public API has an entry in this file",
  async () => {
    const folder = new URL("..", import.meta.url);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", ...new Set(Object.values(config.exports))],
      cwd: folder,
    }).output();
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
    const found = new Set<string>();
    const visit = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      const { name, kind, typeName } = node as Record<string, unknown>;
      if (kind === "private") return;
      for (const type of [typeName, isDeclared(node) ? name : undefined]) {
        if (typeof type === "string" && /^\w+Options$/.test(type)) {
          found.add(type);
        }
      }
      for (const child of Object.values(node)) visit(child);
    };
    for (const module of Object.values(nodes)) visit(module);
    found.delete("ErrorOptions"); // Of the platform.

    const listed = new Set(ENTRIES.map(({ name }) => name.split(" ")[0]));
    const missing = [...found].filter((name) =>
      !listed.has(name) && !Object.hasOwn(NO_ENTRY, name)
    );
    assertEquals(missing, []);
    assert(found.size > 15, "The documentation was not read");
  },
);

/** Returns whether a node of the documentation declares a type. */
function isDeclared(node: object): boolean {
  return "declarations" in node;
}
