import { assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { Session, type SiteRequest } from "../../mod.ts";
import { Sessions } from "../../sessions.ts";
import { Node } from "../helpers_store.ts";

class ShopSession extends Session {
  readonly cart: string[] = [];
}
class OtherSession extends Session {}
class GiftSession extends ShopSession {}
class Counter {
  count = 0;
}

Deno.test("SiteRequest.getSession() returns the session as one of the class that the factory makes", async () => {
  await using node = new Node(undefined, { sessionFactory: GiftSession });
  node.page("", (request: SiteRequest) => {
    // The types are those of the class, without a cast.
    request.getSession(ShopSession).cart.push("tea");
    const gift: GiftSession = request.getSession(GiftSession);
    assertStrictEquals(gift, request.getSession(Session));
    const counter: Counter = request.getSession(Counter);
    // @ts-expect-error a class has no members of another
    assertEquals(request.getSession(OtherThing).cart, undefined);
    return `${gift.cart.join()} ${++counter.count}`;
  });
  assertEquals(await (await node.get("")).text(), "tea 1");
  assertEquals(node.errors, []);
});

class OtherThing {}

Deno.test("SiteRequest.getSession() throws if the factory makes another class of sessions", async () => {
  await using node = new Node(undefined, { sessionFactory: ShopSession });
  node.page("", (request) => request.getSession(OtherSession).uid);
  assertEquals((await node.get("")).status, 500);
  assertMatch(
    String(node.errors),
    /^TypeError: Cannot get the session as OtherSession: the sessionFactory makes ShopSession$/,
  );
});

Deno.test("Visit.getSession() returns the session as one of the class that the factory makes", async () => {
  await using sessions = new Sessions({ sessionFactory: ShopSession });
  const response = await sessions.serve(
    new Request("http://localhost/"),
    (visit) => new Response(visit.getSession(ShopSession).cart.join()),
  );
  assertEquals(await response.text(), "");
});
