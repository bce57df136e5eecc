import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeText, encodeText } from "../../stores/redis/encoding.ts";
import { decodeSession } from "../../stores/redis/record_codec.ts";
import { Shards } from "../../stores/redis/shards.ts";

Deno.test("encodeText() encodes every string without control characters", () => {
  const units = fc.array(fc.nat(0xffff)).map((codes) =>
    String.fromCharCode(...codes)
  );
  fc.assert(fc.property(fc.oneof(units, fc.string()), (text) => {
    const encoded = encodeText(text);
    assertEquals(decodeText(encoded), text);
    assert(encoded.isWellFormed());
    assert([...encoded].every((character) => character >= " "));
  }));
});

Deno.test("decodeSession() reads callbacks that were stored before there were ids", () => {
  const fields = new Map([["c", '["free","7"]\n["free","8","5a"]']]);
  assertEquals(decodeSession("a", fields, 0).callbacks, [
    { id: "", name: "free", argument: "7" },
    { id: "5a", name: "free", argument: "8" },
  ]);
});

Deno.test("decodeSession() reads the secrets of version 0.1.0 as tokens", () => {
  const fields = new Map([
    ["h", "5a"],
    ["o", Array.from({ length: 8 }, (_, i) => `a${i} ${i + 1}`).join("\n")],
    ["p", "ann"],
  ]);
  const session = decodeSession("a", fields, 0);
  assertEquals(session.tokens, [
    ...Array.from({ length: 7 }, (_, i) => ({
      hash: `a${i + 1}`,
      generation: i + 1,
      until: i + 2,
    })),
    { hash: "5a", generation: 8, until: Infinity },
  ]);
  const { generation, loginGeneration, principal } = session;
  assertEquals([generation, loginGeneration, principal], [8, 0, "ann"]);
  assertEquals(session.isRemembered, false);
});

Deno.test("Shards.placeOf() spreads sessions evenly", () => {
  const shards = new Shards("test", 4);
  const counts = new Map(shards.all.map((shard) => [shard, 0]));
  for (let i = 0; i < 4000; i++) {
    const { shard } = shards.placeOf(crypto.randomUUID().replaceAll("-", ""));
    counts.set(shard, counts.get(shard)! + 1);
  }
  for (const count of counts.values()) {
    assert(count > 800 && count < 1200, `${[...counts.values()]}`);
  }
});
