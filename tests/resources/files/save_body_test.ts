import { assertEquals } from "@std/assert";
import { Resource, type SiteRequest } from "../../../mod.ts";
import { saveBody } from "../../../resources/static.ts";
import { NEEDS_FILES, TempFolder } from "../../helpers_files.ts";
import { WatchedSite } from "../../helpers_http.ts";

class Uploads extends Resource {
  override isLeaf = true;
  override maxBodyBytes = 50_000_000;

  constructor(readonly folder: TempFolder) {
    super();
  }

  override async render_PUT(request: SiteRequest): Promise<string> {
    return String(await saveBody(request, this.folder.at("upload")));
  }
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test(name, NEEDS_FILES, fn);
}

/** A body of 1 MB chunks, which may break off. */
function bodyOf(chunks: number, breaksOff = false): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      if (chunks-- > 0) controller.enqueue(new Uint8Array(1_000_000).fill(7));
      else if (breaksOff) controller.error(new Error("connection lost"));
      else controller.close();
    },
  });
}

test("saveBody() saves a large body", async () => {
  using folder = new TempFolder();
  await using site = new WatchedSite(new Uploads(folder));

  const response = await site.visit("/", { method: "PUT", body: bodyOf(50) });

  assertEquals(await response.text(), "50000000");
  const { size } = Deno.statSync(folder.at("upload"));
  assertEquals(size, 50_000_000);
});

for (
  const [what, body, status] of [
    ["too long", () => bodyOf(51), 413],
    ["declared too long", () => new Uint8Array(50_000_001), 413],
    ["broken off", () => bodyOf(3, true), 400],
  ] as const
) {
  test(`saveBody() removes the file of a body that is ${what}`, async () => {
    using folder = new TempFolder();
    await using site = new WatchedSite(new Uploads(folder));

    const response = await site.visit("/", { method: "PUT", body: body() });

    assertEquals(response.status, status);
    assertEquals([...Deno.readDirSync(folder.path)], []);
  });
}

test("saveBody() replaces no file", async () => {
  using folder = new TempFolder({ upload: "precious" });
  await using site = new WatchedSite(new Uploads(folder));

  const response = await site.visit("/", { method: "PUT", body: "x" });

  assertEquals(response.status, 500);
  assertEquals(site.errors[0] instanceof Deno.errors.AlreadyExists, true);
  assertEquals(Deno.readTextFileSync(folder.at("upload")), "precious");
});

test("saveBody() saves an empty body as an empty file", async () => {
  using folder = new TempFolder();
  await using site = new WatchedSite(new Uploads(folder));

  const response = await site.visit("/", { method: "PUT" });

  assertEquals(await response.text(), "0");
  assertEquals(Deno.statSync(folder.at("upload")).size, 0);
});
