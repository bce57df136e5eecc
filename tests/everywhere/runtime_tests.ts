import { listen, Resource, Site } from "@curfew/web";
import { TestClock } from "@curfew/web/testing";
import { closing, equal, ok, test, thrownBy } from "./suite.ts";

const isDeno = "Deno" in globalThis;

test("listen() says what serves a site where there is no Deno", async () => {
  if (isDeno) return;
  const site = closing(new Site(new Resource(), { clock: new TestClock() }));
  const error = await thrownBy(() => listen(site));
  equal(error.name, "TypeError");
  ok(error.message.includes("@curfew/web/node"), error.message);
});

for (
  const entry of [
    "cli",
    "metrics",
    "monitor",
    "static",
    "stores/redis",
    "stores/store",
  ]
) {
  test(`@curfew/web/${entry} can be imported`, async () => {
    ok(Object.keys(await import(`@curfew/web/${entry}`)) !== undefined, entry);
  });
}
