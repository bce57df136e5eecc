/**
 * One of several workers. As a program (`curfew_worker.ts PORT`) it shares its port
 * with other workers; `deno serve` uses its default export.
 *
 * A header of each response names the worker.
 */

import { Resource, Site, type SiteRequest } from "../../mod.ts";

const NAME = crypto.randomUUID();

/** Microseconds of work, as for a database or a template. */
const WORK = 120;

class Hello extends Resource {
  override render_GET(request: SiteRequest): string {
    request.setHeader("worker", NAME);
    return "hello";
  }
}

class Busy extends Hello {
  override render_GET(request: SiteRequest): string {
    const end = performance.now() + WORK / 1000;
    while (performance.now() < end);
    return super.render_GET(request);
  }
}

class Visits {
  count = 0;
}

class Count extends Resource {
  override render_GET(request: SiteRequest): string {
    request.setHeader("worker", NAME);
    return `${++request.getSession(Visits).count}`;
  }
}

const root = new Resource()
  .putChild("hello", new Hello())
  .putChild("busy", new Busy())
  .putChild("count", new Count());

const site: Site = new Site(root);
export default site satisfies Deno.ServeDefaultExport;

if (import.meta.main && Deno.args.length > 0) {
  Deno.serve(
    { hostname: "127.0.0.1", port: Number(Deno.args[0]), reusePort: true },
    site.fetch,
  );
}
