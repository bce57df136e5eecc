// The middleware that docs/frameworks.md shows for other frameworks: within React
// Router, and called as the documentation of the others says.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Sessions, type Visit } from "../../sessions.ts";
import { ROOT, testWith } from "../helpers_process.ts";

const NAMES = ["handle", "onRequest", "handler", "middleware"] as const;

/** What the guide shows: functions of each framework's own shape. */
// deno-lint-ignore no-explicit-any
type Shown = Record<typeof NAMES[number], any>;

/** Runs the guide's code with the sessions that it is about. */
function shown(sessions: Sessions, visitContext: unknown): Shown {
  const guide = Deno.readTextFileSync(new URL("docs/frameworks.md", ROOT));
  const [, code = ""] = guide.match(
    /^```ts ignore because each line belongs[^\n]*\n(.*?)^```$/ms,
  ) ?? [];
  for (const name of NAMES) assertStringIncludes(code, `const ${name} =`);
  const body = `${code.replaceAll("export ", "")}
    return { ${NAMES.join(", ")} };`;
  return new Function("sessions", "visitContext", body)(sessions, visitContext);
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
  "The guide's handle() has the shape of SvelteKit",
  async () => {
    await using sessions = new Sessions();
    const handle = shown(sessions, undefined).handle;
    await assertServes(async (request, answer) => {
      const event = { request, locals: {} as { visit: Visit } };
      return await handle({
        event: event as never,
        resolve: () => answer(event.locals.visit),
      });
    });
  },
);

testWith(
  ["read", "env"],
  "The guide's onRequest() has the shape of Astro",
  async () => {
    await using sessions = new Sessions();
    const onRequest = shown(sessions, undefined).onRequest;
    await assertServes(async (request, answer) => {
      const context = { request, locals: {} as { visit: Visit } };
      const response = await onRequest(
        context as never,
        () => Promise.resolve(answer(context.locals.visit)),
      );
      return response as Response;
    });
  },
);

testWith(
  ["read", "env"],
  "The guide's middleware serves React Router",
  async () => {
    // Imported here, since React reads the environment.
    const { createContext, createStaticHandler, RouterContextProvider } =
      await import("react-router");
    await using sessions = new Sessions();
    const visitContext = createContext<Visit>();
    const { middleware } = shown(sessions, visitContext);
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
  const { handler } = shown(sessions, undefined);
  await assertServes(async (req, answer) => {
    const ctx = {
      req,
      state: {} as { visit: Visit },
      next: () => Promise.resolve(answer(ctx.state.visit)),
    };
    return await handler(ctx);
  });
});
