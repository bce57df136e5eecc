// The folders of scripts are temporary, so these tests need the permissions read
// and write; without them they are ignored.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Resource } from "../../mod.ts";
import { ScriptDirectory, StaticFile } from "../../resources/static.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestSite } from "../../testing.ts";
import { cookieOf, Leaf, Page, WatchedSite } from "../helpers_http.ts";
import { type Folder, makeFolder, testWith } from "../helpers_process.ts";

/** A test with a folder of scripts, and a site of it. */
function scriptTest(
  name: string,
  files: Record<string, string>,
  fn: (site: WatchedSite, folder: Folder) => void | Promise<void>,
): void {
  testWith(["read", "write"], name, async () => {
    using folder = makeFolder(files);
    await using site = new WatchedSite(new ScriptDirectory(folder.path));
    await fn(site, folder);
  });
}

/** A script whose resource answers GET with the value of an expression. */
function script(expression: string, before = ""): string {
  return `
import { Resource } from "@curfew/web";
${before}
class Page extends Resource {
  render_GET(request) {
    return String(${expression});
  }
}
export const resource = new Page();
`;
}

async function textOf(site: WatchedSite, path: string): Promise<string> {
  const response = await site.visit(path);
  const text = await response.text();
  assertEquals(response.status, 200, `${path}: ${text} ${site.errors[0]}`);
  return text;
}

async function statusOf(site: WatchedSite, path: string): Promise<number> {
  const response = await site.visit(path);
  await response.body?.cancel();
  return response.status;
}

/** Writes a file anew, in a way that its size does not tell. */
function rewrite(folder: Folder, name: string, text: string): void {
  folder.write(name, text);
  const later = new Date(Date.now() + 10_000);
  Deno.utimeSync(`${folder.path}/${name}`, later, later);
}

// Names.

scriptTest("ScriptDirectory serves NAME.resource.ts as /NAME", {
  "clock.resource.ts": `
import { Resource } from "@curfew/web";
class Clock extends Resource {
  override render_GET(): string {
    return "noon";
  }
}
export const resource: Resource = new Clock();
`,
}, async (site) => {
  assertEquals(await textOf(site, "/clock"), "noon");
});

scriptTest("ScriptDirectory serves NAME.resource.js as /NAME", {
  "clock.resource.js": script(`"noon"`),
}, async (site) => {
  assertEquals(await textOf(site, "/clock"), "noon");
});

scriptTest("ScriptDirectory prefers .ts to .js", {
  "clock.resource.js": script(`"js"`),
  "clock.resource.ts": `
import { Leaf } from "${import.meta.resolve("../helpers_http.ts")}";
export const resource = new Leaf(() => "ts");
`,
}, async (site) => {
  assertEquals(await textOf(site, "/clock"), "ts");
});

scriptTest("ScriptDirectory walks sub-folders", {
  "shop/eu/cart.resource.js": script(`"cart"`),
}, async (site) => {
  assertEquals(await textOf(site, "/shop/eu/cart"), "cart");
});

scriptTest("ScriptDirectory serves index.resource.ts as /", {
  "index.resource.js": script(`"home"`),
}, async (site) => {
  assertEquals(await textOf(site, "/"), "home");
});

scriptTest("ScriptDirectory serves the index of a sub-folder with its slash", {
  "shop/index.resource.js": script(`"shop"`),
}, async (site) => {
  assertEquals(await textOf(site, "/shop/"), "shop");
});

scriptTest("ScriptDirectory decodes the names of scripts", {
  "caf\u00e9 #1?.resource.js": script(`"open"`),
}, async (site) => {
  assertEquals(await textOf(site, "/caf%C3%A9%20%231%3F"), "open");
});

scriptTest("ScriptDirectory answers 404 where there is no script", {
  "shop/cart.resource.js": script(`"cart"`),
}, async (site) => {
  for (const path of ["/", "/nothing", "/shop", "/shop/", "/shop/nothing"]) {
    assertEquals(await statusOf(site, path), 404, path);
  }
  assertEquals(site.errors, []);
});

testWith(
  ["read", "write"],
  "ScriptDirectory answers 404 until the folder is there",
  async () => {
    using folder = makeFolder();
    await using site = new WatchedSite(
      new ScriptDirectory(`${folder.path}/later`),
    );
    assertEquals(await statusOf(site, "/clock"), 404);

    folder.write("later/clock.resource.js", script(`"noon"`));

    assertEquals(await textOf(site, "/clock"), "noon");
  },
);

testWith(
  ["read", "write"],
  "ScriptDirectory takes the folder as a file: URL",
  async () => {
    using folder = makeFolder({ "a b/clock.resource.js": script(`"noon"`) });
    const url = new URL("a%20b/", `file://${folder.path}/`);
    await using site = new WatchedSite(new ScriptDirectory(url));

    assertEquals(await textOf(site, "/clock"), "noon");
  },
);

// Slashes.

for (
  const [path, location] of [
    ["/shop", "shop/"],
    ["/shop/eu", "eu/"],
    ["/shop?a=1&b=%20", "shop/?a=1&b=%20"],
    ["/a%20b", "a%20b/"],
  ] as const
) {
  scriptTest(`ScriptDirectory sends ${path} on to ${location}`, {
    "shop/index.resource.js": script(`"index"`),
    "shop/eu/index.resource.js": script(`"index"`),
    "a b/index.resource.js": script(`"index"`),
  }, async (site) => {
    const response = await site.visit(path);

    assertEquals(response.status, 307);
    assertEquals(response.headers.get("location"), location);
  });
}

for (
  const [path, location] of [
    ["/app", "app/"],
    ["/app/shop", "shop/"],
  ] as const
) {
  scriptTest(`ScriptDirectory in a tree sends ${path} on to ${location}`, {
    "shop/index.resource.js": script(`"index"`),
  }, async (site) => {
    site.resource = new Resource().putChild("app", site.resource);
    const response = await site.visit(path);

    assertEquals(response.status, 307);
    assertEquals(response.headers.get("location"), location);
  });
}

scriptTest('ScriptDirectory as the child "" serves its index', {
  "index.resource.js": script(`"index"`),
}, async (site) => {
  site.resource = new Resource().putChild("", site.resource);

  assertEquals(await textOf(site, "/"), "index");
});

scriptTest('ScriptDirectory as the child "" answers 404 without an index', {
  "clock.resource.js": script(`"noon"`),
}, async (site) => {
  site.resource = new Resource().putChild("", site.resource);

  assertEquals(await statusOf(site, "/"), 404);
});

// Loading.

/** A script that counts in globalThis how often it was loaded. */
function countingScript(counter: string): string {
  return script(
    "++visits",
    `
globalThis.${counter} = (globalThis.${counter} ?? 0) + 1;
await new Promise((resolve) => setTimeout(resolve));
let visits = 0;
`,
  );
}

scriptTest("ScriptDirectory loads no script before it is asked for", {
  "one.resource.js": countingScript("loadsOfUnasked"),
  "two.resource.js": script(`"two"`),
}, async (site) => {
  assertEquals(await textOf(site, "/two"), "two");

  assertEquals(Reflect.get(globalThis, "loadsOfUnasked"), undefined);
});

scriptTest("ScriptDirectory loads a script once for requests at one time", {
  "count.resource.js": countingScript("loadsAtOnce"),
}, async (site) => {
  const texts = await Promise.all(
    ["/count", "/count", "/count"].map((path) => textOf(site, path)),
  );

  assertEquals(texts.sort(), ["1", "2", "3"]);
  assertEquals(Reflect.get(globalThis, "loadsAtOnce"), 1);
});

scriptTest("ScriptDirectory keeps a resource between requests", {
  "count.resource.js": countingScript("loadsKept"),
}, async (site) => {
  assertEquals(await textOf(site, "/count"), "1");
  assertEquals(await textOf(site, "/count"), "2");
});

scriptTest("ScriptDirectory loads a script anew when its size has changed", {
  "clock.resource.js": script(`"noon"`),
}, async (site, folder) => {
  assertEquals(await textOf(site, "/clock"), "noon");

  folder.write("clock.resource.js", script(`"midnight"`));

  assertEquals(await textOf(site, "/clock"), "midnight");
});

scriptTest("ScriptDirectory loads a script anew when its time has changed", {
  "clock.resource.js": script(`"noon"`),
}, async (site, folder) => {
  assertEquals(await textOf(site, "/clock"), "noon");

  rewrite(folder, "clock.resource.js", script(`"dusk"`));

  assertEquals(await textOf(site, "/clock"), "dusk");
});

scriptTest(
  "ScriptDirectory leaves other scripts as they are when one changes",
  {
    "count.resource.js": countingScript("loadsBeside"),
    "clock.resource.js": script(`"noon"`),
  },
  async (site, folder) => {
    await textOf(site, "/count");
    await textOf(site, "/clock");

    folder.write("clock.resource.js", script(`"midnight"`));
    await textOf(site, "/clock");

    assertEquals(await textOf(site, "/count"), "2");
  },
);

scriptTest("ScriptDirectory answers 404 once a script has been deleted", {
  "clock.resource.js": script(`"noon"`),
}, async (site, folder) => {
  await textOf(site, "/clock");

  Deno.removeSync(`${folder.path}/clock.resource.js`);

  assertEquals(await statusOf(site, "/clock"), 404);
  assertEquals(site.errors, []);
});

scriptTest("ScriptDirectory serves a script that has come since", {
  "clock.resource.js": script(`"noon"`),
}, async (site, folder) => {
  assertEquals(await statusOf(site, "/date"), 404);

  folder.write("date.resource.js", script(`"monday"`));

  assertEquals(await textOf(site, "/date"), "monday");
});

scriptTest("ScriptDirectory lets a script import what is beside it", {
  "clock.resource.js": script("time", `import { time } from "./time.js";`),
  "time.js": `export const time = "noon";`,
}, async (site) => {
  assertEquals(await textOf(site, "/clock"), "noon");
});

// Below a script.

const PATHS = `
import { Resource } from "@curfew/web";
class Paths extends Resource {
  isLeaf = true;
  render_GET({ prepath, postpath }) {
    return JSON.stringify([prepath, postpath]);
  }
}
`;

scriptTest("ScriptDirectory leaves a leaf the rest of the path", {
  "shop/paths.resource.js": `${PATHS} export const resource = new Paths();`,
}, async (site) => {
  assertEquals(
    JSON.parse(await textOf(site, "/shop/paths/a/b%2Fc/")),
    [["shop", "paths"], ["a", "b/c", ""]],
  );
});

scriptTest("ScriptDirectory finds the children of a script's resource", {
  "shop.resource.js": `${PATHS}
export const resource = new Resource().putChild("cart", new Paths());
`,
}, async (site) => {
  assertEquals(
    JSON.parse(await textOf(site, "/shop/cart/1")),
    [["shop", "cart"], ["1"]],
  );
});

scriptTest("ScriptDirectory asks a script's resource for children", {
  "shop.resource.js": `${PATHS}
class Shop extends Resource {
  getChild(name) {
    return name === "none" ? undefined : new Paths();
  }
}
export const resource = new Shop();
`,
}, async (site) => {
  assertEquals(
    JSON.parse(await textOf(site, "/shop/tea")),
    [["shop", "tea"], []],
  );
  assertEquals(await statusOf(site, "/shop/none"), 404);
});

scriptTest("ScriptDirectory prefers a script to a folder of its name", {
  "shop.resource.js": script(`"script"`),
  "shop/cart.resource.js": script(`"cart"`),
}, async (site) => {
  assertEquals(await textOf(site, "/shop"), "script");
  assertEquals(await statusOf(site, "/shop/cart"), 404);
});

scriptTest("ScriptDirectory prefers a child that was put to a script", {
  "clock.resource.js": script(`"script"`),
}, async (site) => {
  site.resource.putChild("clock", new Page(() => "child"));

  assertEquals(await textOf(site, "/clock"), "child");
});

// Broken scripts.

const BROKEN: readonly [what: string, text: string, said: string][] = [
  ["cannot be parsed", "export const = 1;", "failed before it could export"],
  ["throws", `throw new Error("boom");`, "failed before it could export"],
  ["throws null", "throw null;", "failed before it could export"],
  ["imports what is not there", `import "./nowhere.js";`, "failed before"],
  ["is empty", "", 'does not export a Resource as "resource"'],
  ["exports nothing of that name", "export const page = 1;", "does not export"],
  [
    "exports another value by default",
    "export default 1;",
    'its export "default" is not a Resource: 1',
  ],
  [
    "exports undefined",
    "export const resource = undefined;",
    'its export "resource" is not a Resource: undefined',
  ],
  [
    "exports a class",
    `import { Resource } from "@curfew/web";
     export class resource extends Resource {}`,
    'its export "resource" is not a Resource: the function "resource"',
  ],
  [
    "exports another object",
    "export const resource = new Map();",
    'its export "resource" is not a Resource: an object "Map"',
  ],
];

for (const [what, text, said] of BROKEN) {
  scriptTest(`ScriptDirectory reports a script that ${what}`, {
    "sub/broken.resource.js": text,
  }, async (site, folder) => {
    assertEquals(await statusOf(site, "/sub/broken"), 500);

    const [error] = site.errors;
    assertInstanceOf(error, Error);
    const file = JSON.stringify(`${folder.path}/sub/broken.resource.js`);
    assertStringIncludes(error.message, `Cannot load script ${file}: `);
    assertStringIncludes(error.message, said);
    assertEquals(site.contexts[0]?.request?.prepath, ["sub", "broken"]);
  });

  scriptTest(`ScriptDirectory serves a script that is mended, which ${what}`, {
    "broken.resource.js": text,
  }, async (site, folder) => {
    await statusOf(site, "/broken");

    folder.write("broken.resource.js", script(`"mended"`));

    assertEquals(await textOf(site, "/broken"), "mended");
  });
}

scriptTest("ScriptDirectory reports why a script failed as the cause", {
  "broken.resource.js": `throw new RangeError("boom");`,
}, async (site) => {
  await statusOf(site, "/broken");

  const { cause } = site.errors[0] as Error;
  assertInstanceOf(cause, RangeError);
  assertEquals(cause.message, "boom");
});

scriptTest("ScriptDirectory reports a broken script at each request", {
  "broken.resource.js": `throw new Error("boom");`,
}, async (site) => {
  await statusOf(site, "/broken");
  await statusOf(site, "/broken");

  assertEquals(site.errors.length, 2);
});

scriptTest("ScriptDirectory shows visitors nothing of a broken script", {
  "broken.resource.js": `throw new Error("boom");`,
}, async (site, folder) => {
  const text = await (await site.visit("/broken")).text();

  for (const secret of [folder.path, "broken.resource", "boom"]) {
    assert(!text.includes(secret), text);
  }
});

scriptTest("ScriptDirectory shows what is wrong with displayTracebacks", {
  "broken.resource.js": `throw new Error("boom");`,
}, async (site) => {
  site.displayTracebacks = true;
  const text = await (await site.visit("/broken")).text();

  assertStringIncludes(text, "broken.resource.js");
  assertStringIncludes(text, "boom");
});

scriptTest("ScriptDirectory serves its other scripts beside a broken one", {
  "broken.resource.js": "{",
  "clock.resource.js": script(`"noon"`),
}, async (site) => {
  await statusOf(site, "/broken");

  assertEquals(await textOf(site, "/clock"), "noon");
});

// What is not served.

for (
  const path of [
    "/clock.resource.js",
    "/clock.resource",
    "/sub/clock.resource.js",
    "/CLOCK.RESOURCE.JS",
    "/clock%2Eresource%2Ejs",
    "/page.html",
    "/time.js",
  ]
) {
  scriptTest(`ScriptDirectory does not serve the file ${path}`, {
    "clock.resource.js": script(`"noon"`),
    "sub/clock.resource.js": script(`"noon"`),
    "page.html": "<p>Hello</p>",
    "time.js": "export {}",
  }, async (site) => {
    assertEquals(await statusOf(site, path), 404);
  });
}

for (
  const path of [
    "/%2e%2e/outside",
    "/sub/%2e%2e/%2e%2e/outside",
    "/..%2Foutside",
    "/sub%2Fclock",
    "/..%5Coutside",
    "/./clock",
    "/%2e/clock",
    "//clock",
    "/sub//clock",
    "/clock%00",
    "/%00",
    "/.hidden",
    "/.git/config",
    `/${"x".repeat(300)}`,
    `/${"x/".repeat(2000)}`,
  ]
) {
  testWith(
    ["read", "write"],
    `ScriptDirectory finds nothing at ${path.slice(0, 40)}`,
    async () => {
      const text = script(`"secret"`);
      using folder = makeFolder({
        "outside.resource.js": text,
        "site/clock.resource.js": text,
        "site/sub/clock.resource.js": text,
        "site/.hidden.resource.js": text,
        "site/.git/config.resource.js": text,
      });
      await using site = new WatchedSite(
        new ScriptDirectory(`${folder.path}/site`),
      );
      // No URL parser folds what a visitor may send as it is.
      const request = Object.defineProperty(
        new Request("http://localhost/"),
        "url",
        { value: `http://localhost${path}` },
      );

      assertEquals((await site.fetch(request)).status, 404);
      assertEquals(site.errors, []);
    },
  );
}

scriptTest("ScriptDirectory takes no absolute name", {
  "clock.resource.js": script(`"noon"`),
}, async (site, folder) => {
  const name = encodeURIComponent(`${folder.path}/clock`);

  assertEquals(await statusOf(site, `/${name}`), 404);
  assertEquals(await statusOf(site, `/${folder.path}/clock`), 404);
});

scriptTest("ScriptDirectory takes no folder for a script", {
  "clock.resource.js/inside.txt": "",
}, async (site) => {
  assertEquals(await statusOf(site, "/clock"), 404);
});

testWith(
  ["read", "write"],
  "ScriptDirectory follows no symbolic link",
  async () => {
    using folder = makeFolder({
      "out/clock.resource.js": script(`"noon"`),
      "site/.keep": "",
    });
    const { path } = folder;
    Deno.symlinkSync(
      `${path}/out/clock.resource.js`,
      `${path}/site/clock.resource.js`,
    );
    Deno.symlinkSync(`${path}/out`, `${path}/site/out`);
    Deno.symlinkSync("loop.resource.js", `${path}/site/loop.resource.js`);
    await using site = new WatchedSite(new ScriptDirectory(`${path}/site`));

    assertEquals(await statusOf(site, "/clock"), 404);
    assertEquals(await statusOf(site, "/out/clock"), 404);
    assertEquals(await statusOf(site, "/loop"), 404);
    assertEquals(site.errors, []);
  },
);

testWith(
  ["read", "write"],
  "ScriptDirectory may be a symbolic link itself",
  async () => {
    using folder = makeFolder({ "site/clock.resource.js": script(`"noon"`) });
    const { path } = folder;
    Deno.symlinkSync(`${path}/site`, `${path}/link`);
    await using site = new WatchedSite(new ScriptDirectory(`${path}/link`));

    assertEquals(await textOf(site, "/clock"), "noon");
  },
);

// The fallback.

/** A site of a folder with a fallback for it. */
function fallbackTest(
  name: string,
  makeFallback: (folder: Folder) => Resource,
  fn: (site: WatchedSite, folder: Folder) => Promise<void>,
): void {
  scriptTest(name, {
    "clock.resource.js": script(`"noon"`),
    "page.html": "<p>page</p>",
    "sub/page.html": "<p>sub</p>",
    "sub/time.ts": "secret",
    "index.html": "<p>home</p>",
    "app/index.resource.js": script(`"app"`),
    "app/index.html": "<p>not this</p>",
  }, async (_site, folder) => {
    const fallback = makeFallback(folder);
    const root = new ScriptDirectory(folder.path, { fallback });
    await using site = new WatchedSite(root);
    await fn(site, folder);
  });
}

const staticFile = (folder: Folder) =>
  new StaticFile(folder.path, { defaultExtensions: [".ts", ".js", ".html"] });

for (
  const [path, text] of [
    ["/clock", "noon"],
    ["/page.html", "<p>page</p>"],
    ["/page", "<p>page</p>"],
    ["/sub/page.html", "<p>sub</p>"],
    ["/", "<p>home</p>"],
    ["/app/", "app"],
  ] as const
) {
  fallbackTest(
    `ScriptDirectory with StaticFile for a fallback serves ${path}`,
    staticFile,
    async (site) => {
      assertEquals(await textOf(site, path), text);
    },
  );
}

for (
  const path of [
    "/clock.resource.js",
    "/clock.resource",
    "/Clock.Resource.JS",
    "/app/index.resource.js",
    "/app/index.resource",
    "/sub/time.ts",
    "/sub/time.ts.",
    "/sub/time.TS",
    "/sub/time.mts",
    "/sub/time.tsx",
    "/clock.resource.js.gz",
  ]
) {
  fallbackTest(
    `ScriptDirectory asks no fallback for ${path}`,
    () => new Leaf(() => "secret"),
    async (site) => {
      assertEquals(await statusOf(site, path), 404);
    },
  );
}

fallbackTest(
  "ScriptDirectory gives a leaf for a fallback the whole path",
  () =>
    new Leaf(({ prepath, postpath }) => JSON.stringify([prepath, postpath])),
  async (site) => {
    site.resource = new Resource().putChild("in", site.resource);

    assertEquals(
      JSON.parse(await textOf(site, "/in/sub/a")),
      [["in"], ["sub", "a"]],
    );
  },
);

fallbackTest(
  "ScriptDirectory asks a fallback for its children",
  () => new Resource().putChild("other", new Page(() => "child")),
  async (site) => {
    assertEquals(await textOf(site, "/other"), "child");
    assertEquals(await statusOf(site, "/another"), 404);
  },
);

fallbackTest(
  "ScriptDirectory asks no fallback for what a script's resource has not",
  () => new Leaf(() => "fallback"),
  async (site) => {
    assertEquals(await statusOf(site, "/clock/other"), 404);
  },
);

// Making one.

Deno.test("ScriptDirectory refuses a folder that is no path", () => {
  const path = 1 as unknown as string;
  assertThrows(
    () => new ScriptDirectory(path),
    TypeError,
    "Cannot serve scripts: the folder is not a path: 1",
  );
});

Deno.test("ScriptDirectory refuses a URL of another scheme", () => {
  const url = new URL("https://localhost/site");
  assertThrows(() => new ScriptDirectory(url), TypeError, "file");
});

Deno.test("ScriptDirectory refuses a fallback that is no Resource", () => {
  const fallback = "page" as unknown as Resource;
  assertThrows(
    () => new ScriptDirectory("site", { fallback }),
    TypeError,
    'Cannot serve scripts: fallback is not a Resource: "page"',
  );
});

// Versions.

/** Writes a file as tools do that keep its size and the time of its contents. */
function restore(folder: Folder, name: string, text: string): void {
  const path = `${folder.path}/${name}`;
  const { atime, mtime, size } = Deno.statSync(path);
  assertEquals(new TextEncoder().encode(text).length, size);
  folder.write(name, text);
  Deno.utimeSync(path, atime!, mtime!);
}

scriptTest("ScriptDirectory serves a new version of the same size and time", {
  "page.resource.js": script(`"one"`),
}, async (site, folder) => {
  assertEquals(await textOf(site, "/page"), "one");
  for (const word of ["two", "six", "one", "ten"]) {
    restore(folder, "page.resource.js", script(`"${word}"`));
    assertEquals(await textOf(site, "/page"), word);
  }
});

scriptTest("ScriptDirectory serves a file that was renamed over another one", {
  "page.resource.js": script(`"one"`),
  "next.txt": script(`"two"`),
}, async (site, folder) => {
  const path = `${folder.path}/page.resource.js`;
  const { atime, mtime } = Deno.statSync(path);
  assertEquals(await textOf(site, "/page"), "one");
  Deno.utimeSync(`${folder.path}/next.txt`, atime!, mtime!);
  Deno.renameSync(`${folder.path}/next.txt`, path);
  assertEquals(await textOf(site, "/page"), "two");
});

scriptTest(
  "ScriptDirectory keeps the resource, and its state, while the file is the same",
  {
    "page.resource.js": script("++count", "let count = 0;"),
  },
  async (site) => {
    assertEquals(await textOf(site, "/page"), "1");
    assertEquals(await textOf(site, "/page"), "2");
  },
);

// Exports.

scriptTest("ScriptDirectory serves the default export", {
  "page.resource.js": script(`"page"`).replace(
    "export const resource =",
    "export default",
  ),
}, async (site) => {
  assertEquals(await textOf(site, "/page"), "page");
});

scriptTest(
  "ScriptDirectory prefers the export resource to the default export",
  {
    "page.resource.js": script(`"named"`) +
      "export default new Resource();",
  },
  async (site) => {
    assertEquals(await textOf(site, "/page"), "named");
  },
);

// Scripts that take long to load.

/** A folder with a script that waits, and a site of it. */
async function withGate(
  fn: (site: WatchedSite, folder: Folder, open: () => void) => Promise<void>,
): Promise<void> {
  using folder = makeFolder({
    "page.resource.js": script(`"page"`, "await globalThis.curfewTestGate;"),
  });
  const gate = Promise.withResolvers<void>();
  const globals = globalThis as { curfewTestGate?: Promise<void> };
  globals.curfewTestGate = gate.promise;
  const root = new ScriptDirectory(folder.path, { loadTimeout: 0.05 });
  await using site = new WatchedSite(root);
  await fn(site, folder, gate.resolve);
  // Deno reports a module that has not loaded when the tests are over.
  gate.resolve();
  delete globals.curfewTestGate;
}

testWith(
  ["read", "write"],
  "ScriptDirectory answers 503 for a script that does not load, and reports it once",
  () =>
    withGate(async (site, folder) => {
      const statuses = await Promise.all([
        statusOf(site, "/page"),
        statusOf(site, "/page"),
      ]);
      assertEquals(statuses, [503, 503]);
      assertEquals(await statusOf(site, "/page"), 503);
      assertEquals(site.errors.length, 1);
      assertStringIncludes(
        String(site.errors[0]),
        "it has not loaded after 0.05 s",
      );

      rewrite(folder, "page.resource.js", script(`"mended"`));
      assertEquals(await textOf(site, "/page"), "mended");
      site.errors.length = 0;
    }),
);

testWith(
  ["read", "write"],
  "ScriptDirectory serves a script that loads late, once it has",
  () =>
    withGate(async (site, _folder, open) => {
      assertEquals(await statusOf(site, "/page"), 503);
      open();
      while (await statusOf(site, "/page") === 503) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assertEquals(await textOf(site, "/page"), "page");
      site.errors.length = 0;
    }),
);

// Sessions.

testWith(
  ["read", "write"],
  "ScriptDirectory asks the store for no session, except for scripts that use it",
  async () => {
    using folder = makeFolder({
      "page.resource.js": script(`request.getSession().isActive`),
    });
    const store = new MemoryStore();
    await using site = new WatchedSite(new ScriptDirectory(folder.path), {
      store,
    });
    const cookie = cookieOf(await site.visit("/page"));
    let loads = 0;
    const load = store.load.bind(store);
    store.load = (...args) => {
      loads++;
      return load(...args);
    };

    const none = await site.visit("/none", { headers: { cookie } });
    assertEquals([none.status, loads], [404, 0]);
    const page = await site.visit("/page", { headers: { cookie } });
    assertEquals([await page.text(), loads], ["true", 1]);
  },
);

testWith(
  ["read", "write"],
  'ScriptDirectory as the child "" lets its index say whether it touches the session',
  async () => {
    using folder = makeFolder({
      "index.resource.js": `
import { Resource } from "@curfew/web";
class Poll extends Resource {
  touchesSession = false;
  render_GET(request) {
    return request.getSession().uid;
  }
}
export const resource = new Poll();
`,
    });
    const root = new Resource()
      .putChild("", new ScriptDirectory(folder.path))
      .putChild("visit", new Leaf((request) => request.getSession().uid));
    await using site = new TestSite(root, { sessionTimeout: 60 });
    await site.fetch("/visit");
    await site.advance(40);
    await site.fetch("/");
    await site.advance(40);

    assertEquals(site.ends.map(({ reason }) => reason), ["idle"]);
  },
);
