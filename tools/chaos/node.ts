/**
 * The program of a node:
 *
 *     node.ts '{"kind":"redis","location":"redis://...","log":"...", ...}'
 *
 * It prints its port to stdout. For each delivered end it writes a line to the log
 * when the callback begins, and another one when the callback has finished. It
 * writes them synchronously, so that a kill loses none.
 */

import {
  Resource,
  type Session,
  type SessionEnd,
  Site,
  type SiteRequest,
} from "../../mod.ts";
import type { SessionStore } from "../../stores/store.ts";
import type { BackendKind } from "./backend.ts";
import { beginLine, doneLine } from "./reports.ts";
import type { ClusterAddresses } from "./redis_cluster.ts";
import { freeSeat, sellSeat } from "./seat_sale.ts";

/** The settings of a node. */
export interface NodeSettings {
  /** The kind of store. */
  readonly kind: BackendKind;
  /** The URL of the store, the path of its file, or the addresses of a cluster. */
  readonly location: string;
  /** The path of the log, to which the node appends. */
  readonly log: string;
  /** Seconds. */
  readonly sessionTimeout: number;
  /** Seconds. */
  readonly endLease: number;
  /** Seconds. */
  readonly storeTimeout: number;
  /** Milliseconds that the callback of an end takes at most. */
  readonly work: number;
}

/** The shards of a cluster: two at each primary, on average. */
const SHARDS = 6;

class Page extends Resource {
  override isLeaf = true;
  readonly #render: (request: SiteRequest) => string | Promise<string>;

  constructor(render: (request: SiteRequest) => string | Promise<string>) {
    super();
    this.#render = render;
  }

  override render_GET(request: SiteRequest): string | Promise<string> {
    return this.#render(request);
  }
}

/** Returns the tree of pages. Each response begins with the uid. */
function pages(folder: string): Resource {
  return new Resource()
    .putChild("visit", new Page((request) => request.getSession().uid))
    .putChild("count", new Page((request) => count(request.getSession())))
    .putChild(
      "slow",
      new Page(async (request) => {
        const session = request.getSession();
        await pause(Number(request.query.get("ms")));
        return count(session);
      }),
    )
    .putChild("who", new Page((request) => request.session?.uid ?? "none"))
    .putChild(
      "seat",
      new Page((request) => {
        const { query } = request;
        const seat = query.get("seat") ?? "";
        const how = query.get("how") ?? "";
        return sellSeat(request.getSession(), { folder, seat, how });
      }),
    )
    .putChild(
      "leave",
      new Page((request) => {
        const { session } = request;
        session?.expire();
        return session?.uid ?? "none";
      }),
    );
}

function count(session: Session): string {
  if (!session.isActive) return `${session.uid} ended`;
  const next = (session.get<number>("count") ?? 0) + 1;
  session.set("count", next);
  return `${session.uid} ${next}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function openStore(settings: NodeSettings): Promise<SessionStore> {
  if (settings.kind === "sqlite") {
    const { SqliteStore } = await import("../../stores/sqlite_store.ts");
    return new SqliteStore({ path: settings.location });
  }
  if (settings.kind === "postgres") return await openPostgres(settings);
  if (settings.kind === "cluster") return await openCluster(settings);
  const { createClient } = await import("redis");
  const { fromNodeRedis, RedisStore } = await import(
    "../../stores/redis_store.ts"
  );
  const client = createClient({
    url: settings.location,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: 200, connectTimeout: 2000 },
  });
  client.on("error", () => {});
  // The site starts even if Redis cannot be reached now.
  await Promise.race([client.connect().catch(() => {}), pause(1000)]);
  return new RedisStore({ client: fromNodeRedis(client) });
}

async function openCluster({ location }: NodeSettings): Promise<SessionStore> {
  const { createCluster } = await import("redis");
  const { fromNodeRedis, RedisStore } = await import(
    "../../stores/redis_store.ts"
  );
  const addresses: ClusterAddresses = JSON.parse(location);
  const cluster = createCluster({
    rootNodes: Object.values(addresses).map((socket) => ({ socket })),
    nodeAddressMap: addresses,
    commandOptions: { timeout: 2000 },
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: 500,
    defaults: {
      disableOfflineQueue: true,
      socket: { reconnectStrategy: 200, connectTimeout: 2000 },
    },
  });
  cluster.on("error", () => {});
  await Promise.race([cluster.connect().catch(() => {}), pause(1000)]);
  const client = fromNodeRedis(cluster);
  return new RedisStore({ client, shards: SHARDS, replicas: 1 });
}

async function openPostgres(
  { location }: NodeSettings,
): Promise<SessionStore> {
  const { default: pg } = await import("pg");
  const { fromPg, PostgresStore } = await import(
    "../../stores/postgres_store.ts"
  );
  const pool = new pg.Pool({
    connectionString: location,
    max: 8,
    connectionTimeoutMillis: 2000,
    "query_timeout": 4000,
  });
  pool.on("error", () => {});
  return new PostgresStore({ client: fromPg(pool) });
}

async function serve(settings: NodeSettings): Promise<void> {
  const { sessionTimeout, endLease, storeTimeout, work } = settings;
  const folder = settings.log.slice(0, settings.log.lastIndexOf("/"));
  const log = Deno.openSync(settings.log, { append: true, create: true });
  const encoder = new TextEncoder();
  const write = (line: string) => {
    log.writeSync(encoder.encode(line));
  };
  const site = new Site(pages(folder), {
    store: await openStore(settings),
    sessionTimeout,
    endLease,
    storeTimeout,
    onError: (error) => console.error(new Date().toISOString(), error),
  });
  site.notifyOnSessionEnd(async (end: SessionEnd) => {
    write(beginLine(end, Date.now()));
    await pause(Math.random() * work);
    write(doneLine(end, Date.now()));
  });
  site.onEnd("free", (seat, end) => freeSeat(folder, seat as string, end));
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(port),
  }, site.fetch);
}

if (import.meta.main) await serve(JSON.parse(Deno.args[0]!) as NodeSettings);
