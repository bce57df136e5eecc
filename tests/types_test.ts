// Compiles if programs can be written as they usually are. Nothing here runs.

import {
  FetchResource,
  listen,
  type Rendered,
  Resource,
  Site,
  type SiteRequest,
} from "../mod.ts";
import {
  curfew,
  type HoldableResponse,
  type NodeIncoming,
} from "../adapters/express.ts";
import { Sessions, type Visit } from "../sessions.ts";
import { TestSite } from "../testing.ts";

export class Bytes extends Resource {
  override async render_PUT(request: SiteRequest): Promise<Uint8Array> {
    return await request.bytes();
  }
  override async render_POST(request: SiteRequest) {
    return await request.bytes();
  }
  override render_PATCH(): Uint8Array {
    return new TextEncoder().encode("text");
  }
  override async render_DELETE(request: SiteRequest) {
    if (request.query.has("away")) return request.redirect("/");
    return await request.text();
  }
  override async render_OPTIONS() {
    return await Deno.readFile("file");
  }
  override async render(request: SiteRequest): Promise<Rendered> {
    return await super.render(request);
  }
  override async getChild(name: string) {
    await undefined;
    if (name === "bytes") return new Bytes();
  }
}

export function callbacksMayReturnWhatTheyLike(): void {
  const seen: unknown[] = [];
  const site = new Site(new Bytes(), {
    onError: (error) => seen.push(error),
    onSuspiciousSession: (token) => seen.push(token),
    accessLog: (line) => seen.push(line),
  });
  new Sessions({ onError: (error) => seen.push(error) });
  new TestSite((options) => new Site(new Bytes(), options), {
    onError: (error, { request }) => seen.push(error, request?.url),
  });
  site.notifyOnSessionStart((session) => seen.push(session));
  site.notifyOnSessionEnd(({ reason }) => seen.push(reason));
  site.onEnd("name", (argument, { uid }) => seen.push(argument, uid));
  const session = site.makeSession();
  session.notifyOnExpire((end) => seen.push(end));
  session.notifyBeforeEnd(60, ({ expiresAt }) => seen.push(expiresAt));
}

export function onListenKnowsItsAddress(site: Site, either: string): void {
  const ports: number[] = [];
  listen(site, { onListen: ({ port }) => ports.push(port) });
  listen(site, { port: 0, onListen: ({ port }) => ports.push(port) });
  listen(site, {
    hostname: "::1",
    onListen({ hostname, port }) {
      console.log(`${hostname}:${port}`);
    },
  });
  listen(site, {
    port: 0,
    cert: "",
    key: "",
    onListen: ({ port }: Deno.NetAddr) => ports.push(port),
  });
  listen(site, {
    path: "/run/site.sock",
    onListen: ({ path }) => path.length,
  });
  listen(site);
  listen(site, either);
  listen(site, either === "" ? { port: 0 } : either);
}

export const served: Deno.ServeDefaultExport = new Site(new Resource());

/** Express's middleware, once a program has declared the visit as the guide says. */
type DeclaredMiddleware = (
  req: NodeIncoming & { visit: Visit },
  res: HoldableResponse,
  next: (error?: unknown) => void,
) => void;

export function expressTakesTheMiddleware(
  app: { use(middleware: DeclaredMiddleware): void },
  sessions: Sessions,
): void {
  app.use(curfew(sessions));
}

export function fetchResourcesTakeHandlersOfDeno(): FetchResource[] {
  return [
    new FetchResource(() => new Response()),
    new FetchResource((_request: Request, info?: Deno.ServeHandlerInfo) =>
      new Response(info?.remoteAddr.transport)
    ),
    new FetchResource(new Site(new Bytes()).fetch),
  ];
}
