import { assertEquals } from "@std/assert";
import { toHex } from "../../base/ids.ts";
import { fromHex } from "../../resources/form_signer.ts";

const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

Deno.test("toHex() writes two lower-case digits a byte", () => {
  assertEquals(toHex(Uint8Array.of(0, 10, 255)), "000aff");
});

Deno.test("toHex() writes the same where the runtime has no toHex()", () => {
  const old = BYTES.slice();
  Object.defineProperty(old, "toHex", { value: undefined });
  assertEquals(toHex(old), BYTES.toHex());
});

Deno.test("fromHex() reads what toHex() wrote", () => {
  assertEquals(fromHex(toHex(BYTES)), BYTES);
  assertEquals(fromHex(""), new Uint8Array());
});
