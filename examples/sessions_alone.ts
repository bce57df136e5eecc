// Sessions without a tree: the logger of logme.ts as a handler of Deno.serve.
//
//   deno run --allow-net examples/sessions_alone.ts
//
// Visit http://localhost:8080/. Keep visiting it to keep your session; stay away
// for five seconds to see it expire.

import { type ConnectionInfo, Sessions, type Visit } from "../sessions.ts";

export const sessions: Sessions = new Sessions({ sessionTimeout: 5 });

function answer(visit: Visit): Response {
  const session = visit.getSession();
  if (visit.isNewSession) {
    session.notifyOnExpire(({ uid }) => {
      console.log("Session", uid, "has expired.");
    });
  }
  return new Response(`Your session is ${session.uid}.`);
}

export function handler(
  request: Request,
  info?: ConnectionInfo,
): Response | Promise<Response> {
  return sessions.serve(request, answer, info);
}

if (import.meta.main) Deno.serve({ port: 8080 }, handler);
