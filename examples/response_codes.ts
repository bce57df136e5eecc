// Custom response codes: by setting one, or by throwing an HttpError.
//
//   deno run --allow-net examples/response_codes.ts
//
// Visit http://localhost:8080/ with `curl -i`: the status is 402. At
// http://localhost:8080/tea it is 503, on a page that Curfew writes.

import { HttpError, listen, Resource, Site, type SiteRequest } from "../mod.ts";

class Payment extends Resource {
  override render_GET(request: SiteRequest): string {
    request.setResponseCode(402);
    return "Please swipe your credit card.";
  }
}

class Teapot extends Resource {
  override render_GET(request: SiteRequest): string {
    // Headers that were set do not survive an error; cookies do.
    request.setHeader("x-teapot", "short and stout");
    // The visitor sees the message; nothing is reported.
    throw new HttpError(503, "The water is not boiling yet.");
  }
}

const root = new Resource();
root.putChild("", new Payment());
root.putChild("tea", new Teapot());

export const site = new Site(root);

if (import.meta.main) listen(site, "tcp:8080");
