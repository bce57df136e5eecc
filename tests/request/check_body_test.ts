// request.json(schema), by the libraries of the Standard Schema.

import { assertEquals } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  Resource,
  Site,
  type SiteRequest,
  type StandardSchemaV1,
} from "../../mod.ts";

interface Order {
  tea: string;
  cups: number;
}

const SCHEMAS: Record<string, StandardSchemaV1<unknown, Order>> = {
  "Zod": z.object({ tea: z.string(), cups: z.number() }),
  "Valibot": v.object({ tea: v.string(), cups: v.number() }),
  "ArkType": type({ tea: "string", cups: "number" }),
  "Zod, asynchronous": z.object({ tea: z.string(), cups: z.number() })
    .refine((order) => Promise.resolve(order.cups < 100)),
};

/** Sends a body to a page that reads it by a schema. */
async function send<T>(
  schema: StandardSchemaV1<unknown, T>,
  body: string,
  tell: (value: T) => string,
): Promise<[number, string]> {
  class Page extends Resource {
    override async render_POST(request: SiteRequest): Promise<string> {
      return tell(await request.json(schema));
    }
  }
  const errors: unknown[] = [];
  await using site = new Site(new Resource().putChild("", new Page()), {
    onError: (error) => void errors.push(error),
  });
  const headers = { accept: "text/plain" };
  const init = { method: "POST", body, headers };
  const response = await site.fetch(new Request("http://localhost/", init));
  assertEquals(errors, []);
  return [response.status, await response.text()];
}

for (const [library, schema] of Object.entries(SCHEMAS)) {
  Deno.test(`SiteRequest.json() returns what a schema of ${library} accepts`, async () => {
    const tell = ({ tea, cups }: Order) => `${cups * 2} of ${tea}`;
    const answer = await send(schema, '{"tea":"mint","cups":2}', tell);
    assertEquals(answer, [200, "4 of mint"]);
  });

  Deno.test(`SiteRequest.json() answers 400 to what a schema of ${library} refuses`, async () => {
    for (const body of ['{"tea":7,"cups":2}', "[]", "null"]) {
      const [status] = await send(schema, body, () => "accepted");
      assertEquals(status, 400);
    }
  });
}

Deno.test("SiteRequest.json() by a schema names the faults, on one line", async () => {
  const [status, text] = await send(
    SCHEMAS.Valibot!,
    '{"tea":7,"cups":"two\\nmany"}',
    () => "accepted",
  );
  assertEquals(status, 400);
  assertEquals(
    text.split("\n")[1],
    'tea: Invalid type: Expected string but received 7; cups: Invalid type: Expected number but received "two\\nmany"',
  );
});

Deno.test("SiteRequest.json() by a schema returns its output", async () => {
  const schema = z.object({ at: z.iso.date().transform((at) => new Date(at)) });
  const answer = await send(
    schema,
    '{"at":"2026-01-02"}',
    ({ at }) => `${at.getUTCFullYear()}`,
  );
  assertEquals(answer, [200, "2026"]);
});

Deno.test("SiteRequest.json() of text that is not JSON does not ask the schema", async () => {
  const schema: StandardSchemaV1<unknown, string> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => {
        throw new Error("asked");
      },
    },
  };
  const [status] = await send(schema, "tea?", (text) => text);
  assertEquals(status, 400);
});
