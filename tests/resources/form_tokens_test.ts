import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { FormTokens } from "../../mod.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

Deno.test("FormTokens.make() makes a token that is valid for its viewer", async () => {
  const tokens = new FormTokens();
  const token = await tokens.make("alice");
  assertMatch(token, /^[\da-f]{96}$/);
  assert(await tokens.isValid(token, "alice"));
  assert(await tokens.isValid(token, "alice"), "a second time");
});

Deno.test("FormTokens.make() never makes the same token twice", async () => {
  const tokens = new FormTokens();
  const [one, other] = [await tokens.make("alice"), await tokens.make("alice")];
  assertNotEquals(one, other);
  assertNotEquals(one.slice(32), other.slice(32));
});

for (
  const viewer of [
    "",
    "bob",
    "alice ",
    "Alice",
    "alice\0",
    "\u202ealice",
    "a".repeat(100_000),
    undefined,
  ]
) {
  const shown = JSON.stringify(viewer)?.slice(0, 20);
  Deno.test(`FormTokens.isValid() refuses the token of alice for ${shown}`, async () => {
    const tokens = new FormTokens();
    assertFalse(await tokens.isValid(await tokens.make("alice"), viewer));
  });
}

for (const viewer of ["", "\ud800", "\u202e", "a".repeat(100_000), '"\n']) {
  const shown = JSON.stringify(viewer).slice(0, 20);
  Deno.test(`FormTokens.isValid() takes the token of the viewer ${shown}`, async () => {
    const tokens = new FormTokens();
    assert(await tokens.isValid(await tokens.make(viewer), viewer));
  });
}

Deno.test("FormTokens.isValid() keeps two viewers apart that UTF-8 cannot", async () => {
  const tokens = new FormTokens();
  assertFalse(await tokens.isValid(await tokens.make("\ud800"), "\ud801"));
});

Deno.test("FormTokens.isValid() keeps salt and viewer apart", async () => {
  const tokens = new FormTokens();
  const token = await tokens.make("0".repeat(32) + "alice");
  const moved = token.slice(0, 32) + token.slice(32);
  assertFalse(await tokens.isValid(moved, "alice"));
});

Deno.test("FormTokens.isValid() refuses a token with any digit changed, cut or added", async () => {
  const tokens = new FormTokens();
  const token = await tokens.make("alice");
  for (let at = 0; at < token.length; at++) {
    const digit = token[at] === "0" ? "1" : "0";
    const changed = token.slice(0, at) + digit + token.slice(at + 1);
    assertFalse(await tokens.isValid(changed, "alice"), `digit ${at}`);
  }
  for (
    const wrong of [
      token.slice(1),
      token.slice(0, -1),
      `${token}0`,
      token.toUpperCase(),
      ` ${token}`,
      token.slice(32),
      "",
    ]
  ) assertFalse(await tokens.isValid(wrong, "alice"), wrong);
});

Deno.test("FormTokens.isValid() refuses what is no string", async () => {
  const tokens = new FormTokens();
  for (const token of [undefined, null, 5, {}, [await tokens.make("alice")]]) {
    assertFalse(await tokens.isValid(token, "alice"));
  }
  assertFalse(await tokens.isValid(new File([], "token"), "alice"));
});

Deno.test("FormTokens of another process are refused", async () => {
  const token = await new FormTokens().make("alice");
  assertFalse(await new FormTokens().isValid(token, "alice"));
});

Deno.test("FormTokensOptions.secret is shared by processes", async () => {
  const token = await new FormTokens({ secret: SECRET }).make("alice");
  assert(await new FormTokens({ secret: SECRET }).isValid(token, "alice"));
  const other = new FormTokens({ secret: `${SECRET}0` });
  assertFalse(await other.isValid(token, "alice"));
});

Deno.test("FormTokensOptions.secret that is too short or no string is refused", () => {
  assertThrows(
    () => new FormTokens({ secret: SECRET.slice(1) }),
    RangeError,
    "Cannot make form tokens: the secret has 31 characters: fewer than 32",
  );
  assertThrows(
    () => new FormTokens({ secret: 5 as unknown as string }),
    TypeError,
    "secret is not a string: 5",
  );
  assertThrows(
    () => new FormTokens({ key: SECRET } as object),
    TypeError,
    'there is no option "key"',
  );
});

Deno.test("FormTokens.make() rejects a viewer that is no string", async () => {
  await assertRejects(
    () => new FormTokens().make(undefined as unknown as string),
    TypeError,
    "the viewer is not a string: undefined",
  );
  assertEquals(await new FormTokens().isValid("", "alice"), false);
});
