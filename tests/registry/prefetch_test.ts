import { assertEquals } from "@std/assert";
import { TestSite } from "../../testing.ts";
import { Leaf } from "../helpers_http.ts";

for (const site of [undefined, "same-origin"]) {
  Deno.test(`A visitor who clicks through prefetched pages stays, Sec-Fetch-Site being ${site}`, async () => {
    const page = new Leaf((request) => {
      if (request.principal === undefined) request.logIn("alice");
      return request.getSession().uid;
    });
    await using testSite = new TestSite(page);
    const visitor = testSite.visitor();
    await visitor.fetch("/page0");
    const { uid } = visitor.session!;
    const headers = {
      "sec-purpose": "prefetch",
      ...site === undefined ? {} : { "sec-fetch-site": site },
    };

    // The browser shows each page from its cache, without another request.
    for (let page = 1; page <= 20; page++) {
      await visitor.fetch(`/page${page}`, { headers });
      await testSite.advance(60);
    }

    assertEquals(testSite.ends, []);
    assertEquals(visitor.session!.uid, uid);
  });
}
