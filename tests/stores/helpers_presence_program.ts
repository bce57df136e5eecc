/**
 * A process of a site that tells of presence, for the tests that run several:
 *
 *     sqlite PATH     or     redis URL     or     postgres URL
 *
 * It prints the address at which it listens. For each change it prints the
 * principal, the state and the time.
 *
 * @module
 */

import { Resource, Site, type SiteRequest } from "../../mod.ts";
import type { SessionStore } from "../../stores/store.ts";

class Page extends Resource {
  override isLeaf = true;
  override render_GET(request: SiteRequest): string | Response {
    const { session } = request;
    switch (request.prepath[0]) {
      case "login":
        return request.logIn(request.query.get("as")!).uid;
      case "logout":
        request.logOut();
        return "";
      case "stream":
        return session!.events(request, { keepAlive: 60 }).response;
      case "socket":
        return session!.socket(request, { idleTimeout: 60 }).response;
      default:
        return request.getSession().uid;
    }
  }
}

const [kind, location, awayAfter = "10"] = Deno.args;
const root = new Resource();
for (const name of ["login", "logout", "stream", "socket", "visit"]) {
  root.putChild(name, new Page());
}
const site = new Site(root, {
  store: await openStore(),
  sessionTimeout: 3600,
  awayAfter: Number(awayAfter),
});
site.sessions.onPresence(({ principal, state }) => {
  console.log(principal, state, Date.now());
});
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, site.fetch);

async function openStore(): Promise<SessionStore> {
  if (kind === "sqlite") {
    const { SqliteStore } = await import("../../stores/sqlite_store.ts");
    return new SqliteStore({ path: location! });
  }
  if (kind === "redis") {
    const { createClient } = await import("redis");
    const { fromNodeRedis, RedisStore } = await import(
      "../../stores/redis_store.ts"
    );
    const client = await createClient({ url: location! }).connect();
    return new RedisStore({ client: fromNodeRedis(client) });
  }
  const { default: pg } = await import("pg");
  const { fromPg, PostgresStore } = await import(
    "../../stores/postgres_store.ts"
  );
  const pool = new pg.Pool({ connectionString: location!, max: 8 });
  return new PostgresStore({ client: fromPg(pool) });
}
