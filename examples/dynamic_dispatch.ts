// Dynamic dispatch: children that are made on request.
//
//   deno run --allow-net examples/dynamic_dispatch.ts
//
// Visit http://localhost:8080/2028, any other year of four digits, and a month
// of it: http://localhost:8080/2028/2. Other paths are a 404, such as
// http://localhost:8080/later or http://localhost:8080/2028/13.

import { Resource, Site } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Month extends Resource {
  constructor(readonly year: number, readonly month: number) {
    super();
  }

  override render_GET(): string {
    const lastDay = new Date(Date.UTC(this.year, this.month, 0));
    return page(
      `${this.year}/${this.month}`,
      `<p>${this.year}/${this.month} has ${lastDay.getUTCDate()} days.</p>
<p>Try <a href="13">the thirteenth month</a>, which does not exist.</p>`,
    );
  }
}

class Year extends Resource {
  constructor(readonly year: number) {
    super();
  }

  override getChild(name: string): Resource | undefined {
    // Undefined: there is no such child, which is a 404.
    if (!/^([1-9]|1[0-2])$/.test(name)) return undefined;
    return new Month(this.year, Number(name));
  }

  override render_GET(): string {
    const isLeap = new Date(Date.UTC(this.year, 1, 29)).getUTCDate() === 29;
    return page(
      `${this.year}`,
      `<p>${this.year} has ${isLeap ? 366 : 365} days.</p>
<p>Try <a href="${this.year}/2">its February</a>, or
<a href="${this.year + 1}">the year after it</a>.</p>`,
    );
  }
}

class Calendar extends Resource {
  override getChild(name: string): Resource | undefined {
    return /^[1-9]\d{3}$/.test(name) ? new Year(Number(name)) : undefined;
  }
}

export const site = new Site(new Calendar());

if (import.meta.main) {
  serve(site, "Visit /2028, another year, and a month of it, /2028/2");
}
