/**
 * Curfew with its sessions in a store: `curfew_stored.ts PORT KIND [LOCATION]`.
 * Each page has its own resource.
 */

import { createClient } from "redis";
import {
  Resource,
  type Session,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { fromNodeRedis, RedisStore } from "../../stores/redis_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";

class Page extends Resource {
  readonly #render: (session: Session) => string;

  constructor(render: (session: Session) => string) {
    super();
    this.#render = render;
  }

  override render_GET(request: SiteRequest): string {
    return this.#render(request.getSession());
  }
}

async function optionsOf(kind: string, location: string): Promise<SiteOptions> {
  switch (kind) {
    case "none":
      return {};
    case "memory":
      return { store: new MemoryStore() };
    case "sqlite":
      return { store: new SqliteStore({ path: location }) };
    case "sqlite, throttled":
      return {
        store: new SqliteStore({ path: location, touchThrottle: 30 }),
      };
  }
  const client = createClient({ url: location });
  client.on("error", console.error);
  await client.connect();
  return { store: new RedisStore({ client: fromNodeRedis(client) }) };
}

const [port, kind = "none", location = ""] = Deno.args;
const root = new Resource()
  .putChild("new", new Page(() => "hello"))
  .putChild("visit", new Page(() => "hello again"))
  .putChild(
    "count",
    new Page((session) => {
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return `${count}`;
    }),
  );
const site = new Site(root, await optionsOf(kind, location));
Deno.serve({ hostname: "127.0.0.1", port: Number(port) }, site.fetch);
