import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  contentRange,
  MAX_RANGES,
  parseRange,
  toMultipart,
} from "../../http/byte_ranges.ts";
import { assertQuick } from "../helpers_time.ts";

/** Headers for a body of 30 bytes, and the ranges they ask for. */
const READABLE: readonly (readonly [string, number[][]])[] = [
  ["bytes=0-4", [[0, 5]]],
  ["bytes=5-", [[5, 30]]],
  ["bytes=-4", [[26, 30]]],
  ["bytes=29-", [[29, 30]]],
  ["bytes=0-0", [[0, 1]]],
  ["bytes=0-29", [[0, 30]]],
  ["bytes=20-100", [[20, 30]]],
  ["bytes=-30", [[0, 30]]],
  ["bytes=-100", [[0, 30]]],
  ["bytes=007-008", [[7, 9]]],
  ["BYTES=0-4", [[0, 5]]],
  ["bytes=0-1,4-5", [[0, 2], [4, 6]]],
  ["bytes=4-5,0-1", [[4, 6], [0, 2]]],
  ["bytes= 0-1 ,\t4-5 ", [[0, 2], [4, 6]]],
  ["bytes=,0-1,,4-5,", [[0, 2], [4, 6]]],
  ["bytes=0-9,5-14", [[0, 10], [5, 15]]],
  ["bytes=0-4,30-", [[0, 5]]],
  ["bytes=-0,-1", [[29, 30]]],
  ["bytes=0-99999999999999999999999999", [[0, 30]]],
  ["bytes=-99999999999999999999999999", [[0, 30]]],
  [`bytes=-${"9".repeat(400)}`, [[0, 30]]],
];

/** Headers of which no range is in a body of 30 bytes. */
const UNSATISFIABLE: readonly string[] = [
  "bytes=30-",
  "bytes=100-200",
  "bytes=-0",
  "bytes=30-,40-50",
  "bytes=100-,200-",
  "bytes=99999999999999999999999999-",
  `bytes=${"9".repeat(400)}-`,
];

/** Headers that are passed over. */
const PASSED_OVER: readonly string[] = [
  "",
  "bytes",
  "bytes=",
  "bytes=,",
  "bytes= , ,",
  "bytes=-",
  "bytes=--1",
  "bytes=a-b",
  "bytes=0-b",
  "bytes=4-2",
  "bytes=0-1,4-2",
  "bytes=0-1,x",
  "bytes=0x1-2",
  "bytes=+1-2",
  "bytes=1.5-2",
  "bytes=1e1-",
  "bytes=1 - 2",
  "bytes=0-1;4-5",
  "bytes=0-1, bytes=4-5",
  "bytes =0-1",
  "items=0-4",
  "bytes=0-4\u00a0",
  "bytes=\u0661-\u0662",
];

for (const [header, ranges] of READABLE) {
  Deno.test(`parseRange() reads ${shorten(header)}`, () => {
    assertEquals(
      parseRange(header, 30),
      ranges.map(([start, end]) => ({ start: start!, end: end! })),
    );
  });
}

for (const header of UNSATISFIABLE) {
  Deno.test(`parseRange() finds nothing for ${shorten(header)}`, () => {
    assertEquals(parseRange(header, 30), []);
  });
}

for (const header of PASSED_OVER) {
  Deno.test(`parseRange() passes over ${shorten(header)}`, () => {
    assertEquals(parseRange(header, 30), undefined);
  });
}

Deno.test("parseRange() passes over a suffix of an empty body", () => {
  assertEquals(parseRange("bytes=-5", 0), undefined);
});

Deno.test("parseRange() finds nothing else in an empty body", () => {
  for (const header of ["bytes=0-", "bytes=0-4", "bytes=-0"]) {
    assertEquals(parseRange(header, 0), [], header);
  }
});

Deno.test("parseRange() takes as many ranges as MAX_RANGES", () => {
  const header = `bytes=${Array(MAX_RANGES).fill("0-0").join(",")}`;

  assertEquals(parseRange(header, 1000)?.length, MAX_RANGES);
});

Deno.test("parseRange() passes over more ranges than MAX_RANGES", () => {
  const header = `bytes=${Array(MAX_RANGES + 1).fill("0-0").join(",")}`;

  assertEquals(parseRange(header, 1000), undefined);
});

Deno.test("parseRange() passes over ranges that are longer than the body", () => {
  assertEquals(parseRange("bytes=0-,0-,0-,0-", 1000), undefined);
  assertEquals(parseRange("bytes=0-600,400-999", 1000), undefined);
});

Deno.test("parseRange() reads a megabyte of nonsense in no time", async () => {
  for (const flood of [",", "0-0,", "-", " ", "0-,", "\t,", "9"]) {
    const header = `bytes=${flood.repeat(1_000_000 / flood.length)}x`;
    await assertQuick(1000, () => parseRange(header, 30));
  }
});

/** A range as it is written; of a suffix, `first` is absent. */
interface Spec {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

const position = fc.nat({ max: 60 });
const spec: fc.Arbitrary<Spec> = fc.oneof(
  fc.record({ first: position, last: position }),
  fc.record({ first: position, last: fc.constant(undefined) }),
  fc.record({ first: fc.constant(undefined), last: position }),
);

Deno.test("parseRange() does what a list of positions does", () => {
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 50 }),
      (specs, size) => {
        const header = `bytes=${
          specs.map(({ first, last }) => `${first ?? ""}-${last ?? ""}`).join()
        }`;

        const ranges = parseRange(header, size);

        assertEquals(ranges?.map(positionsIn), expected(specs, size));
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("parseRange() answers ranges inside the body, whatever is asked", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(..."0123456789-, \tx"),
        maxLength: 40,
      }),
      fc.nat({ max: 100 }),
      (list, size) => {
        for (const { start, end } of parseRange(`bytes=${list}`, size) ?? []) {
          assert(0 <= start && start < end && end <= size);
        }
      },
    ),
    { numRuns: 5000 },
  );
});

Deno.test("contentRange() names the last byte", () => {
  assertEquals(contentRange({ start: 0, end: 5 }, 30), "bytes 0-4/30");
});

Deno.test("contentRange() of no range names the length only", () => {
  assertEquals(contentRange(undefined, 30), "bytes */30");
});

Deno.test("toMultipart() knows its length", () => {
  const ranges = [{ start: 0, end: 5 }, { start: 10, end: 11 }];

  const { pieces, length } = toMultipart(ranges, { size: 30, type: "a/b" });

  const lengths = pieces.map((piece) =>
    piece instanceof Uint8Array ? piece.length : piece.end - piece.start
  );
  assertEquals(length, lengths.reduce((sum, length) => sum + length));
});

Deno.test("toMultipart() has another boundary each time", () => {
  const make = () => toMultipart([], { size: 0, type: "a/b" }).type;

  assert(make() !== make());
});

function positionsIn(range: { start: number; end: number }): number[] {
  return positions(range.end).filter((at) => at >= range.start);
}

function positions(size: number): number[] {
  return Array.from({ length: size }, (_, at) => at);
}

/** The positions that each range names, as the RFC tells it. */
function expected(
  specs: readonly Spec[],
  size: number,
): number[][] | undefined {
  const found: number[][] = [];
  for (const { first, last } of specs) {
    if (first === undefined) {
      if (size === 0 && last! > 0) return undefined;
      found.push(positions(size).filter((at) => size - at <= last!));
    } else {
      if (last !== undefined && last < first) return undefined;
      found.push(
        positions(size).filter((at) => at >= first && at <= (last ?? at)),
      );
    }
  }
  return found.flat().length > size
    ? undefined
    : found.filter((range) => range.length > 0);
}

function shorten(header: string): string {
  return header.length > 40 ? `${header.slice(0, 40)}...` : `"${header}"`;
}
