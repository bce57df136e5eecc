import {
  FetchResource,
  Guard,
  Resource,
  Session,
  Site,
  type SiteRequest,
} from "@curfew/web";
import { TestClock } from "@curfew/web/testing";
import { Client } from "./client.ts";
import { closing, equal, ok, test } from "./suite.ts";

class ShortSession extends Session {
  override sessionTimeout = 5;
}

class ExpirationLogger extends Resource {
  readonly expired: string[] = [];

  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    if (request.isNewSession) {
      session.notifyOnExpire(({ uid }) => this.expired.push(uid));
    }
    return session.uid;
  }
}

test("a site serves its tree, and its sessions end after five seconds", async () => {
  const clock = new TestClock();
  const logger = new ExpirationLogger();
  const site = closing(
    new Site(new Resource().putChild("logme", logger), {
      clock,
    }),
  );
  site.sessionFactory = ShortSession;
  const client = new Client(site.fetch);
  const { text, status, headers } = await client.send("/logme");
  equal(status, 200);
  ok(
    headers.get("content-type")?.startsWith("text/html"),
    `content-type ${headers.get("content-type")}`,
  );
  await clock.advance(5);
  equal(logger.expired, [text]);
});

test("a site answers 404, 405 and OPTIONS by itself", async () => {
  const site = closing(
    new Site(
      new Resource().putChild("logme", new ExpirationLogger()),
      { clock: new TestClock() },
    ),
  );
  const client = new Client(site.fetch);
  equal((await client.send("/other")).status, 404);
  const refused = await client.send("/logme", { method: "DELETE" });
  equal([refused.status, refused.headers.get("allow")], [
    405,
    "GET, HEAD, OPTIONS",
  ]);
  equal((await client.send("/logme", { method: "OPTIONS" })).status, 204);
});

test("a resource reads forms and JSON, and answers with a promise", async () => {
  class Echo extends Resource {
    override async render_POST(request: SiteRequest): Promise<string> {
      const isForm = request.getHeader("content-type")?.includes("form");
      return isForm
        ? String((await request.formData()).get("tea"))
        : JSON.stringify(await request.json());
    }
  }
  const site = closing(
    new Site(new Resource().putChild("echo", new Echo()), {
      clock: new TestClock(),
    }),
  );
  const client = new Client(site.fetch);
  const form = await client.send("/echo", {
    method: "POST",
    body: new URLSearchParams({ tea: "green" }),
  });
  equal(form.text, "green");
  const json = await client.send("/echo", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"tea":"black"}',
  });
  equal(json.text, '{"tea":"black"}');
});

test("an error of a resource is reported and answered 500", async () => {
  class Broken extends Resource {
    override render_GET(): string {
      throw new Error("secret");
    }
  }
  const errors: unknown[] = [];
  const site = closing(
    new Site(new Resource().putChild("broken", new Broken()), {
      clock: new TestClock(),
      onError: (error) => void errors.push(error),
    }),
  );
  const { status, text } = await new Client(site.fetch).send("/broken");
  equal([status, text.includes("secret"), errors.length], [500, false, 1]);
});

test("a guard and a mounted application answer a request for an upgrade", async () => {
  const app = new FetchResource(() => new Response("no sockets here"));
  const site = closing(
    new Site(new Guard(app, () => true, { realm: "r" })),
  );
  const response = await site.fetch(
    new Request("http://localhost/", {
      headers: { authorization: `Basic ${btoa("a:b")}`, upgrade: "websocket" },
    }),
  );
  equal(await response.text(), "no sockets here");
});
