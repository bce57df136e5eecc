import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { Resource, type SiteRequest } from "../../mod.ts";
import { Leaf, look, Page, rawRequest, WatchedSite } from "../helpers_http.ts";

/** The segments that the tree sees of a URL as it came. */
function segmentsOf(path: string): Promise<string[]> {
  return look(
    ({ postpath }) => [...postpath],
    rawRequest(`http://localhost${path}`),
  );
}

/** Where a request is when a leaf at /a renders it. */
async function pathsAtA(path: string): Promise<[string[], string[]]> {
  const paths: [string[], string[]][] = [];
  const leaf = new Leaf(({ prepath, postpath }) => {
    paths.push([[...prepath], [...postpath]]);
    return "";
  });
  await using site = new WatchedSite(new Resource().putChild("a", leaf));
  await site.fetch(rawRequest(`http://localhost${path}`));
  return paths[0] ?? [[], []];
}

class Named extends Page {
  constructor(name: string) {
    super(() => name);
  }
}

// Segments.

for (
  const [path, segments] of [
    ["/", [""]],
    ["/a", ["a"]],
    ["/a/", ["a", ""]],
    ["//", ["", ""]],
    ["//a", ["", "a"]],
    ["/a//b", ["a", "", "b"]],
    ["/a/./b", ["a", ".", "b"]],
    ["/a/../b", ["a", "..", "b"]],
    ["/%2e%2e/b", ["..", "b"]],
    ["/A", ["A"]],
    ["/a+b", ["a+b"]],
    ["/a%20b", ["a b"]],
    ["/a%2Fb", ["a/b"]],
    ["/a%2fb/c", ["a/b", "c"]],
    ["/%3F%23", ["?#"]],
    ["/%00", ["\0"]],
    ["/%25", ["%"]],
    ["/%2541", ["%41"]],
    ["/a;p", ["a;p"]],
    ["/a;p=1/b", ["a;p=1", "b"]],
    ["/a?b/c", ["a"]],
    ["/a?b?c", ["a"]],
    ["/?/a", [""]],
    ["/a#b/c", ["a"]],
    ["/a#b?c", ["a"]],
    ["/a%3Fb", ["a?b"]],
    ["/a\\b", ["a\\b"]],
    ["/http://x/", ["http:", "", "x", ""]],
    ["/caf%C3%A9", ["caf\u00e9"]],
    ["/caf\u00e9", ["caf\u00e9"]],
    ["/%F0%9F%8D%B5", ["\u{1f375}"]],
    ["/%E2%82%AC", ["\u20ac"]],
  ] as [string, string[]][]
) {
  Deno.test(`SiteRequest.postpath of ${JSON.stringify(path)} begins as ${JSON.stringify(segments)}`, async () => {
    assertEquals(await segmentsOf(path), segments);
  });
}

for (
  const [path, segment] of [
    ["%zz", "%zz"],
    ["%", "%"],
    ["%4", "%4"],
    ["100%", "100%"],
    ["%41%zz", "A%zz"],
    ["%zz%41", "%zzA"],
    ["%FF%41", "%FFA"],
    ["%41%FF", "A%FF"],
    ["%C3%41", "%C3A"],
    ["%C3%C3%A9", "%C3\u00e9"],
    ["%C3%A9%zz", "\u00e9%zz"],
    ["%F0%9F%8D%B5%", "\u{1f375}%"],
    ["%A9", "%A9"],
    ["%E0%A4%A", "%E0%A4%A"],
    ["%E0%A4%41", "%E0%A4A"],
    ["%C0%AF", "%C0%AF"],
    ["%C0%AF%41", "%C0%AFA"],
    ["%E0%80%AF", "%E0%80%AF"],
    ["%ED%A0%80", "%ED%A0%80"],
    ["%ED%A0%80%41", "%ED%A0%80A"],
    ["%F4%90%80%80", "%F4%90%80%80"],
    ["%F8%88%80%80%80", "%F8%88%80%80%80"],
    ["\u00e9%zz%C3%A9", "\u00e9%zz\u00e9"],
    ["%2F%zz", "/%zz"],
  ] as [string, string][]
) {
  Deno.test(`SiteRequest.postpath leaves what is malformed in ${JSON.stringify(path)}`, async () => {
    assertEquals(await segmentsOf(`/${path}`), [segment]);
  });
}

Deno.test("SiteRequest.postpath is malformed in one segment and decoded in the next", async () => {
  assertEquals(await segmentsOf("/%zz/%41"), ["%zz", "A"]);
});

Deno.test('SiteRequest.postpath is [""] of a URL without a path', async () => {
  const postpath = await look(
    ({ postpath }) => [...postpath],
    rawRequest("http://localhost"),
  );

  assertEquals(postpath, [""]);
});

Deno.test("SiteRequest.postpath begins behind the host and port", async () => {
  const postpath = await look(
    ({ postpath }) => [...postpath],
    rawRequest("https://[::1]:8443/a/b"),
  );

  assertEquals(postpath, ["a", "b"]);
});

Deno.test("SiteRequest.postpath holds a segment of a million characters", async () => {
  const segment = "a".repeat(1_000_000);

  assertEquals((await segmentsOf(`/${segment}`))[0]?.length, 1_000_000);
});

Deno.test("SiteRequest.postpath holds a hundred thousand escapes that are malformed", async () => {
  const segment = "%E0%A4".repeat(100_000);

  assertEquals((await segmentsOf(`/${segment}`))[0]?.length, 600_000);
});

Deno.test("Site.fetch() walks ten thousand segments", async () => {
  class Deep extends Page {
    override getChild(): Resource {
      return this;
    }
  }
  await using site = new WatchedSite(
    new Deep(({ prepath }) => String(prepath.length)),
  );

  const response = await site.visit("/a".repeat(10_000));

  assertEquals(await response.text(), "10000");
});

Deno.test("Site.fetch() walks ten thousand segments by promises", async () => {
  class Deep extends Page {
    override getChild(): Promise<Resource> {
      return Promise.resolve(this);
    }
  }
  await using site = new WatchedSite(
    new Deep(({ prepath }) => String(prepath.length)),
  );

  const response = await site.visit("/a".repeat(10_000));

  assertEquals(await response.text(), "10000");
});

// Static children.

Deno.test('Site.fetch() finds "/" in the child "" of the root', async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Named("index")),
  );

  assertEquals(await (await site.visit("/")).text(), "index");
});

Deno.test('Site.fetch() finds no "/" in a root without a child ""', async () => {
  await using site = new WatchedSite(new Named("root"));

  assertEquals((await site.visit("/")).status, 404);
});

Deno.test("Site.fetch() distinguishes /a from /a/", async () => {
  const a = new Named("a").putChild("", new Named("folder"));
  await using site = new WatchedSite(new Resource().putChild("a", a));

  const texts = [
    await (await site.visit("/a")).text(),
    await (await site.visit("/a/")).text(),
  ];

  assertEquals(texts, ["a", "folder"]);
});

Deno.test("Site.fetch() finds children below a resource that renders", async () => {
  const a = new Named("a").putChild("b", new Named("b"));
  await using site = new WatchedSite(new Resource().putChild("a", a));

  const texts = [
    await (await site.visit("/a")).text(),
    await (await site.visit("/a/b")).text(),
  ];

  assertEquals(texts, ["a", "b"]);
});

Deno.test('Site.fetch() finds a child named "a/b" by %2F', async () => {
  await using site = new WatchedSite(
    new Resource().putChild("a/b", new Named("found")),
  );

  assertEquals(await (await site.visit("/a%2Fb")).text(), "found");
});

Deno.test('Site.fetch() finds no child named "a/b" by a slash', async () => {
  await using site = new WatchedSite(
    new Resource().putChild("a/b", new Named("found")),
  );

  assertEquals((await site.visit("/a/b")).status, 404);
});

Deno.test("Site.fetch() does not merge slashes", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("a", new Named("a")),
  );

  assertEquals((await site.visit("//a")).status, 404);
});

Deno.test('Site.fetch() finds a child of the child "" behind two slashes', async () => {
  await using site = new WatchedSite(
    new Resource().putChild("", new Resource().putChild("a", new Named("a"))),
  );

  assertEquals(await (await site.visit("//a")).text(), "a");
});

Deno.test("Site.fetch() distinguishes case", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("a", new Named("a")),
  );

  assertEquals((await site.visit("/A")).status, 404);
});

Deno.test("Site.fetch() takes dot segments for names", async () => {
  await using site = new WatchedSite(
    new Resource().putChild("a", new Named("a")).putChild("b", new Named("b")),
  );

  const response = await site.fetch(rawRequest("http://localhost/b/../a"));

  assertEquals(response.status, 404);
});

Deno.test("Site.fetch() takes a new Site.resource from the next request on", async () => {
  await using site = new WatchedSite(() => "old");
  await site.visit();

  site.resource = new Leaf(() => "new");

  assertEquals(await (await site.visit()).text(), "new");
});

// prepath and postpath.

Deno.test("Resource.isLeaf stops the walk and leaves the rest in postpath", async () => {
  assertEquals(await pathsAtA("/a/b/c"), [["a"], ["b", "c"]]);
});

Deno.test("Resource.isLeaf leaves nothing in postpath where the path ends", async () => {
  assertEquals(await pathsAtA("/a"), [["a"], []]);
});

Deno.test('Resource.isLeaf leaves a slash at the end as ""', async () => {
  assertEquals(await pathsAtA("/a/"), [["a"], [""]]);
});

Deno.test("Resource.isLeaf leaves empty segments in postpath", async () => {
  assertEquals(await pathsAtA("/a//b/"), [["a"], ["", "b", ""]]);
});

Deno.test("Resource.isLeaf leaves decoded segments in postpath", async () => {
  assertEquals(await pathsAtA("/a/a%2Fb/c%20d/%zz/+"), [
    ["a"],
    ["a/b", "c d", "%zz", "+"],
  ]);
});

Deno.test("Resource.isLeaf of the root leaves the whole path in postpath", async () => {
  const paths = await look(
    ({ prepath, postpath }) => [prepath, postpath],
    new Request("http://localhost/a/b"),
  );

  assertEquals(paths, [[], ["a", "b"]]);
});

Deno.test('Resource.isLeaf of the root leaves [""] of "/"', async () => {
  const paths = await look(({ prepath, postpath }) => [prepath, postpath]);

  assertEquals(paths, [[], [""]]);
});

Deno.test("Resource.isLeaf goes before the children", async () => {
  const leaf = new Leaf(() => "leaf").putChild("b", new Named("child"));
  await using site = new WatchedSite(new Resource().putChild("a", leaf));

  assertEquals(await (await site.visit("/a/b")).text(), "leaf");
});

Deno.test("SiteRequest.prepath holds the decoded way down", async () => {
  const page = new Page(({ prepath }) => JSON.stringify(prepath));
  const folder = new Resource().putChild("c d", page);
  await using site = new WatchedSite(new Resource().putChild("a/b", folder));

  const response = await site.visit("/a%2Fb/c%20d");

  assertEquals(await response.json(), ["a/b", "c d"]);
});

Deno.test("Resource.getChild() is called with prepath up to the name, postpath behind it", async () => {
  const steps: unknown[] = [];
  class Tracing extends Page {
    override getChild(name: string, request: SiteRequest): Resource {
      steps.push([name, [...request.prepath], [...request.postpath]]);
      return this;
    }
  }
  await using site = new WatchedSite(new Tracing(() => ""));

  await site.visit("/a/b/");

  assertEquals(steps, [
    ["a", ["a"], ["b", ""]],
    ["b", ["a", "b"], [""]],
    ["", ["a", "b", ""], []],
  ]);
});

Deno.test("Resource.getChild() may take segments out of postpath", async () => {
  class Taking extends Resource {
    override getChild(name: string, request: SiteRequest): Resource {
      return new Named(`${name} ${request.postpath.splice(0).join(" ")}`);
    }
  }
  await using site = new WatchedSite(new Taking());

  assertEquals(await (await site.visit("/a/b/c")).text(), "a b c");
});

// Dynamic children.

class Dynamic extends Resource {
  readonly #child: (name: string) => unknown;

  constructor(child: (name: string) => unknown) {
    super();
    this.#child = child;
  }

  override getChild(name: string): Resource | undefined {
    return this.#child(name) as Resource | undefined;
  }
}

Deno.test("Resource.getChild() answers undefined unless it is overridden", async () => {
  const child = await look((request) =>
    new Resource().putChild("a", new Resource()).getChild("a", request)
  );

  assertStrictEquals(child, undefined);
});

Deno.test("Resource.getChild() makes children when they are asked for", async () => {
  await using site = new WatchedSite(new Dynamic((name) => new Named(name)));

  assertEquals(await (await site.visit("/Ada")).text(), "Ada");
});

Deno.test("Resource.getChild() is answered at once where it answers at once", async () => {
  await using site = new WatchedSite(new Dynamic((name) => new Named(name)));

  assertInstanceOf(
    site.fetch(new Request("http://localhost/Ada")),
    Response,
  );
});

Deno.test("Resource.getChild() may answer a promise", async () => {
  await using site = new WatchedSite(
    new Dynamic((name) => Promise.resolve(new Named(name))),
  );

  assertEquals(await (await site.visit("/Ada")).text(), "Ada");
});

Deno.test("Resource.getChild() may answer a promise, and the walk goes on below it", async () => {
  const folder = new Resource().putChild(
    "b",
    new Page(({ prepath, postpath }) => JSON.stringify([prepath, postpath])),
  );
  await using site = new WatchedSite(
    new Dynamic(() => Promise.resolve(folder)),
  );

  const response = await site.visit("/a/b");

  assertEquals(await response.json(), [["a", "b"], []]);
});

Deno.test("Resource.getChild() may answer a promise of a leaf", async () => {
  const leaf = new Leaf(({ postpath }) => postpath.join(" "));
  await using site = new WatchedSite(new Dynamic(() => Promise.resolve(leaf)));

  assertEquals(await (await site.visit("/a/b/c")).text(), "b c");
});

Deno.test("Resource.getChild() that answers undefined is a 404", async () => {
  await using site = new WatchedSite(new Dynamic(() => undefined));

  const response = await site.visit("/a");

  assertEquals(response.status, 404);
  assertEquals(site.errors, []);
});

Deno.test("Resource.getChild() that answers a promise of undefined is a 404", async () => {
  await using site = new WatchedSite(
    new Dynamic(() => Promise.resolve(undefined)),
  );

  const response = await site.visit("/a");

  assertEquals(response.status, 404);
  assertEquals(site.errors, []);
});

Deno.test("Resource.getChild() that throws is a 500, reported", async () => {
  const error = new Error("no child");
  await using site = new WatchedSite(
    new Dynamic(() => {
      throw error;
    }),
  );

  const response = await site.visit("/a");

  assertEquals(response.status, 500);
  assertEquals(site.errors, [error]);
});

Deno.test("Resource.getChild() that rejects is a 500, reported", async () => {
  const error = new Error("no child");
  await using site = new WatchedSite(
    new Dynamic(() => Promise.reject(error)),
  );

  const response = await site.visit("/a");

  assertEquals(response.status, 500);
  assertEquals(site.errors, [error]);
});

Deno.test("Resource.getChild() that throws behind a promise is a 500, reported", async () => {
  const error = new Error("no child");
  const below = new Dynamic(() => {
    throw error;
  });
  await using site = new WatchedSite(
    new Dynamic(() => Promise.resolve(below)),
  );

  const response = await site.visit("/a/b");

  assertEquals(response.status, 500);
  assertEquals(site.errors, [error]);
});

for (const child of [null, "text", {}, 0, false, Resource]) {
  Deno.test(`Resource.getChild() that answers ${JSON.stringify(child) ?? "a class"} is a 500 that names its class`, async () => {
    await using site = new WatchedSite(new Dynamic(() => child));

    const response = await site.visit("/logme");

    assertEquals(response.status, 500);
    const [error] = site.errors;
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, '"logme" of Dynamic');
  });

  Deno.test(`Resource.getChild() that answers a promise of ${JSON.stringify(child) ?? "a class"} is a 500 that names its class`, async () => {
    await using site = new WatchedSite(
      new Dynamic(() => Promise.resolve(child)),
    );

    const response = await site.visit("/logme");

    assertEquals(response.status, 500);
    const [error] = site.errors;
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, '"logme" of Dynamic');
  });
}

Deno.test("Resource.getChild() is not asked for a child that was put", async () => {
  await using site = new WatchedSite(
    new Dynamic(() => new Named("dynamic")).putChild("a", new Named("static")),
  );

  const texts = [
    await (await site.visit("/a")).text(),
    await (await site.visit("/b")).text(),
  ];

  assertEquals(texts, ["static", "dynamic"]);
});

Deno.test('Resource.getChild() is asked for ""', async () => {
  await using site = new WatchedSite(
    new Dynamic((name) => new Named(`[${name}]`)),
  );

  assertEquals(await (await site.visit("/")).text(), "[]");
});

Deno.test("Resource.getChildWithDefault() may be overridden, children that were put included", async () => {
  class Guard extends Resource {
    override getChildWithDefault(name: string): Resource {
      return new Named(`guarded ${name}`);
    }
  }
  await using site = new WatchedSite(
    new Guard().putChild("a", new Named("static")),
  );

  assertEquals(await (await site.visit("/a")).text(), "guarded a");
});

Deno.test("Resource.getChildWithDefault() may be overridden and fall back", async () => {
  class Lower extends Resource {
    override getChildWithDefault(name: string, request: SiteRequest) {
      return super.getChildWithDefault(name.toLowerCase(), request);
    }
  }
  await using site = new WatchedSite(
    new Lower().putChild("a", new Named("static")),
  );

  assertEquals(await (await site.visit("/A")).text(), "static");
});

Deno.test("Site.fetch() answers OPTIONS * by 204 with all methods, and runs no code of the tree", async () => {
  class Root extends Resource {
    override getChildWithDefault(): never {
      throw new Error("walked");
    }
  }
  await using site = new WatchedSite(new Root());

  const response = await site.visit("/*", { method: "OPTIONS" });

  assertEquals(response.status, 204);
  assertEquals(
    response.headers.get("allow"),
    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
  );
  assertEquals(await response.text(), "");
  assertEquals(site.errors, []);
});

Deno.test("Site.fetch() has a child with the name * answer OPTIONS /*", async () => {
  const root = new Resource().putChild("*", new Resource());
  await using site = new WatchedSite(root);

  const response = await site.visit("/*", { method: "OPTIONS" });

  assertEquals(response.headers.get("allow"), "OPTIONS");
});

for (
  const [path, method] of [["/*", "GET"], ["/*/", "OPTIONS"], [
    "/a/*",
    "OPTIONS",
  ]]
) {
  Deno.test(`Site.fetch() walks the tree for ${method} ${path}`, async () => {
    await using site = new WatchedSite(new Resource());

    assertEquals((await site.visit(path!, { method: method! })).status, 404);
  });
}
