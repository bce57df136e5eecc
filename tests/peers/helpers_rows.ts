/**
 * Tables of requests and answers, each with its source.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Site } from "../../mod.ts";

/** What is expected of a response: its status, some headers, and its body. */
export interface Expected {
  readonly status: number;
  /** Headers by name; null for one that must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string;
}

/** A request, what it is answered, and who says so. */
export interface Row {
  /** A method and a path: `"GET /a.txt"`. */
  readonly send: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A status alone, or more. */
  readonly expect: number | Expected;
  /** An RFC with its section, or a server whose tests or behaviour have this case. */
  readonly source: string;
  /** What the source does instead, and why Curfew does not. */
  readonly differs?: string;
}

/** Registers a test for each row. */
export function testRows(
  what: string,
  rows: readonly Row[],
  makeSite: () => Site,
  options: { ignore?: boolean } = {},
): void {
  for (const [index, row] of rows.entries()) {
    const headers = Object.entries(row.headers ?? {})
      .map(([name, value]) => ` ${name}: ${JSON.stringify(value)}`).join("");
    const mark = row.differs === undefined ? "" : ", and differs on purpose";
    const name = `${what} ${
      index + 1
    }: ${row.send}${headers} is answered as in ${row.source}${mark}`;
    Deno.test(name, options, async () => {
      await using site = makeSite();
      await check(site, row);
    });
  }
}

/** Sends the request of a row, and compares the response. */
async function check(site: Site, row: Row): Promise<void> {
  const [method = "", path = ""] = row.send.split(" ");
  const url = path.startsWith("http") ? path : `http://localhost${path}`;
  const init = { method, headers: row.headers ?? {} };
  const response = await site.fetch(new Request(url, init));
  const text = await response.text();

  const expected = typeof row.expect === "number"
    ? { status: row.expect }
    : row.expect;
  const names = Object.keys(expected.headers ?? {});
  const actual: Expected = {
    status: response.status,
    ...expected.headers &&
      {
        headers: Object.fromEntries(
          names.map((name) => [name, response.headers.get(name)]),
        ),
      },
    ...expected.body !== undefined && { body: text },
  };
  assertEquals(actual, expected);
}
