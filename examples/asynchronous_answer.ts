// Asynchronous answers: a page, or a child, that takes a while.
//
//   deno run --allow-net examples/asynchronous_answer.ts
//
// Visit http://localhost:8080/green: the kettle takes five seconds. Meanwhile the
// site answers other requests: http://localhost:8080/coffee in one second, by a
// 404.

import { Resource, Site } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

class Cup extends Resource {
  constructor(readonly tea: string) {
    super();
  }

  override async render_GET(): Promise<string> {
    await wait(5);
    return page(
      `A cup of ${this.tea} tea`,
      `<p>Here is your ${this.tea} tea.</p>
<p>Try <a href="black">black</a>, <a href="green">green</a>, or
<a href="coffee">coffee</a>, which there is not.</p>`,
    );
  }
}

class Kitchen extends Resource {
  override async getChild(name: string): Promise<Resource | undefined> {
    if (name === "green" || name === "black") return new Cup(name);
    await wait(1);
    return undefined;
  }
}

export const site = new Site(new Kitchen());

if (import.meta.main) {
  serve(site, "Visit /green and wait for five seconds; /coffee takes one");
}
