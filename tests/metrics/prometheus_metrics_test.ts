import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { prometheusText } from "../../metrics/prometheus_text.ts";
import { Resource, Site, type SiteOptions } from "../../mod.ts";
import { PrometheusMetrics } from "../../metrics/mod.ts";
import { cookieOf, ManualClock, requestWith } from "../helpers_session.ts";
import { Page } from "../helpers_http.ts";

/** A site that counts its sessions, at /metrics. */
function countedSite(options: SiteOptions = {}): Site {
  const root = new Resource();
  const site = new Site(root, options);
  root.putChild("metrics", new PrometheusMetrics(site));
  root.putChild("page", new Page((request) => request.getSession().uid));
  return site;
}

async function metricsOf(site: Site): Promise<string> {
  const response = await site.fetch(new Request("http://localhost/metrics"));
  assertEquals(response.status, 200);
  return await response.text();
}

/** The value of a sample, by its name with labels. */
async function valueOf(site: Site, sample: string): Promise<number> {
  const line = (await metricsOf(site)).split("\n")
    .find((line) => line.startsWith(`${sample} `));
  assert(line !== undefined, `no sample ${sample}`);
  return Number(line.slice(sample.length));
}

Deno.test("PrometheusMetrics answers with the content type of the text format", async () => {
  await using site = countedSite();
  const response = await site.fetch(new Request("http://localhost/metrics"));
  assertEquals(
    response.headers.get("content-type"),
    "text/plain; version=0.0.4; charset=utf-8",
  );
  assertEquals(response.headers.get("cache-control"), "no-store");
  await response.body?.cancel();
});

Deno.test("PrometheusMetrics writes HELP, TYPE and samples, each in a line, and ends the last", async () => {
  await using site = countedSite();
  site.makeSession().expire();
  const text = await metricsOf(site);
  const name = /[a-zA-Z_:][a-zA-Z0-9_:]*/.source;
  const labels = /\{[a-z]+="[^"\\\n]*"\}/.source;
  const line = new RegExp(
    `^(# HELP ${name} .+|# TYPE ${name} (counter|gauge|histogram)|${name}(${labels})? (\\d+(\\.\\d+)?))$`,
  );
  assert(text.endsWith("\n"));
  for (const each of text.slice(0, -1).split("\n")) assertMatch(each, line);
});

Deno.test("PrometheusMetrics says of each metric once what it is, before its samples", async () => {
  await using site = countedSite();
  const text = await metricsOf(site);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    .map(([, name, type]) => [name, type]);
  assertEquals(types, [
    ["curfew_sessions_active", "gauge"],
    ["curfew_sessions_made_total", "counter"],
    ["curfew_sessions_ended_total", "counter"],
    ["curfew_session_duration_seconds", "histogram"],
    ["curfew_session_end_lateness_seconds", "histogram"],
    ["curfew_callbacks_hanging", "gauge"],
  ]);
  for (const [name] of types) {
    const type = text.indexOf(`# TYPE ${name} `);
    assertStringIncludes(text, `# HELP ${name} `);
    assert(type < text.search(new RegExp(`^${name}`, "m")));
  }
});

Deno.test("PrometheusMetrics counts the sessions that are made, live and have ended", async () => {
  await using site = countedSite();
  for (let i = 0; i < 3; i++) site.makeSession();
  site.makeSession().expire("revoked");
  assertEquals(await valueOf(site, "curfew_sessions_made_total"), 4);
  assertEquals(await valueOf(site, "curfew_sessions_active"), 3);
  assertEquals(
    await valueOf(site, 'curfew_sessions_ended_total{reason="revoked"}'),
    1,
  );
});

Deno.test("PrometheusMetrics shows every reason before anything has ended for it", async () => {
  await using site = countedSite();
  const reasons = [...(await metricsOf(site)).matchAll(/reason="(\w+)"\} 0$/gm)]
    .map(([, reason]) => reason);
  assertEquals(reasons.sort(), [
    "absolute",
    "evicted",
    "idle",
    "logout",
    "lost",
    "revoked",
    "shutdown",
  ]);
});

Deno.test("PrometheusMetrics counts how long sessions lasted, in buckets that hold the smaller ones", async () => {
  const clock = new ManualClock();
  await using site = countedSite({ clock, sessionTimeout: 3600 });
  const [one, other] = [site.makeSession(), site.makeSession()];
  clock.advance(500);
  one.expire();
  clock.advance(59_500);
  other.expire();
  const name = "curfew_session_duration_seconds";
  assertEquals(await valueOf(site, `${name}_bucket{le="1"}`), 1);
  assertEquals(await valueOf(site, `${name}_bucket{le="10"}`), 1);
  assertEquals(await valueOf(site, `${name}_bucket{le="60"}`), 2);
  assertEquals(await valueOf(site, `${name}_bucket{le="+Inf"}`), 2);
  assertEquals(await valueOf(site, `${name}_sum`), 60.5);
  assertEquals(await valueOf(site, `${name}_count`), 2);
});

Deno.test("PrometheusMetrics counts how late deadlines were, and no other end", async () => {
  const clock = new ManualClock();
  await using site = countedSite({ clock, sessionTimeout: 5 });
  site.makeSession().expire();
  const late = site.makeSession();
  clock.jump(5030);
  late.checkExpired();
  const name = "curfew_session_end_lateness_seconds";
  assertEquals(await valueOf(site, `${name}_bucket{le="0.02"}`), 0);
  assertEquals(await valueOf(site, `${name}_bucket{le="0.05"}`), 1);
  assertEquals(await valueOf(site, `${name}_sum`), 0.03);
  assertEquals(await valueOf(site, `${name}_count`), 1);
});

Deno.test("PrometheusMetrics neither makes nor touches a session", async () => {
  const clock = new ManualClock();
  await using site = countedSite({ clock });
  const page = "http://localhost/page";
  const cookie = cookieOf(await site.fetch(requestWith(undefined, page)));
  const [session] = site.sessions.values();
  const { expiresAt } = session!;
  clock.advance(1000);
  const url = "http://localhost/metrics";
  const response = await site.fetch(requestWith(cookie, url));
  assertEquals(response.headers.getSetCookie(), []);
  assertEquals([site.sessions.size, session!.expiresAt], [1, expiresAt]);
});

Deno.test("PrometheusMetrics takes a prefix and buckets", async () => {
  const root = new Resource();
  await using site = new Site(root);
  root.putChild(
    "metrics",
    new PrometheusMetrics(site, { prefix: "shop", durationBuckets: [2, 7] }),
  );
  const bounds = [
    ...(await metricsOf(site)).matchAll(/^shop_session_duration.*le="(.*)"/gm),
  ].map(([, bound]) => bound);
  assertEquals(bounds, ["2", "7", "+Inf"]);
});

Deno.test("PrometheusMetrics refuses a prefix that no metric can have", () => {
  using site = new Site(new Resource());
  assertThrows(
    () => new PrometheusMetrics(site, { prefix: "my-shop" }),
    SyntaxError,
    'Cannot make metrics: the prefix is not valid in a name: "my-shop"',
  );
});

for (const buckets of [[2, 1], [1, 1], [NaN], [1, Infinity]]) {
  Deno.test(`PrometheusMetrics refuses the buckets ${buckets}`, () => {
    using site = new Site(new Resource());
    assertThrows(
      () => new PrometheusMetrics(site, { latenessBuckets: buckets }),
      RangeError,
      "Cannot make metrics: latenessBuckets is not a list of ascending numbers",
    );
  });
}

Deno.test("PrometheusMetrics.families() may be overridden to add some", async () => {
  class More extends PrometheusMetrics {
    override families() {
      const samples = [{ labels: { kind: 'a "b"\\\n' }, value: 1 }];
      return [...super.families(), {
        name: "tea_total",
        help: "Cups\nof tea.",
        type: "counter" as const,
        samples,
      }];
    }
  }
  const root = new Resource();
  await using site = new Site(root);
  root.putChild("metrics", new More(site));
  assertStringIncludes(
    await metricsOf(site),
    '# HELP tea_total Cups\\nof tea.\n# TYPE tea_total counter\ntea_total{kind="a \\"b\\"\\\\\\n"} 1\n',
  );
});

Deno.test("prometheusText() writes infinite numbers as the format has them", () => {
  const samples = [{ value: Infinity }, { value: -Infinity }, { value: NaN }];
  const text = prometheusText([{
    name: "a",
    help: "b",
    type: "gauge",
    samples,
  }]);
  assertEquals(text, "# HELP a b\n# TYPE a gauge\na +Inf\na -Inf\na NaN\n");
});
