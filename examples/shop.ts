// A shop: a cart that survives logins, messages shown once, and forms with tokens.
//
//   deno run --allow-net examples/shop.ts
//
// Visit http://localhost:8080/, and order tea: log in as "alice" with "open sesame",
// and your cart is still there. Log out with tea in it, come back, and log in.

import { escape } from "@std/html";
import {
  FormTokens,
  HttpError,
  LoginGuard,
  passwordCheck,
  Resource,
  type Session,
  SessionKey,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const prices = new Map([["green tea", 4], ["black tea", 3], ["mint tea", 2]]);
const cart = new SessionKey("cart", { default: (): string[] => [] });
const flash = new SessionKey<string>("flash");
const tokens = new FormTokens();
const isPassword = passwordCheck({ alice: "open sesame" });
const cartOf = new Map<string, string[]>(); // in real life a database

/** A page with a form, which only the session that got the page can send. */
abstract class FormPage extends Resource {
  abstract title: string;
  abstract form(session: Session): string;
  /** Returns the path of the page to show next. */
  abstract submit(request: SiteRequest, form: FormData): string;

  override async render_GET(request: SiteRequest): Promise<string> {
    const session = request.getSession();
    const form = `<p role="status">${escape(session.take(flash) ?? "")}</p>
<form method="post">
<input type="hidden" name="token" value="${await tokens.make(session.uid)}">
${this.form(session)}</form>`;
    return page(this.title, form);
  }

  override async render_POST(request: SiteRequest): Promise<Response> {
    const form = await request.formData();
    const valid = await tokens.isValid(form.get("token"), request.session?.uid);
    if (!valid) throw new HttpError(403, "This page is old: reload it.");
    return request.redirect(this.submit(request, form), 303);
  }
}

class Teas extends FormPage {
  title = "Teas";
  form(session: Session): string {
    const teas = [...prices].map(([tea, price]) =>
      `<li>${tea}, ${price} euros <button name="tea" value="${tea}">Add</button>`
    );
    return `<p>Put a tea into your cart, and order it.</p>
<ul>${teas.join("")}</ul>
<p>Your cart: ${session.get(cart).join(", ") || "empty"}.
<a href="/order">Order</a></p>`;
  }
  submit(request: SiteRequest, form: FormData): string {
    const tea = String(form.get("tea"));
    if (!prices.has(tea)) throw new HttpError(400, "There is no such tea.");
    const session = request.getSession();
    session.get(cart).push(tea);
    session.set(flash, `The ${tea} is in your cart.`);
    return "/";
  }
}

class Login extends FormPage {
  title = "Log in";
  form(): string {
    return `<p>Log in as alice, with the password "open sesame".</p>
<label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label> <button>Log in</button>`;
  }
  submit(request: SiteRequest, form: FormData): string {
    const name = String(form.get("name"));
    const valid = isPassword(name, String(form.get("password")));
    if (!valid) throw new HttpError(403, "Wrong name or password.");
    // A stranger's session stays; that of another user does not.
    request.logIn(name).get(cart).unshift(...cartOf.get(name) ?? []);
    cartOf.delete(name);
    return LoginGuard.returnPath(request);
  }
}

class Order extends FormPage {
  title = "Your order";
  form(session: Session): string {
    const { length } = session.get(cart);
    return `<p>Teas for ${escape(session.principal!)}: ${length}</p>
<button name="act" value="order">Order</button> <button name="act" value="leave">Log out</button>`;
  }
  submit(request: SiteRequest, form: FormData): string {
    if (form.get("act") === "leave") request.logOut();
    else request.getSession().set(cart, []);
    return "/";
  }
}

const root = new Resource().putChild("", new Teas())
  .putChild("login", new Login())
  .putChild("order", new LoginGuard(new Order()));
export const site = new Site(root);

// However a session ends, its user finds the cart again at the next login.
site.notifyOnSessionEnd(({ session }) => {
  const name = session.principal;
  if (name) cartOf.set(name, session.get(cart).concat(cartOf.get(name) ?? []));
});

if (import.meta.main) serve(site, "Visit / and order tea as alice");
