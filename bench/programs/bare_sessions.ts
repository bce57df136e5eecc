/** The baseline of "session" and "new": a handler with minimal sessions. */

import { findSession, makeSession } from "../sessions_by_hand.ts";

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]) },
  (request) => {
    const session = findSession(request.headers.get("cookie"));
    if (session !== undefined) {
      return new Response(`${++session.count}`, {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "cache-control": "private",
        },
      });
    }
    return new Response("hello", {
      headers: {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "set-cookie": makeSession(),
      },
    });
  },
);
