// Metrics of the sessions, for Prometheus and OpenTelemetry.
//
//   deno run --allow-net examples/metrics.ts
//
// Visit http://localhost:8080/shop/tea, and see http://localhost:8080/metrics for
// the figures that Prometheus collects. With OpenTelemetry:
//
//   OTEL_DENO=true OTEL_EXPORTER_OTLP_PROTOCOL=console \
//     deno run --allow-net examples/metrics.ts
//
// Deno then prints each request as a span, named "GET /shop/:name" by its route in
// the tree, and once a minute the instruments: session.active, session.made,
// session.ended, session.duration and session.end.lateness. Without the second
// variable they go to a collector at http://localhost:4318.

import { Resource, Session, Site, type SiteRequest } from "../mod.ts";
import { PrometheusMetrics } from "../metrics/mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class ShortSession extends Session {
  override sessionTimeout = 30;
}

class Product extends Resource {
  readonly #name: string;

  constructor(name: string) {
    super();
    this.#name = name;
  }

  override render_GET(request: SiteRequest): string {
    request.getSession().set("last seen", this.#name);
    return page(
      "Tea",
      `<p>Would you like some?</p>
<p>Now see <a href="/metrics">the metrics</a>: one session was made.</p>`,
    );
  }
}

class Shop extends Resource {
  override getChild(name: string): Resource {
    return new Product(name);
  }
}

const root = new Resource();
export const site = new Site(root, { sessionFactory: ShortSession });
root.putChild("shop", new Shop());
// Every client can read this page: in production, let only the collector reach it.
root.putChild("metrics", new PrometheusMetrics(site));

if (import.meta.main) serve(site, "Visit /shop/tea, and then /metrics");
