// Logins: a form, hashed passwords, a page for members, and two ways out.
//
//   deno run --allow-net examples/login.ts
//
// Visit http://localhost:8080/: you are sent to the login page, and back after the
// login. Log in as "alice" with "open sesame"; five wrong passwords cost a minute.
// Log in by a second browser too, and log that out from the first.

import { escape } from "@std/html";
import { timingSafeEqual } from "node:crypto";
import { HttpError, LoginGuard, Resource, Site } from "../mod.ts";
import type { SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const how = { name: "PBKDF2", hash: "SHA-256", iterations: 600_000 }; // by OWASP

async function hash(password: string, salt: BufferSource): Promise<Uint8Array> {
  const text = new TextEncoder().encode(password.normalize());
  const { subtle } = crypto;
  const key = await subtle.importKey("raw", text, how, false, ["deriveBits"]);
  return new Uint8Array(await subtle.deriveBits({ ...how, salt }, key, 256));
}

// In real life users are in a database, each with a salt of its own. A wrong name
// takes as long as a wrong password, since a password is hashed in any case.
const salt = crypto.getRandomValues(new Uint8Array(16));
const nobody = { salt, hash: new Uint8Array(32) };
const alice = { salt, hash: await hash("open sesame", salt) };
const users = new Map([["alice", alice]]);
const attempts = new Map<string, { count: number; until: number }>();

function countAttempt(who: string, now: number): void {
  let entry = attempts.get(who);
  if (!entry || entry.until <= now) entry = { count: 0, until: now + 60_000 };
  if (entry.count++ >= 5) throw new HttpError(429, "Try again in a minute.");
  if (attempts.size > 100_000) attempts.clear();
  attempts.set(who, entry);
}

const formPage = (title: string, form: string) =>
  page(title, `<form method="post">${form}</form>`);

class Login extends Resource {
  override render_GET(): string {
    const form = `<p>Log in as alice, with the password "open sesame".</p>
<label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label>
<button>Log in</button>`;
    return formPage("Log in", form);
  }

  override async render_POST(request: SiteRequest): Promise<Response> {
    const form = await request.formData();
    const name = String(form.get("name"));
    const who = `${request.remoteAddress} ${name}`;
    countAttempt(who, request.site.clock.now());
    const user = users.get(name) ?? nobody;
    const digest = await hash(String(form.get("password")), user.salt);
    if (!timingSafeEqual(digest, user.hash)) {
      throw new HttpError(403, "Wrong name or password: go back, try again.");
    }
    attempts.delete(who);
    request.logIn(name);
    return request.redirect(LoginGuard.returnPath(request), 303);
  }
}

class Members extends Resource {
  override render_GET({ principal = "", site }: SiteRequest): string {
    const { length } = site.sessionsOf(principal);
    const buttons = `<p>You are logged in ${length} times: try another
browser.</p>
<button name="end" value="this">Log out</button>
<button name="end" value="others">Log out everywhere else</button>`;
    return formPage(`Hello ${escape(principal)}`, buttons);
  }

  override async render_POST(request: SiteRequest): Promise<Response> {
    const which = (await request.formData()).get("end");
    const { principal = "", session, site } = request;
    if (which === "this") request.logOut();
    else if (session) await site.endSessions(principal, { except: session });
    return request.redirect("/", 303);
  }
}

// The guard lets strangers reach the login page only, and no form of other sites.
const root = new Resource().putChild("", new Members());
root.putChild("login", new Login());
export const site = new Site(new LoginGuard(root));
if (import.meta.main) {
  serve(site, 'Visit / and log in as alice, with "open sesame"');
}
