/** Curfew: one resource for each page. */

import { Resource, Site, type SiteRequest } from "../../mod.ts";
import { BYTES, DATA } from "../pages.ts";

class Hello extends Resource {
  override render_GET(): string {
    return "hello";
  }
}

class Visits {
  count = 0;
}

class Count extends Resource {
  override render_GET(request: SiteRequest): string {
    return `${++request.getSession(Visits).count}`;
  }
}

class New extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return "hello";
  }
}

class Later extends Resource {
  override async render_GET(): Promise<string> {
    await undefined;
    return "hello";
  }
}

class Bytes extends Resource {
  override render_GET(request: SiteRequest): Uint8Array {
    request.setHeader("content-type", "application/octet-stream");
    return BYTES;
  }
}

class Data extends Resource {
  override render_GET(): Response {
    return Response.json(DATA);
  }
}

const site = new Site(
  new Resource()
    .putChild("hello", new Hello())
    .putChild("count", new Count())
    .putChild("new", new New())
    .putChild("later", new Later())
    .putChild("bytes", new Bytes())
    .putChild("data", new Data()),
);
Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, site.fetch);
