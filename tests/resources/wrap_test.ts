import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Guard,
  HttpError,
  NameVirtualHost,
  type Rendered,
  Resource,
  Site,
  type SiteRequest,
  Wrap,
} from "../../mod.ts";
import { StaticData } from "../../resources/static.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";

/** A function around pages that notes when it runs. */
function noting(notes: string[], name: string) {
  return async (
    { method, prepath, postpath }: SiteRequest,
    next: () => Rendered | Promise<Rendered>,
  ) => {
    notes.push(`${name} before ${method} ${prepath}|${postpath}`);
    try {
      return await next();
    } catch (error) {
      notes.push(`${name} saw ${error}`);
      throw error;
    } finally {
      notes.push(`${name} after`);
    }
  };
}

const tree = () =>
  new Resource()
    .putChild("", new Leaf(() => "root"))
    .putChild(
      "a",
      new Leaf(({ prepath, postpath }) => `${prepath}|${postpath}`),
    );

for (
  const [path, text, seen] of [
    ["/", "root", "|"],
    ["/a", "a|", "a|"],
    ["/a/b/c", "a|b,c", "a|b,c"],
  ] as const
) {
  Deno.test(`Wrap runs around ${path}, and takes no segment`, async () => {
    const notes: string[] = [];
    await using site = new WatchedSite(new Wrap(tree(), noting(notes, "it")));

    const response = await site.visit(path);

    assertEquals(await response.text(), text);
    assertEquals(notes, [`it before GET ${seen}`, "it after"]);
  });
}

Deno.test("Wrap below a child runs around that subtree only", async () => {
  const notes: string[] = [];
  const root = tree().putChild("sub", new Wrap(tree(), noting(notes, "it")));
  await using site = new WatchedSite(root);

  await (await site.visit("/a")).text();
  assertEquals(notes, []);
  assertEquals(await (await site.visit("/sub/a/b")).text(), "sub,a|b");
  assertEquals(notes, ["it before GET sub,a|b", "it after"]);
});

Deno.test("Wrap runs around a resource that is the end of the path", async () => {
  const notes: string[] = [];
  const leaf = new Leaf(() => "leaf");
  const root = new Resource().putChild(
    "x",
    new Wrap(leaf, noting(notes, "it")),
  );
  await using site = new WatchedSite(root);

  assertEquals(await (await site.visit("/x")).text(), "leaf");
  assertEquals(notes, ["it before GET x|", "it after"]);
});

Deno.test("Wrap runs within the wraps around it", async () => {
  const notes: string[] = [];
  const inner = new Resource().putChild(
    "in",
    new Wrap(tree(), noting(notes, "inner")),
  );
  await using site = new WatchedSite(new Wrap(inner, noting(notes, "outer")));

  await (await site.visit("/in/a")).text();

  assertEquals(notes.map((note) => note.split(" ", 2).join(" ")), [
    "outer before",
    "inner before",
    "inner after",
    "outer after",
  ]);
});

for (
  const [path, method, status, error] of [
    ["/absent", "GET", 404, "There is nothing at this address."],
    ["/data", "PATCH", 405, "UnsupportedMethod"],
    ["/broken", "GET", 500, "broken"],
    ["/refused", "GET", 403, "refused"],
  ] as const
) {
  Deno.test(`Wrap sees the error of a ${status}, once`, async () => {
    const notes: string[] = [];
    const inner = tree()
      .putChild("data", new StaticData("", "text/plain")).putChild(
        "broken",
        new Leaf(() => {
          throw new Error("broken");
        }),
      )
      .putChild(
        "refused",
        new Leaf(() => {
          throw new HttpError(403, "refused");
        }),
      );
    await using site = new WatchedSite(new Wrap(inner, noting(notes, "it")));

    const response = await site.visit(path, { method });

    assertEquals(response.status, status);
    assertEquals(notes.length, 3);
    assertEquals(
      notes[1]!.startsWith("it saw ") && notes[1]!.includes(error),
      true,
      notes[1],
    );
    assertEquals(site.errors.length, status === 500 ? 1 : 0);
  });
}

Deno.test("Wrap may answer itself, and catch errors", async () => {
  const closed = new Wrap(
    tree(),
    () => new Response("Closed", { status: 503 }),
  );
  const caught = new Wrap(tree(), async (_request, next) => {
    try {
      return await next();
    } catch {
      return "instead";
    }
  });
  const root = new Resource().putChild("closed", closed).putChild(
    "caught",
    caught,
  );
  await using site = new WatchedSite(root);

  assertEquals((await site.visit("/closed/a")).status, 503);
  assertEquals(await (await site.visit("/caught/absent")).text(), "instead");
});

Deno.test("Wrap sets headers and sends what the page renders, at once if that is at once", async () => {
  const root = new Wrap(tree(), (request, next) => {
    request.setHeader("x-wrapped", "yes");
    return next();
  });
  await using site = new Site(root);

  const response = site.fetch(new Request("http://localhost/a")) as Response;

  assertEquals(response.headers.get("x-wrapped"), "yes");
  assertEquals(await response.text(), "a|");
});

Deno.test("Wrap that throws is a 500, and is not called for the error page", async () => {
  let calls = 0;
  const root = new Wrap(tree(), () => {
    calls++;
    throw new Error("wrap");
  });
  await using site = new WatchedSite(root);

  assertEquals((await site.visit("/a")).status, 500);
  assertEquals(calls, 1);
  assertEquals(site.errors.length, 1);
});

Deno.test("Wrap goes around guards and virtual hosts, and they go around it", async () => {
  const notes: string[] = [];
  const wrapped = new Wrap(
    new Guard(tree(), () => false, { realm: "r" }),
    noting(notes, "outside"),
  );
  const guarded = new Guard(
    new Wrap(tree(), noting(notes, "inside")),
    () => true,
    { realm: "r" },
  );
  const hosts = new NameVirtualHost(new Wrap(tree(), noting(notes, "host")));
  const root = new Resource().putChild("wrapped", wrapped)
    .putChild("guarded", guarded).putChild("hosts", hosts);
  await using site = new WatchedSite(root);
  const headers = { authorization: `Basic ${btoa("a:b")}` };

  assertEquals((await site.visit("/wrapped/a")).status, 401);
  assertEquals(notes.length, 2);
  assertEquals(
    await (await site.visit("/guarded/a", { headers })).text(),
    "guarded,a|",
  );
  assertEquals(
    await (await site.visit("/hosts/a", { headers })).text(),
    "hosts,a|",
  );
  assertEquals(notes.length, 6);
});

Deno.test("Wrap leaves touchesSession to the page that it is around", async () => {
  class Untouched extends Resource {
    override touchesSession = false;
    override isLeaf = true;
    override render_GET(request: SiteRequest): string {
      return String(request.getSession().uid === request.session?.uid);
    }
  }
  const root = new Resource().putChild("x", new Untouched())
    .putChild("y", new Wrap(new Untouched(), (_, next) => next()));
  await using site = new WatchedSite(new Wrap(root, (_, next) => next()));

  for (const path of ["/x", "/y"]) {
    const response = await site.visit(path);
    await response.text();
    assertEquals(response.headers.get("set-cookie"), null);
  }
  assertEquals(site.sessions.size, 0);
});

for (const store of [undefined, () => new MemoryStore()]) {
  const where = store === undefined ? "" : " over a store";

  Deno.test(`Wrap may use the session around a page that uses none${where}`, async () => {
    const uids: unknown[] = [];
    const data = new StaticData("data", "text/plain");
    const root = new Wrap(
      new Resource().putChild("d", data).putChild("", data),
      async (request, next) => {
        uids.push(request.getSession().uid);
        try {
          return await next();
        } finally {
          uids.push(request.getSession().uid);
        }
      },
    );
    await using site = new WatchedSite(root, store && { store: store() });

    for (const path of ["/d", "/", "/absent"]) {
      await (await site.visit(path)).text();
    }

    assertEquals(site.errors, []);
    assertEquals(uids.length, 6);
    assertEquals(new Set(uids).size, 3);
  });

  Deno.test(`Wrap that uses no session leaves it to the page${where}`, async () => {
    class Greeting extends Resource {
      override isLeaf = true;
      override async render_GET(request: SiteRequest): Promise<string> {
        await Promise.resolve();
        return request.getSession().uid;
      }
    }
    const wrap = new Wrap(new Greeting(), (_, next) => next());
    wrap.usesSession = false;
    await using site = new WatchedSite(
      new Resource().putChild("x", wrap),
      store && { store: store() },
    );
    for (const path of ["/x", "/x/y"]) {
      const response = await site.visit(path);
      assertEquals((await response.text()).length, 32);
    }
    assertEquals(site.errors, []);
  });
}

Deno.test("Wrap that uses no session is refused one", async () => {
  const wrap = new Wrap(tree(), (request) => request.getSession().uid);
  wrap.usesSession = false;
  await using site = new WatchedSite(wrap);

  assertEquals((await site.visit("/a")).status, 500);
  assertEquals(String(site.errors[0]).includes("usesSession is false"), true);
});

for (
  const [what, around] of [
    ["does nothing", () => {}],
    ["returns no page", async (_, next) => void await next()],
    ["does not wait", (_, next) => void next()],
  ] as [string, (request: SiteRequest, next: () => unknown) => unknown][]
) {
  Deno.test(`Wrap reports its own function if that ${what}`, async () => {
    await using site = new WatchedSite(
      new Wrap(tree(), around as ConstructorParameters<typeof Wrap>[1]),
    );

    assertEquals((await site.visit("/a")).status, 500);
    assertEquals(
      String(site.errors),
      "TypeError: Cannot send a page: the function of a Wrap returned undefined",
    );
  });
}

Deno.test("Wrap leaves a page that is undefined to its resource", async () => {
  const page = new Leaf(() => undefined as unknown as string);
  await using site = new WatchedSite(new Wrap(page, (_, next) => next()));

  assertEquals((await site.visit("/")).status, 500);
  assertEquals(String(site.errors).includes("Leaf rendered"), true);
});

Deno.test("Wrap refuses what is not a Resource or not a function", () => {
  const wrap = (...args: unknown[]) => () =>
    new Wrap(...args as ConstructorParameters<typeof Wrap>);
  assertThrows(wrap({}, () => ""), TypeError, 'Cannot wrap an object "Object"');
  assertThrows(wrap(new Resource(), "x"), TypeError, 'not a function: "x"');
});

Deno.test("Wrap lets a page of data answer conditions and ranges", async () => {
  const data = new StaticData("abcdef", "text/plain");
  const root = new Wrap(
    new Resource().putChild("d", data),
    (_, next) => next(),
  );
  await using site = new WatchedSite(root);

  const response = await site.visit("/d", { headers: { range: "bytes=1-2" } });

  assertEquals([response.status, await response.text()], [206, "bc"]);
});

// Bodies.

class Upload extends Resource {
  override isLeaf = true;
  constructor(override maxBodyBytes: number | undefined) {
    super();
  }
  override async render_POST(request: SiteRequest): Promise<string> {
    return String((await request.bytes()).length);
  }
}

for (
  const [limit, site, size, status] of [
    [undefined, 10, 10, 200],
    [undefined, 10, 11, 413],
    [20, 10, 20, 200],
    [20, 10, 21, 413],
    [5, 10, 6, 413],
    [0, 10, 0, 200],
    [0, 10, 1, 413],
    [Infinity, 10, 1000, 200],
  ] as const
) {
  for (const isWrapped of [false, true]) {
    Deno.test(`Resource.maxBodyBytes of ${limit} at a site with ${site} answers ${size} bytes ${status}${isWrapped ? ", wrapped" : ""}`, async () => {
      const upload = new Upload(limit);
      const root = isWrapped ? new Wrap(upload, (_, next) => next()) : upload;
      await using server = new Site(new Resource().putChild("u", root), {
        maxBodyBytes: site,
      });
      for (
        const init of [{ body: "x".repeat(size) }, {
          body: new Blob(["x".repeat(size)]).stream(),
        }]
      ) {
        const response = await server.fetch(
          new Request("http://localhost/u", { method: "POST", ...init }),
        );

        await response.text();
        assertEquals(response.status, status);
      }
    });
  }
}

for (const limit of ["5", NaN, -1, null]) {
  Deno.test(`Resource.maxBodyBytes that is ${limit} is reported`, async () => {
    const root = new Resource().putChild("u", new Upload(limit as number));
    await using site = new WatchedSite(root);

    const response = await site.visit("/u", { method: "POST", body: "x" });

    assertEquals(response.status, 500);
    assertEquals(
      String(site.errors[0]).includes("maxBodyBytes is not a number"),
      true,
    );
  });
}

/** Streams the body of each POST into a sink. */
function pipingInto(sink: () => WritableStream<Uint8Array>): Resource {
  class Pipe extends Resource {
    override isLeaf = true;
    override maxBodyBytes = 1_000_000;
    override async render_POST(request: SiteRequest): Promise<string> {
      return String(await request.pipeTo(sink()));
    }
  }
  return new Pipe();
}

Deno.test("SiteRequest.pipeTo() hands on chunk by chunk, as fast as the sink takes them", async () => {
  let made = 0;
  let taken = 0;
  let most = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (++made > 500) return controller.close();
      most = Math.max(most, made - taken);
      controller.enqueue(new Uint8Array(1000));
    },
  });
  const sink = new WritableStream<Uint8Array>({
    async write() {
      await new Promise((resolve) => setTimeout(resolve));
      taken++;
    },
  });
  await using site = new Site(pipingInto(() => sink));

  const response = await site.fetch(
    new Request("http://localhost/", { method: "POST", body }),
  );

  assertEquals(await response.text(), "500000");
  assertEquals(taken, 500);
  assertEquals(most < 8, true, `${most} chunks were in memory`);
});

Deno.test("SiteRequest.pipeTo() closes the sink of a request without a body", async () => {
  let isClosed = false;
  const sink = new WritableStream<Uint8Array>({
    close: () => void (isClosed = true),
  });
  await using site = new Site(pipingInto(() => sink));

  const response = await site.fetch(
    new Request("http://localhost/", { method: "POST" }),
  );

  assertEquals([await response.text(), isClosed], ["0", true]);
});

Deno.test("SiteRequest.pipeTo() aborts the sink with a 413 when the body is too long", async () => {
  for (
    const body of [
      "x".repeat(1_000_001),
      new Blob(["x".repeat(1_000_001)]).stream(),
    ]
  ) {
    let reason: unknown;
    const sink = new WritableStream<Uint8Array>({
      abort: (error) => void (reason = error),
    });
    await using site = new WatchedSite(pipingInto(() => sink));

    const response = await site.visit("/", { method: "POST", body });

    assertEquals(response.status, 413);
    assertEquals((reason as HttpError).status, 413);
    assertEquals(site.errors, []);
  }
});

Deno.test("SiteRequest.pipeTo() answers 400 and aborts the sink when the body breaks off", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("connection lost")),
  });
  let isAborted = false;
  const sink = new WritableStream<Uint8Array>({
    abort: () => void (isAborted = true),
  });
  await using site = new WatchedSite(pipingInto(() => sink));

  const response = await site.visit("/", { method: "POST", body });

  assertEquals([response.status, isAborted], [400, true]);
});

Deno.test("SiteRequest.pipeTo() has an error of the sink reported, and cancels the body", async () => {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: () => void (isCancelled = true),
  });
  const full = new Error("disk full");
  const sink = new WritableStream<Uint8Array>({
    write() {
      throw full;
    },
  });
  await using site = new WatchedSite(pipingInto(() => sink));

  const response = await site.visit("/", { method: "POST", body });

  assertEquals([response.status, isCancelled], [500, true]);
  assertEquals(site.errors, [full]);
});

Deno.test("SiteRequest.pipeTo() refuses a body that has been read, and aborts the sink", async () => {
  let isAborted = false;
  class Twice extends Resource {
    override isLeaf = true;
    override async render_POST(request: SiteRequest): Promise<string> {
      await request.text();
      const sink = new WritableStream({ abort: () => void (isAborted = true) });
      await assertRejects(() => request.pipeTo(sink), TypeError, "read before");
      return "";
    }
  }
  await using site = new WatchedSite(new Twice());

  const response = await site.visit("/", { method: "POST", body: "x" });

  assertEquals([response.status, isAborted], [200, true]);
});
