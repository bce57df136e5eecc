import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Resource } from "../../../mod.ts";
import { StaticData } from "../../../resources/static.ts";
import { partsOf, rangeInit } from "../../helpers_files.ts";
import { WatchedSite } from "../../helpers_http.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

/** A site whose page "data" is some data. */
function siteOf(data: Uint8Array | string, type = "text/plain"): WatchedSite {
  return new WatchedSite(
    new Resource().putChild("data", new StaticData(data, type)),
  );
}

Deno.test("StaticData serves text as UTF-8, with its type and length", async () => {
  await using site = siteOf("smörgås", "text/plain; charset=utf-8");

  const response = await site.visit("/data");

  assertEquals(await response.text(), "smörgås");
  const { headers } = response;
  assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
  assertEquals(headers.get("content-length"), "9");
});

Deno.test("StaticData serves bytes", async () => {
  await using site = siteOf(new Uint8Array([0, 255, 128]));

  const response = await site.visit("/data");

  assertEquals(await response.bytes(), new Uint8Array([0, 255, 128]));
});

Deno.test("StaticData serves nothing as nothing", async () => {
  await using site = siteOf("");

  const response = await site.visit("/data");

  assertEquals([response.status, await response.text()], [200, ""]);
  assertEquals(response.headers.get("content-length"), "0");
});

Deno.test("StaticData copies the bytes", async () => {
  const bytes = new TextEncoder().encode(ALPHABET);
  await using site = siteOf(bytes);

  bytes.fill(0);

  assertEquals(await (await site.visit("/data")).text(), ALPHABET);
});

Deno.test("StaticData answers HEAD with the headers of GET", async () => {
  await using site = siteOf(ALPHABET);

  const get = await site.visit("/data");
  await get.text();
  const head = await site.visit("/data", { method: "HEAD" });

  assertEquals(await head.text(), "");
  assertEquals([...head.headers], [...get.headers]);
});

Deno.test("StaticData answers other methods 405", async () => {
  await using site = siteOf(ALPHABET);

  const response = await site.visit("/data", { method: "POST" });

  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
});

Deno.test("StaticData has nothing below it", async () => {
  await using site = siteOf(ALPHABET);

  assertEquals((await site.visit("/data/")).status, 404);
});

Deno.test("StaticData has a strong ETag of its content", async () => {
  await using one = siteOf(ALPHABET);
  await using same = siteOf(ALPHABET);
  await using other = siteOf(ALPHABET.toUpperCase());

  const [tag, sameTag, otherTag] = await Promise.all(
    [one, same, other].map(async (site) =>
      (await site.visit("/data")).headers.get("etag") ?? ""
    ),
  );

  assertMatch(tag!, /^"[^"]+"$/);
  assertEquals(tag, sameTag);
  assertEquals(tag === otherTag, false);
});

Deno.test("StaticData is not sent to who has it", async () => {
  await using site = siteOf(ALPHABET);
  const etag = (await site.visit("/data")).headers.get("etag")!;

  const response = await site.visit("/data", {
    headers: { "if-none-match": `"other", ${etag}` },
  });

  assertEquals([response.status, await response.text()], [304, ""]);
});

Deno.test("StaticData sends a range", async () => {
  await using site = siteOf(ALPHABET);

  const response = await site.visit("/data", rangeInit("bytes=-3"));

  assertEquals([response.status, await response.text()], [206, "xyz"]);
  assertEquals(response.headers.get("content-range"), "bytes 23-25/26");
});

Deno.test("StaticData sends several ranges", async () => {
  await using site = siteOf(ALPHABET);

  const response = await site.visit("/data", rangeInit("bytes=0-1,-1"));

  const parts = await partsOf(response);
  assertEquals(parts.map(({ text }) => text), ["ab", "z"]);
});

Deno.test("StaticData answers 416 if there is no such range", async () => {
  await using site = siteOf(ALPHABET);

  const response = await site.visit("/data", rangeInit("bytes=26-"));

  assertEquals([response.status, await response.text()], [416, ""]);
  assertEquals(response.headers.get("content-range"), "bytes */26");
});

Deno.test("StaticData refuses what is neither text nor bytes", () => {
  assertThrows(
    () => new StaticData(7 as unknown as string, "text/plain"),
    TypeError,
    "Cannot serve data: neither text nor bytes: 7",
  );
});

Deno.test("StaticData refuses a type that cannot be in a header", () => {
  for (const type of ["text/plain\nx: y", undefined as unknown as string]) {
    assertThrows(
      () => new StaticData("", type),
      TypeError,
      "Cannot serve data",
    );
  }
});

Deno.test("StaticData has browsers not guess the type", async () => {
  const data = new StaticData("<p>", "text/plain");
  await using site = new WatchedSite(new Resource().putChild("a", data));

  const { headers } = await site.visit("/a");

  assertEquals(headers.get("x-content-type-options"), "nosniff");
});
