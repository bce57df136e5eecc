// Handling POSTs: one resource that shows a form and takes it.
//
//   deno run --allow-net examples/handling_posts.ts
//
// Visit http://localhost:8080/ and submit something, "<b>tea</b>" for example:
// it comes back as you wrote it.

import { escape } from "@std/html";
import { listen, Resource, Site, type SiteRequest } from "../mod.ts";

class FormPage extends Resource {
  override render_GET(): string {
    return `<!DOCTYPE html>
<title>Form</title>
<form method="post"><input name="wish" autofocus><button>Wish</button></form>`;
  }

  override async render_POST(request: SiteRequest): Promise<string> {
    const form = await request.formData();
    const wish = form.get("wish") ?? "";
    // What a visitor wrote is text: unless it is escaped, it is markup too.
    return `<!DOCTYPE html>
<title>Form</title>
<p>You wished for ${escape(String(wish))}.`;
  }
}

export const site = new Site(new Resource().putChild("", new FormPage()));

if (import.meta.main) listen(site, "tcp:8080");
