import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Meter as RealMeter, Span as RealSpan } from "@opentelemetry/api";
import { ScriptDirectory, StaticFile } from "../../resources/static.ts";
import { SpanNames } from "../../metrics/route_spans.ts";
import type { Span } from "../../metrics/open_telemetry.ts";
import { isTelemetryOn } from "../../metrics/site_metrics.ts";
import { Guard, Resource, Site } from "../../mod.ts";
import {
  type InstrumentOptions,
  type Meter,
  type MeterAttributes,
  type RouteWatch,
  SiteMetrics,
} from "../../metrics/mod.ts";
import { makeFolder, ROOT, testWith } from "../helpers_process.ts";
import { Leaf, Page } from "../helpers_http.ts";
import { Errors, ManualClock, siteOf } from "../helpers_session.ts";

/** A meter that keeps what it is given. */
class KeepingMeter implements Meter {
  readonly made = new Map<string, [kind: string, InstrumentOptions]>();
  readonly values: [name: string, value: number, MeterAttributes?][] = [];

  createCounter(name: string, options: InstrumentOptions = {}) {
    return this.#make("counter", name, options);
  }

  createUpDownCounter(name: string, options: InstrumentOptions = {}) {
    return this.#make("up-down counter", name, options);
  }

  createHistogram(name: string, options: InstrumentOptions = {}) {
    return this.#make("histogram", name, options);
  }

  /** What one instrument was given. */
  valuesOf(name: string): number[] {
    return this.values.filter(([of]) => of === name).map(([, value]) => value);
  }

  #make(kind: string, name: string, options: InstrumentOptions) {
    this.made.set(name, [kind, options]);
    const take = (value: number, attributes?: MeterAttributes) => {
      this.values.push(
        attributes === undefined ? [name, value] : [name, value, attributes],
      );
    };
    return { add: take, record: take };
  }
}

// Instruments.

Deno.test("SiteMetrics makes the instruments, with their units", () => {
  using site = siteOf();
  const meter = new KeepingMeter();
  new SiteMetrics(site, { meter });
  const made = [...meter.made].map((
    [name, [kind, { unit }]],
  ) => [name, kind, unit]);
  assertEquals(made, [
    ["session.active", "up-down counter", "{session}"],
    ["session.made", "counter", "{session}"],
    ["session.ended", "counter", "{session}"],
    ["session.duration", "histogram", "s"],
    ["session.end.lateness", "histogram", "s"],
  ]);
});

Deno.test("SiteMetrics counts a session that is made and one that ends", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock });
  const meter = new KeepingMeter();
  new SiteMetrics(site, { meter });
  const session = site.makeSession();
  clock.advance(2500);
  session.expire("revoked");
  assertEquals(meter.values, [
    ["session.active", 0],
    ["session.made", 1],
    ["session.active", 1],
    ["session.active", -1],
    ["session.ended", 1, { reason: "revoked" }],
    ["session.duration", 2.5],
  ]);
});

Deno.test("SiteMetrics takes down how late a deadline was", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionTimeout: 5 });
  const meter = new KeepingMeter();
  new SiteMetrics(site, { meter });
  site.makeSession();
  clock.jump(5012);
  clock.advance();
  assertEquals(meter.valuesOf("session.end.lateness"), [0.012]);
});

Deno.test("SiteMetrics knows the sessions that were there before", () => {
  using site = siteOf();
  site.makeSession();
  site.makeSession();
  const meter = new KeepingMeter();
  new SiteMetrics(site, { meter });
  assertEquals(meter.valuesOf("session.active"), [2]);
  assertEquals(meter.valuesOf("session.made"), []);
});

Deno.test("SiteOptions.meter has the site count its sessions", () => {
  const meter = new KeepingMeter();
  using site = siteOf({ meter });
  site.makeSession();
  assertEquals(meter.valuesOf("session.made"), [1]);
});

Deno.test("SiteMetrics that break hurt nobody, and are reported", () => {
  const errors = new Errors();
  const error = new Error("broken");
  const meter = new KeepingMeter();
  meter.createCounter = () => ({
    add: () => {
      throw error;
    },
    record: () => {},
  });
  using site = siteOf({ meter, onError: errors.onError });
  site.makeSession().expire();
  assertEquals(errors.all, [error, error]);
});

Deno.test("Meter is what @opentelemetry/api has", () => {
  // That these lines are compiled is the test.
  const meterOf = (real: RealMeter): Meter => real;
  const spanOf = (real: RealSpan): Span => real;
  assertEquals([meterOf.length, spanOf.length], [1, 1]);
});

Deno.test("A site has no routes watched where telemetry is off", () => {
  using site = siteOf();
  assertEquals([isTelemetryOn(), site.routes], [false, undefined]);
});

// Routes.

/** A site whose requests have spans, named by their routes. */
class TracedSite extends Site {
  readonly #watch: RouteWatch;

  constructor(root: Resource, activeSpan: () => Span | undefined) {
    super(root);
    this.#watch = new SpanNames(
      activeSpan,
      (error) => this.reportError(error, {}),
    );
  }

  override get routes(): RouteWatch {
    return this.#watch;
  }
}

/** The names that the spans of requests get; "" for none. */
async function namesOf(
  root: Resource,
  paths: readonly string[],
  init: RequestInit = {},
): Promise<string[]> {
  let name = "";
  let route: string | undefined;
  const span: Span = {
    updateName: (given) => name = given,
    setAttribute: (key, value) => {
      assertEquals(key, "http.route");
      route = value;
    },
  };
  await using site = new TracedSite(root, () => span);
  const names: string[] = [];
  for (const path of paths) {
    name = "";
    const request = new Request(`http://localhost${path}`, init);
    const response = await site.fetch(request);
    await response.body?.cancel();
    if (name !== "") assertEquals(name.slice(name.indexOf(" ") + 1), route);
    names.push(name);
  }
  return names;
}

/** A resource that makes a child for every name, at once or not. */
class Making extends Resource {
  readonly #make: () => Resource | Promise<Resource>;

  constructor(make: () => Resource | Promise<Resource> = () => new Making()) {
    super();
    this.#make = make;
  }

  override getChild(): Resource | Promise<Resource> {
    return this.#make();
  }

  override render_GET(): string {
    return "made";
  }
}

const page = () => new Page(() => "page");

Deno.test("A span is named by the path of what was put", async () => {
  const root = new Resource()
    .putChild("", page())
    .putChild("a b", new Resource().putChild("c", page()).putChild("", page()));
  assertEquals(await namesOf(root, ["/", "/a%20b/c", "/a%20b/"]), [
    "GET /",
    "GET /a b/c",
    "GET /a b/",
  ]);
});

for (
  const [how, make] of [
    ["at once", () => new Resource().putChild("reviews", page())],
    [
      "later",
      () => Promise.resolve(new Resource().putChild("reviews", page())),
    ],
  ] as const
) {
  Deno.test(`A span has :name for what getChild makes ${how}`, async () => {
    const root = new Resource().putChild("shop", new Making(make));
    assertEquals(await namesOf(root, ["/shop/tea/reviews"]), [
      "GET /shop/:name/reviews",
    ]);
  });
}

Deno.test("A span has * for what a leaf has left of the path", async () => {
  const root = new Resource().putChild("files", new Leaf(() => "file"));
  assertEquals(await namesOf(root, ["/files", "/files/a/b"]), [
    "GET /files",
    "GET /files/*",
  ]);
});

Deno.test("A span of a leaf at the root is / or /*", async () => {
  const root = new Leaf(() => "all");
  assertEquals(await namesOf(root, ["/", "/a", "/a/b"]), [
    "GET /",
    "GET /*",
    "GET /*",
  ]);
});

Deno.test("A span is named by what is behind a guard", async () => {
  const tree = new Resource().putChild("users", page());
  const guard = new Guard(tree, () => Promise.resolve(true), { realm: "r" });
  const root = new Resource().putChild("admin", guard);
  const headers = { authorization: `Basic ${btoa("a:b")}` };
  assertEquals(await namesOf(root, ["/admin/users"], { headers }), [
    "GET /admin/users",
  ]);
});

Deno.test("A span stays as it was for what is not there", async () => {
  const root = new Resource().putChild("a", new Resource());
  assertEquals(await namesOf(root, ["/a/b", "/c"]), ["", ""]);
});

Deno.test("A span is not named by a method that a visitor made up", async () => {
  const root = new Leaf(() => "all");
  assertEquals(await namesOf(root, ["/"], { method: "BREW" }), ["HTTP /"]);
  assertEquals(await namesOf(root, ["/"], { method: "POST" }), ["POST /"]);
});

Deno.test("A span has * for what is deeper than eight segments", async () => {
  const [name] = await namesOf(new Making(), ["/1/2/3/4/5/6/7/8/9/10"]);
  assertEquals(name, `GET ${"/:name".repeat(8)}/*`);
});

testWith(
  ["read", "write"],
  "A span is named by its script, wherever that is in the folder",
  async () => {
    const text = `
import { Resource } from "@curfew/web";
class Page extends Resource {
  getChild() {
    return new Page();
  }
  render_GET() {
    return "";
  }
}
export default new Page();
`;
    using folder = makeFolder({
      "index.resource.js": text,
      "cart.resource.js": text,
      "shop/eu/cart.resource.js": text,
      "shop/index.resource.js": text,
      "public/robots.txt": "",
    });
    const fallback = new StaticFile(`${folder.path}/public`);
    const root = new Resource()
      .putChild("s", new ScriptDirectory(folder.path, { fallback }));
    assertEquals(
      await namesOf(root, [
        "/s/",
        "/s/cart",
        "/s/cart/7",
        "/s/shop/eu/cart",
        "/s/shop/eu/cart/7/8",
        "/s/shop/",
        "/s/shop",
        "/s/robots.txt",
      ]),
      [
        "GET /s/",
        "GET /s/cart",
        "GET /s/cart/:name",
        "GET /s/shop/eu/cart",
        "GET /s/shop/eu/cart/:name/:name",
        "GET /s/shop/",
        "GET /s/shop",
        "GET /s/:name",
      ],
    );
  },
);

Deno.test("Spans have a thousand routes at most", async () => {
  const root = new Resource();
  for (let i = 0; i < 1001; i++) root.putChild(String(i), page());
  const paths = Array.from({ length: 1001 }, (_, i) => `/${i}`);
  const names = await namesOf(root, [...paths, "/0"]);
  assertEquals(names.slice(-3), ["GET /999", "", "GET /0"]);
});

Deno.test("A request without a span is answered all the same", async () => {
  await using site = new TracedSite(new Leaf(() => "all"), () => undefined);
  const response = await site.fetch(new Request("http://localhost/"));
  assertEquals(await response.text(), "all");
});

// For real.

testWith(
  ["run", "read"],
  "OTEL_DENO has sessions counted and spans named",
  async () => {
    const program = `
      import { site } from "./examples/metrics.ts";
      // The site has begun to load it before.
      await import("npm:@opentelemetry/api@^1.9.0".trim());
      await new Promise((resolve) => setTimeout(resolve));
      const server = Deno.serve({ port: 0, hostname: "127.0.0.1" }, site.fetch);
      const url = "http://127.0.0.1:" + server.addr.port;
      for (const path of ["/shop/tea", "/shop/milk", "/metrics", "/nothing"]) {
        await (await fetch(url + path)).text();
      }
      for (const session of site.sessions.values()) session.expire();
      site.makeSession();
      await server.shutdown();
      Deno.exit();
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net", "-"],
      cwd: ROOT,
      env: {
        NO_COLOR: "1",
        OTEL_DENO: "true",
        OTEL_EXPORTER_OTLP_PROTOCOL: "console",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
    const { success, stdout, stderr } = await child.output();
    const said = new TextDecoder().decode(stdout) +
      new TextDecoder().decode(stderr);
    assert(success, said);
    for (const name of ["GET /shop/:name", "GET /metrics", "GET"]) {
      assertMatch(said, new RegExp(`^SPAN ${name} \\[\\S+ Server`, "m"));
    }
    assertStringIncludes(said, "http.route: /shop/:name");
    for (
      const [metric, ...lines] of [
        ["session.active (Sum, unit={session})", "{} value=1"],
        ["session.made (Sum, unit={session})", "{} value=3"],
        ["session.ended (Sum, unit={session})", "{reason=logout} value=2"],
        ["session.duration (Histogram, unit=s)", "{} count=2"],
      ]
    ) {
      const [, rest = ""] = said.split(`METRIC ${metric}`);
      const [about = ""] = rest.split("METRIC ");
      assertStringIncludes(about, "scope: @curfew/web");
      for (const line of lines) assertStringIncludes(about, line);
    }
  },
);
