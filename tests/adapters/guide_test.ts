// The middleware that docs/frameworks.md shows for React Router and Fresh: within
// React Router, and called as the documentation of Fresh says.

import { assert, assertEquals } from "@std/assert";
import { Sessions, type Visit } from "../../sessions.ts";
import { testWith } from "../helpers_process.ts";
import { guideFor } from "./helpers_guide.ts";

/** Runs the code that the guide has for a file, and returns what it exports. */
function shown(
  file: string,
  given: Record<string, unknown>,
  // deno-lint-ignore no-explicit-any
): any {
  const code = guideFor(file);
  const [, name] = /export const (\w+) =/.exec(code)!;
  const body = `${code.replace("export ", "")}; return ${name};`;
  return new Function(...Object.keys(given), body)(...Object.values(given));
}

/** Tests a middleware by a request that asks for a session, and one that does not. */
async function assertServes(
  send: (
    request: Request,
    answer: (visit: Visit) => Response,
  ) => Promise<Response>,
): Promise<void> {
  const plain = await send(
    new Request("http://localhost/"),
    () => new Response("plain"),
  );
  assertEquals(plain.headers.get("set-cookie"), null);
  const first = await send(
    new Request("http://localhost/"),
    (visit) => new Response(visit.getSession().uid),
  );
  const [cookie = ""] = first.headers.get("set-cookie")?.split(";") ?? [];
  const uid = await first.text();
  assert(cookie.startsWith(`session=${uid}`), cookie);
  const second = await send(
    new Request("http://localhost/", { headers: { cookie } }),
    (visit) => new Response(visit.session?.uid),
  );
  assertEquals(await second.text(), uid);
}

testWith(
  ["read", "env"],
  "The guide's middleware serves React Router",
  async () => {
    // Imported here, since React reads the environment.
    const { createContext, createStaticHandler, RouterContextProvider } =
      await import("react-router");
    await using sessions = new Sessions();
    const visitContext = createContext<Visit>();
    const middleware = shown("app/root.tsx", {
      sessions,
      createContext: () => visitContext,
    });
    await assertServes(async (request, answer) => {
      const { queryRoute } = createStaticHandler([{
        id: "root",
        path: "/",
        middleware,
        loader: ({ context }) => answer(context.get(visitContext)),
      }]);
      return await queryRoute(request, {
        requestContext: new RouterContextProvider(),
        generateMiddlewareResponse: (query) => query(request),
      });
    });
  },
);

testWith(["read"], "The guide's handler() has the shape of Fresh", async () => {
  await using sessions = new Sessions();
  const handler = shown("routes/_middleware.ts", { sessions });
  await assertServes(async (req, answer) => {
    const ctx = {
      req,
      state: {} as { visit: Visit },
      next: () => Promise.resolve(answer(ctx.state.visit)),
    };
    return await handler(ctx);
  });
});
