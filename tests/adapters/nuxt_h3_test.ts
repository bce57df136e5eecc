// The middleware for Express in h3 1, which Nuxt 4 has.

import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  createApp,
  createError,
  eventHandler,
  fromNodeMiddleware,
  type H3Event,
  toNodeListener,
} from "h3-of-nuxt";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { curfew } from "../../adapters/express.ts";
import type { HttpError } from "../../http/http_error.ts";
import { Sessions, type Visit } from "../../sessions.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { testWith } from "../helpers_process.ts";
import { asynchronous } from "../helpers_store.ts";

/** Serves an application with sessions while pages are fetched. */
async function withNuxt(
  sessions: Sessions,
  use: (
    get: (path: string, cookie?: string) => Promise<[string, Response]>,
  ) => Promise<void>,
): Promise<void> {
  const app = createApp({ onError() {} });
  const visitOf = (event: H3Event) =>
    (event.node.req as unknown as { visit: Visit }).visit;
  // As docs/nuxt.md has it.
  const middleware = curfew(sessions);
  app.use(
    fromNodeMiddleware((req, res, next) =>
      middleware(req as never, res as never, (error) => {
        if (error === undefined) return next();
        const { statusCode, message } = error as HttpError;
        res.statusCode = statusCode ?? 500;
        res.end(res.statusCode === 503 ? message : "");
      })
    ),
  );
  app.use("/plain", eventHandler(() => "plain"));
  app.use("/uid", eventHandler((event) => visitOf(event).getSession().uid));
  app.use(
    "/login",
    eventHandler(async (event) => {
      await visitOf(event).logIn("ann");
      return "in";
    }),
  );
  app.use("/who", eventHandler((event) => `${visitOf(event).principal}`));
  app.use(
    "/fail",
    eventHandler((event) => {
      visitOf(event).getSession();
      throw createError({ statusCode: 418 });
    }),
  );
  const server = createServer(toNodeListener(app));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await use(async (path, cookie = "") => {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
        headers: { cookie },
      });
      return [await response.text(), response];
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function cookieOf(response: Response): string {
  return response.headers.get("set-cookie")!.split(";")[0]!;
}

testWith(
  ["net"],
  "curfew() of Express keeps sessions in h3 1, which Nuxt 4 has",
  async () => {
    await using sessions = new Sessions({ store: new MemoryStore() });
    await withNuxt(sessions, async (get) => {
      const [, plain] = await get("plain");
      assertEquals(plain.headers.get("set-cookie"), null);

      const [uid, first] = await get("uid");
      assertStringIncludes(cookieOf(first), uid);
      const [again, second] = await get("uid", cookieOf(first));
      assertEquals([again, second.headers.get("set-cookie")], [uid, null]);

      const [, login] = await get("login", cookieOf(first));
      assertEquals((await get("who", cookieOf(login)))[0], "ann");
    });
  },
);

testWith(
  ["net"],
  "curfew() of Express sends the cookie with an error of h3 1",
  async () => {
    await using sessions = new Sessions();
    await withNuxt(sessions, async (get) => {
      const [, failed] = await get("fail");
      assertEquals(failed.status, 418);
      const [, found] = await get("uid", cookieOf(failed));
      assertEquals(found.headers.get("set-cookie"), null);
    });
  },
);

testWith(
  ["net"],
  "curfew() of Express lets h3 1 answer 503 if the store is away",
  async () => {
    const store = new MemoryStore();
    await using sessions = new Sessions({ store, onError() {} });
    await withNuxt(sessions, async (get) => {
      const [, first] = await get("uid");
      store.load = () => {
        throw new Error("away");
      };
      const [, away] = await get("uid", cookieOf(first));
      assertEquals(away.status, 503);
    });
  },
);

for (
  const [what, storeOf] of [
    ["at once", (store: MemoryStore) => store],
    ["later", asynchronous],
  ] as const
) {
  testWith(
    ["net"],
    `curfew() of Express answers 503 in h3 1 if a write fails ${what}`,
    async () => {
      const store = new MemoryStore();
      store.create = () => {
        throw new Error("away");
      };
      await using sessions = new Sessions({
        store: storeOf(store),
        onError() {},
      });
      await withNuxt(sessions, async (get) => {
        const [text, away] = await get("uid");
        assertEquals(away.status, 503);
        assertStringIncludes(text, "Please try again");
        assertEquals(away.headers.get("set-cookie"), null);
      });
    },
  );
}
