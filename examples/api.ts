// A JSON API: logins by bearer token or by cookie, errors as problem+json, limits.
//
//   deno run --allow-net examples/api.ts
//
// Log in, and take the token from the header "session-token" of the response:
//
//   curl -i localhost:8080/login -H 'session-transport: bearer' \
//     --json '{"name":"alice","password":"open sesame"}'
//   curl localhost:8080/notes -H 'authorization: Bearer TOKEN' --json '{"text":"Buy tea"}'
//
// Without the header "session-transport" the login sets a cookie, for pages.
// login.ts shows how to limit the attempts to log in.

import {
  HttpError,
  LoginGuard,
  passwordCheck,
  type Rendered,
  Resource,
  SameOrigin,
  Site,
  type SiteRequest,
  Wrap,
} from "../mod.ts";
import { StaticData } from "../resources/static.ts";
import { serve } from "./serve.ts";

const isPassword = passwordCheck({ alice: "open sesame" });
const notesOf = new Map<string, Map<string, string>>();

/** Returns a text in a body that may be any JSON. */
function textIn(body: unknown, name: string): string {
  const value = (body as Record<string, unknown> | null)?.[name];
  if (typeof value === "string") return value;
  throw new HttpError(422, `"${name}" is not a text.`);
}

class Login extends Resource {
  override async render_POST(request: SiteRequest): Promise<Response> {
    const body = await request.json();
    const name = textIn(body, "name");
    const valid = isPassword(name, textIn(body, "password"));
    if (!valid) throw new HttpError(403, "Wrong name or password.");
    const { expiresAt } = request.logIn(name);
    return Response.json({ name, expiresAt });
  }

  override render_DELETE(request: SiteRequest): Response {
    request.logOut();
    return new Response(null, { status: 204 });
  }
}

class Notes extends Resource {
  override getChild(id: string, request: SiteRequest): Resource | undefined {
    return notesOf.get(request.principal!)?.has(id) ? new Note(id) : undefined;
  }

  override render_GET(request: SiteRequest): Response {
    const notes = notesOf.get(request.principal!) ?? [];
    return Response.json([...notes].map(([id, text]) => ({ id, text })));
  }

  override async render_POST(request: SiteRequest): Promise<Response> {
    const { principal = "" } = request;
    const text = textIn(await request.json(), "text");
    const notes = notesOf.get(principal) ?? new Map<string, string>();
    const id = crypto.randomUUID();
    notesOf.set(principal, notes.set(id, text));
    const headers = { location: `/notes/${id}` };
    return Response.json({ id, text }, { status: 201, headers });
  }
}

class Note extends Resource {
  constructor(readonly id: string) {
    super();
  }

  override render_DELETE(request: SiteRequest): Response {
    notesOf.get(request.principal!)?.delete(this.id);
    return new Response(null, { status: 204 });
  }
}

class Calls {
  minute = 0;
  count = 0;
}

/** Allows 60 requests a minute for each session. */
function limit(request: SiteRequest, next: () => Rendered | Promise<Rendered>) {
  const calls = request.getSession(Calls);
  const minute = Math.floor(request.site.clock.now() / 60_000);
  if (calls.minute !== minute) Object.assign(calls, { minute, count: 0 });
  if (++calls.count <= 60) return next();
  const headers = { "retry-after": "60" };
  throw new HttpError(429, "Try again in a minute.", { headers });
}

const notes = new Wrap(new Notes(), limit);
const paths = JSON.stringify({ login: "/login", notes: "/notes" });
const root = new Resource()
  .putChild("", new StaticData(paths, "application/json"))
  .putChild("login", new Login())
  .putChild("notes", new LoginGuard(notes, { redirects: false }));

export const site = new Site(new SameOrigin(root), {
  transport: "both",
  maxBodyBytes: 10_000,
  maxSessionsPerPrincipal: 5,
  errorPage(error, request) {
    request.setHeader("content-type", "application/problem+json");
    const isKnown = error instanceof HttpError;
    return JSON.stringify({ detail: isKnown ? error.message : "It failed." });
  },
});

if (import.meta.main) serve(site, "Visit / and log in as alice, by curl");
