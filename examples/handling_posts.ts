// Handling POSTs: one resource that shows a form and takes it.
//
//   deno run --allow-net examples/handling_posts.ts
//
// Visit http://localhost:8080/ and submit something, "<b>tea</b>" for example:
// it comes back as you wrote it.

import { escape } from "@std/html";
import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class FormPage extends Resource {
  override render_GET(): string {
    return page(
      "Make a wish",
      `<p>Try <code>&lt;b>tea&lt;/b></code>: it comes back as you wrote it.</p>
<form method="post">
<label>Your wish <input name="wish" autofocus></label> <button>Wish</button>
</form>`,
    );
  }

  override async render_POST(request: SiteRequest): Promise<string> {
    const form = await request.formData();
    const wish = form.get("wish") ?? "";
    // What a visitor wrote is text: unless it is escaped, it is markup too.
    return page(
      "Your wish",
      `<p>You wished for ${escape(String(wish))}.</p>
<p><a href="">Wish again</a></p>`,
    );
  }
}

export const site = new Site(new Resource().putChild("", new FormPage()));

if (import.meta.main) serve(site, "Visit / and wish for <b>tea</b>");
