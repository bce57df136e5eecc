// Sessions without a tree: the logger of logme.ts as a handler of Deno.serve.
//
//   deno run --allow-net examples/sessions_alone.ts
//
// Visit http://localhost:8080/. Keep visiting it to keep your session; stay away
// for five seconds to see it expire.

import { type ConnectionInfo, Sessions, type Visit } from "../sessions.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

export const sessions: Sessions = new Sessions({ sessionTimeout: 5 });

function answer(visit: Visit): Response {
  const session = visit.getSession();
  if (visit.isNewSession) {
    session.notifyOnExpire(({ uid }) => {
      console.log("Session", uid, "has expired.");
    });
  }
  const html = page(
    "Your session",
    `<p>Your session is ${session.uid}.</p>
<p>Stay away for five seconds, and the terminal says that it has expired.</p>`,
  );
  const headers = { "content-type": "text/html; charset=utf-8" };
  return new Response(html, { headers });
}

export function handler(
  request: Request,
  info?: ConnectionInfo,
): Response | Promise<Response> {
  return sessions.serve(request, answer, info);
}

if (import.meta.main) {
  serve(handler, "Visit /, then stay away for five seconds");
}
