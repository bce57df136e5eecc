// Other request bodies: JSON, bytes, and files that a visitor uploads.
//
//   deno run --allow-net examples/other_bodies.ts
//
//   curl --json '[1, 2, 3]' http://localhost:8080/json
//   curl --upload-file README.md http://localhost:8080/bytes
//
// The first is answered with the sum, or with 400 if it is not JSON; the second
// with the length. http://localhost:8080/file takes a file. A body of more than a
// million bytes is a 413.

import { escape } from "@std/html";
import { HttpError, Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Sum extends Resource {
  override async render_POST(request: SiteRequest): Promise<Response> {
    const numbers = await request.json();
    if (!Array.isArray(numbers)) throw new HttpError(400, "Send an array.");
    return Response.json(numbers.reduce((sum, n) => sum + Number(n), 0));
  }
}

class Length extends Resource {
  override async render_PUT(request: SiteRequest): Promise<string> {
    return `${(await request.bytes()).length} bytes\n`;
  }
}

class Upload extends Resource {
  override render_GET(): string {
    return page(
      "Upload",
      `<p>Choose a file. More than a million bytes are refused.</p>
<form method="post" enctype="multipart/form-data">
<label>File <input name="file" type="file"></label> <button>Upload</button>
</form>`,
    );
  }

  override async render_POST(request: SiteRequest): Promise<string> {
    const file = (await request.formData()).get("file");
    if (!(file instanceof File)) throw new HttpError(400, "Choose a file.");
    return page(
      "Uploaded",
      `<p>${escape(file.name)} has ${file.size} bytes.</p>
<p><a href="">Upload another file</a></p>`,
    );
  }
}

const root = new Resource();
root.putChild("json", new Sum());
root.putChild("bytes", new Length());
root.putChild("file", new Upload());

export const site = new Site(root, { maxBodyBytes: 1_000_000 });

if (import.meta.main) serve(site, "Visit /file and upload a file");
