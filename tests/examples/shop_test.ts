// The shop, over sockets.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { site } from "../../examples/shop.ts";
import { testWith } from "../helpers_process.ts";
import { Client, Served } from "./helpers_served.ts";

/** A customer of the shop, who sends the forms of its pages. */
class Customer extends Client {
  /** Reads the form of a page, and sends it with more fields. */
  async submit(path: string, fields: Record<string, string>): Promise<string> {
    const page = await this.text(path);
    const [, token = ""] = /name="token" value="(\w+)"/.exec(page) ?? [];
    const body = new URLSearchParams({ token, ...fields });
    const response = await this.fetch(path, { method: "POST", body });
    await response.body?.cancel();
    return `${response.status} ${response.headers.get("location")}`;
  }

  add(tea: string): Promise<string> {
    return this.submit("/", { tea });
  }

  logIn(password = "open sesame", path = "/login"): Promise<string> {
    return this.submit(path, { name: "alice", password });
  }

  async cart(): Promise<string> {
    const [, cart = ""] = /Your cart: (.+)\.\n/.exec(await this.text("/"))!;
    return cart;
  }
}

function shopTest(
  fact: string,
  test: (served: Served) => Promise<void>,
): void {
  testWith(["net"], `shop ${fact}`, async () => {
    await using served = new Served(site);
    await test(served);
  });
}

shopTest("has a cart for each visitor", async (served) => {
  const [alice, bob] = [new Customer(served), new Customer(served)];
  assertEquals(await alice.cart(), "empty");

  await alice.add("green tea");
  await alice.add("mint tea");

  assertEquals(await alice.cart(), "green tea, mint tea");
  assertEquals(await bob.cart(), "empty");
});

shopTest("shows a message once", async (served) => {
  const customer = new Customer(served);
  await customer.add("green tea");
  const message = "The green tea is in your cart.";
  assertStringIncludes(await customer.text("/"), message);
  assert(!(await customer.text("/")).includes(message));
});

shopTest("keeps the cart at the login, and leads back", async (served) => {
  const customer = new Customer(served);
  await customer.add("black tea");
  const { headers, body } = await customer.fetch("/order");
  await body?.cancel();
  assertEquals(headers.get("location"), "/login?next=%2Forder");

  const login = await customer.logIn("open sesame", "/login?next=%2Forder");

  assertEquals(login, "303 /order");
  assertEquals(await customer.cart(), "black tea");
  assertStringIncludes(await customer.text("/order"), "Teas for alice: 1");
  await customer.submit("/order", { act: "order" });
  assertEquals(await customer.cart(), "empty");
});

for (const end of ["a logout", "the end of an idle session"]) {
  shopTest(`keeps the cart of a user beyond ${end}`, async (served) => {
    const customer = new Customer(served);
    await customer.logIn();
    await customer.add("green tea");
    if (end === "a logout") await customer.submit("/order", { act: "leave" });
    else site.sessionsOf("alice")[0]!.expire("idle");
    assertEquals(await customer.cart(), "empty");

    await customer.add("mint tea");
    await customer.logIn();

    assertEquals(await customer.cart(), "green tea, mint tea");
    await customer.submit("/order", { act: "order" });
  });
}

shopTest("refuses a wrong password, and keeps the cart", async (served) => {
  const customer = new Customer(served);
  await customer.add("green tea");
  assertEquals(await customer.logIn("please"), "403 null");
  assertEquals(await customer.cart(), "green tea");
  assertEquals(site.sessionsOf("alice"), []);
});

for (
  const [what, token] of [
    ["without a token", ""],
    ["with an invented token", "0".repeat(96)],
  ] as const
) {
  shopTest(`refuses a form ${what}`, async (served) => {
    const customer = new Customer(served);
    assertEquals(
      await customer.submit("/", { token, tea: "green tea" }),
      "403 null",
    );
    assertEquals(await customer.cart(), "empty");
  });
}

shopTest("refuses the form of another visitor", async (served) => {
  const [alice, mallory] = [new Customer(served), new Customer(served)];
  const page = await mallory.text("/");
  const [, token = ""] = /name="token" value="(\w+)"/.exec(page)!;
  await alice.cart();
  assertEquals(await alice.submit("/", { token, tea: "mint tea" }), "403 null");
});

shopTest("refuses a tea that it does not have", async (served) => {
  assertEquals(await new Customer(served).add("<coffee>"), "400 null");
});
