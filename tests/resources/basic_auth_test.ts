import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import { passwordCheck } from "../../mod.ts";

Deno.test("passwordCheck() knows each user's own password only", () => {
  const check = passwordCheck({ alice: "a", bob: "b", eve: "" });

  assertEquals(check("alice", "a"), true);
  assertEquals(check("alice", "b"), false);
  assertEquals(check("bob", "b"), true);
  assertEquals(check("eve", ""), true);
});

Deno.test("passwordCheck() without users lets nobody in", () => {
  const check = passwordCheck({});

  assertEquals(check("", ""), false);
  assertEquals(check("alice", ""), false);
});

Deno.test("passwordCheck() reads the users once", () => {
  const users = { alice: "a" };
  const check = passwordCheck(users);
  users.alice = "b";

  assertEquals(check("alice", "a"), true);
});

Deno.test("passwordCheck() tells characters beyond ASCII apart", () => {
  const check = passwordCheck({ älice: "🔑" });

  assertEquals(check("älice", "🔑"), true);
  assertEquals(check("älice", "🔒"), false);
});

Deno.test("passwordCheck() refuses a password that is not set, and does not show it", () => {
  const users = { alice: 12345 as unknown as string };

  const error = assertThrows(
    () => passwordCheck(users),
    TypeError,
    'Cannot check passwords: the password of "alice" is not a string: number',
  );

  assertFalse(`${error}`.includes("12345"));
});
