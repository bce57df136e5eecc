// Custom response codes: by setting one, or by throwing an HttpError.
//
//   deno run --allow-net examples/response_codes.ts
//
// Visit http://localhost:8080/ with `curl -i`: the status is 402. At
// http://localhost:8080/tea it is 503, on a page that Curfew writes.

import { HttpError, Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Payment extends Resource {
  override render_GET(request: SiteRequest): string {
    request.setResponseCode(402);
    return page(
      "Payment required",
      `<p>Please swipe your credit card.</p>
<p>The status of this page is 402. Try <a href="tea">tea</a>, which is a 503.</p>`,
    );
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

if (import.meta.main) serve(site, "Visit / and /tea, and look at the status");
