// Asynchronous answers: a page, or a child, that has to be waited for.
//
//   deno run --allow-net examples/asynchronous_answer.ts
//
// Visit http://localhost:8080/green: the kettle takes five seconds. Others are
// answered meanwhile: http://localhost:8080/coffee in one second, by a 404.

import { listen, Resource, Site } from "../mod.ts";

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

class Cup extends Resource {
  constructor(readonly tea: string) {
    super();
  }

  override async render_GET(): Promise<string> {
    await wait(5);
    return `Here is your ${this.tea} tea.`;
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

if (import.meta.main) listen(site, "tcp:8080");
