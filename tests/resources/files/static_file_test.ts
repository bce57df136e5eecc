import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { isPlainName } from "../../../resources/files/file_tree.ts";
import { type Rendered, Resource, type SiteRequest } from "../../../mod.ts";
import { StaticData, StaticFile } from "../../../resources/static.ts";
import {
  type Files,
  FileSite,
  NEEDS_FILES,
  partsOf,
  rangeInit,
  TempFolder,
} from "../../helpers_files.ts";
import { rawRequest, WatchedSite } from "../../helpers_http.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

/** Long enough for several chunks, and no two bytes in step with them. */
const LARGE = new Uint8Array(300_000).map((_, at) => at % 251);

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test(name, NEEDS_FILES, fn);
}

test("StaticFile serves a file of the folder", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const response = await site.visit("/a.txt");

  assertEquals([response.status, await response.text()], [200, ALPHABET]);
  assertEquals(response.headers.get("content-length"), "26");
});

test("StaticFile serves files of folders below", async () => {
  await using site = new FileSite({ "a/b/c.txt": "deep" });

  assertEquals(await (await site.visit("/a/b/c.txt")).text(), "deep");
});

test("StaticFile serves a file of many chunks", async () => {
  await using site = new FileSite({ "large.bin": LARGE });

  assertEquals(await (await site.visit("/large.bin")).bytes(), LARGE);
});

test("StaticFile serves an empty file", async () => {
  await using site = new FileSite({ "empty.txt": "" });

  const response = await site.visit("/empty.txt");

  assertEquals([response.status, await response.text()], [200, ""]);
  assertEquals(response.headers.get("content-length"), "0");
});

test("StaticFile finds names with spaces, marks and letters of any kind", async () => {
  const names = ["a b.txt", "50%.txt", "what?.txt", "sörgås.txt", "a:b.txt"];
  await using site = new FileSite(
    Object.fromEntries(names.map((name) => [name, name])),
  );

  for (const name of names) {
    const response = await site.visit(`/${encodeURIComponent(name)}`);
    assertEquals(await response.text(), name);
  }
});

test("StaticFile finds a name by its bare percent sign too", async () => {
  await using site = new FileSite({ "50%.txt": "half" });

  const response = await site.fetch(rawRequest("http://localhost/50%.txt"));

  assertEquals(await response.text(), "half");
});

test("StaticFile serves a single file where it is put", async () => {
  using folder = new TempFolder({ "a.txt": ALPHABET });
  const root = new Resource().putChild(
    "letters",
    new StaticFile(folder.at("a.txt")),
  );
  await using site = new WatchedSite(root);

  assertEquals(await (await site.visit("/letters")).text(), ALPHABET);
});

test("StaticFile of a single file has nothing below it", async () => {
  using folder = new TempFolder({ "a.txt": ALPHABET });
  const root = new Resource().putChild(
    "letters",
    new StaticFile(folder.at("a.txt")),
  );
  await using site = new WatchedSite(root);

  assertEquals((await site.visit("/letters/")).status, 404);
  assertEquals((await site.visit("/letters/a.txt")).status, 404);
});

test("StaticFile of a single file may be the page of a folder", async () => {
  using folder = new TempFolder({ "a.txt": ALPHABET });
  const root = new Resource().putChild("", new StaticFile(folder.at("a.txt")));
  await using site = new WatchedSite(root);

  assertEquals(await (await site.visit("/")).text(), ALPHABET);
});

test("StaticFile of a folder may be put as the page of a folder", async () => {
  using folder = new TempFolder({ "index.html": "home" });
  const root = new Resource().putChild("", new StaticFile(folder.path));
  await using site = new WatchedSite(root);

  assertEquals(await (await site.visit("/")).text(), "home");
});

test("StaticFile may be a leaf", async () => {
  class Leaf extends StaticFile {
    override isLeaf = true;
  }
  using folder = new TempFolder({ "a/b.txt": "b", "index.html": "home" });
  await using site = new WatchedSite(new Leaf(folder.path));

  assertEquals(await (await site.visit("/a/b.txt")).text(), "b");
  assertEquals(await (await site.visit("/")).text(), "home");
  assertEquals((await site.visit("/a")).status, 302);
});

test("StaticFile takes a file URL", async () => {
  using folder = new TempFolder({ "a.txt": ALPHABET });
  await using site = new WatchedSite(
    new StaticFile(new URL(`file://${folder.path}`)),
  );

  assertEquals(await (await site.visit("/a.txt")).text(), ALPHABET);
});

test("StaticFile serves a child that was put before a file of that name", async () => {
  using folder = new TempFolder({ "a.txt": "file" });
  const root = new StaticFile(folder.path);
  root.putChild("a.txt", new StaticData("child", "text/plain"));
  await using site = new WatchedSite(root);

  assertEquals(await (await site.visit("/a.txt")).text(), "child");
});

test("StaticFile notices a file that was added", async () => {
  await using site = new FileSite();
  assertEquals((await site.visit("/a.txt")).status, 404);

  site.folder.write("a.txt", ALPHABET);

  assertEquals(await (await site.visit("/a.txt")).text(), ALPHABET);
});

test("StaticFile answers 404 with the site's own page", async () => {
  using folder = new TempFolder();
  await using site = new WatchedSite(new StaticFile(folder.path), {
    notFoundPage: new StaticData("nowhere", "text/plain"),
  });

  const response = await site.visit("/none.txt");

  assertEquals([response.status, await response.text()], [404, "nowhere"]);
});

test("StaticFile answers 404 below a file", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  for (const path of ["/a.txt/", "/a.txt/b", "/a.txt/b/c"]) {
    assertEquals((await site.visit(path)).status, 404, path);
  }
});

test("StaticFile answers 404 when the folder has gone", async () => {
  using folder = new TempFolder({ "in/a.txt": ALPHABET });
  await using site = new WatchedSite(
    new Resource().putChild("in", new StaticFile(folder.at("in"))),
  );
  Deno.removeSync(folder.at("in"), { recursive: true });

  assertEquals((await site.visit("/in")).status, 404);
  assertEquals((await site.visit("/in/a.txt")).status, 404);
  assertEquals(site.errors, []);
});

test("StaticFile answers methods other than GET and HEAD 405", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const response = await site.visit("/a.txt", { method });
    assertEquals(response.status, 405, method);
    assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
  }
});

test("StaticFile answers HEAD with the headers of GET", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const get = await site.visit("/a.txt");
  await get.text();
  const head = await site.visit("/a.txt", { method: "HEAD" });

  assertEquals(await head.text(), "");
  assertEquals([...head.headers], [...get.headers]);
});

for (
  const [name, type] of [
    ["a.html", "text/html; charset=UTF-8"],
    ["a.HTML", "text/html; charset=UTF-8"],
    ["a.css", "text/css; charset=UTF-8"],
    ["a.js", "text/javascript; charset=UTF-8"],
    ["a.svg", "image/svg+xml"],
    ["a.tar.gz", "application/gzip"],
    ["a.unknown", "application/octet-stream"],
    ["a", "application/octet-stream"],
    ["html", "application/octet-stream"],
    ["a.", "application/octet-stream"],
    ["a.__proto__", "application/octet-stream"],
  ] as const
) {
  test(`StaticFile serves ${name} as ${type}`, async () => {
    await using site = new FileSite({ [name]: ALPHABET });

    const response = await site.visit(`/${name}`);
    await response.text();

    assertEquals(response.headers.get("content-type"), type);
    assertEquals(response.headers.get("content-encoding"), null);
  });
}

test("StaticFile serves index.html for its folder", async () => {
  await using site = new FileSite({
    "index.html": "home",
    "a/index.html": "a",
  });

  assertEquals(await (await site.visit("/")).text(), "home");
  assertEquals(await (await site.visit("/a/")).text(), "a");
});

test("StaticFile serves index.htm if there is no index.html", async () => {
  await using site = new FileSite({ "index.htm": "old" });

  assertEquals(await (await site.visit("/")).text(), "old");
});

test("StaticFile serves the first of indexNames that is there", async () => {
  await using site = new FileSite(
    { "b.txt": "b", "c.txt": "c", "a.txt/": "" },
    {
      indexNames: ["a.txt", "b.txt", "c.txt"],
    },
  );

  assertEquals(await (await site.visit("/")).text(), "b");
});

test("StaticFile answers 404 for a folder without an index", async () => {
  await using site = new FileSite({ "a/b.txt": "b" });

  assertEquals((await site.visit("/a/")).status, 404);
});

test("StaticFile redirects to the slash of a folder, and keeps the query", async () => {
  await using site = new FileSite({ "a/b/index.html": "b" });

  const response = await site.visit("/a/b?x=1&y=%2F?");

  assertEquals(response.status, 302);
  assertEquals(response.headers.get("location"), "./b/?x=1&y=%2F?");
});

for (
  const [path, target] of [
    ["/in/a", "/in/a/"],
    ["/in/a%20b", "/in/a%20b/"],
    ["/in/evil.example:80", "/in/evil.example:80/"],
    ["/in/%61", "/in/%61/"],
    ["/in/c?//evil.example", "/in/c/?//evil.example"],
    ["/in", "/in/"],
  ] as const
) {
  test(`StaticFile redirects ${path} to ${target}`, async () => {
    using folder = new TempFolder({
      "a/": "",
      "a b/": "",
      "evil.example:80/": "",
      "c/": "",
    });
    await using site = new WatchedSite(
      new Resource().putChild("in", new StaticFile(folder.path)),
    );
    const url = `http://localhost${path}`;

    const response = await site.fetch(rawRequest(url));

    const location = response.headers.get("location") ?? "";
    assertEquals(new URL(location, url).href, `http://localhost${target}`);
  });
}

test("StaticFile redirects nobody to another host", async () => {
  await using site = new FileSite({ "evil.example/index.html": "" });

  for (
    const path of [
      "//evil.example",
      "///evil.example",
      "/\\evil.example",
      "/%2Fevil.example",
      "/%5Cevil.example",
      "/.//evil.example",
    ]
  ) {
    const response = await site.fetch(rawRequest(`http://localhost${path}`));
    assertEquals(response.status, 404, path);
  }
});

test("StaticFile redirects a POST nowhere", async () => {
  await using site = new FileSite({ "a/index.html": "a" });

  assertEquals((await site.visit("/a", { method: "POST" })).status, 405);
});

test("StaticFile adds no extension unless told", async () => {
  await using site = new FileSite({ "page.html": "page" });

  assertEquals((await site.visit("/page")).status, 404);
});

test("StaticFile adds the first of defaultExtensions that leads to a file", async () => {
  await using site = new FileSite(
    { "page.md/": "", "page.html": "page", "page.txt": "text" },
    { defaultExtensions: [".md", ".html", ".txt"] },
  );

  const response = await site.visit("/page");

  assertEquals(await response.text(), "page");
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=UTF-8",
  );
});

test("StaticFile adds an extension only to what is not there", async () => {
  await using site = new FileSite(
    { "page": "bare", "page.html": "page", "a/": "", "a.html": "a" },
    { defaultExtensions: [".html"] },
  );

  assertEquals(await (await site.visit("/page")).text(), "bare");
  assertEquals((await site.visit("/a")).status, 302);
});

test("StaticFile adds no extension to a folder, nor to nothing", async () => {
  await using site = new FileSite(
    { "page.html": "page", ".html": "hidden", "a/.html": "hidden" },
    { defaultExtensions: [".html"] },
  );

  for (const path of ["/page/", "/", "/a/", "/a//"]) {
    assertEquals((await site.visit(path)).status, 404, path);
  }
});

test("StaticFile lists folders first, each by name", async () => {
  await using site = new FileSite(
    { "b.txt": "", "a10.txt": "", "a9.txt": "", "z/": "", "y/": "" },
    { listing: true },
  );

  const text = await (await site.visit("/")).text();

  const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
  assertEquals(links, ["./y/", "./z/", "./a9.txt", "./a10.txt", "./b.txt"]);
});

test("StaticFileOptions.hidden is neither served nor listed", async () => {
  await using site = new FileSite(
    { "a.txt": "a", "b.bak": "b", "c.bak/d.txt": "d" },
    { listing: true, hidden: /\.BAK$/gi },
  );

  const text = await (await site.visit("/")).text();

  assertFalse(text.includes("bak"));
  for (const path of ["/b.bak", "/c.bak/", "/c.bak/d.txt"]) {
    assertEquals((await site.visit(path)).status, 404, path);
  }
  assertEquals((await site.visit("/a.txt")).status, 200);
});

test("StaticFileOptions.hidden that is no RegExp is a TypeError", () => {
  using folder = new TempFolder({});
  assertThrows(
    // @ts-expect-error a caller without types
    () => new StaticFile(folder.path, { hidden: "bak" }),
    TypeError,
    "hidden",
  );
});

test("StaticFile lists sizes and times", async () => {
  await using site = new FileSite({ "a.bin": new Uint8Array(1234) }, {
    listing: true,
  });
  Deno.utimeSync(site.folder.at("a.bin"), 0, new Date("2020-02-03T04:05:06Z"));

  const text = await (await site.visit("/")).text();

  assertStringIncludes(text, "<td>1.2 kB</td>");
  assertStringIncludes(text, "<span>2020-02-03</span> <span>04:05</span>");
});

test("StaticFile says that a folder is empty", async () => {
  await using site = new FileSite({ "a/b.txt": "" }, { listing: true });
  Deno.removeSync(site.folder.at("a/b.txt"));
  const says = async (path: string) =>
    (await (await site.visit(path)).text()).includes("This folder is empty.");

  assertEquals([await says("/"), await says("/a/")], [false, true]);
});

test("StaticFile lists with a way up below the root only", async () => {
  await using site = new FileSite({ "a/b.txt": "" }, { listing: true });

  assertFalse((await (await site.visit("/")).text()).includes('"../"'));
  assertStringIncludes(await (await site.visit("/a/")).text(), '"../"');
});

test("StaticFile lists names as text, never as markup or as links elsewhere", async () => {
  const names = ['<img src=x>"&.txt', "javascript:alert(1)", "a#b?c%d"];
  await using site = new FileSite(
    Object.fromEntries(names.map((name) => [name, name])),
    { listing: true },
  );

  const text = await (await site.visit("/")).text();

  assertFalse(text.includes("<img"));
  for (const [, link = ""] of text.matchAll(/href="([^"]*)"/g)) {
    const { origin, pathname } = new URL(link, "http://localhost/");
    assertEquals(origin, "http://localhost");
    const response = await site.visit(pathname);
    assertEquals(`/${encodeURIComponent(await response.text())}`, pathname);
  }
});

test("StaticFile lists a folder with a hostile name harmlessly", async () => {
  await using site = new FileSite({ "<script>/": "" }, { listing: true });

  const text = await (await site.visit("/%3Cscript%3E/")).text();

  assertFalse(text.includes("<script"));
});

test("StaticFile lists neither hidden files nor links", async () => {
  await using site = new FileSite({ ".env": "", "a.txt": "" }, {
    listing: true,
  });
  Deno.symlinkSync("a.txt", site.folder.at("link.txt"));

  const text = await (await site.visit("/")).text();

  assertFalse(text.includes(".env"));
  assertFalse(text.includes("link.txt"));
});

test("StaticFile lists what may be served", async () => {
  await using site = new FileSite({ ".env": "", "a.txt": "" }, {
    listing: true,
    dotFiles: true,
    followSymlinks: true,
  });
  Deno.symlinkSync("a.txt", site.folder.at("link.txt"));
  Deno.symlinkSync("none", site.folder.at("broken.txt"));

  const text = await (await site.visit("/")).text();

  assertStringIncludes(text, ".env");
  assertStringIncludes(text, "link.txt");
  assertFalse(text.includes("broken.txt"));
});

test("StaticFile lists no folder that has an index", async () => {
  await using site = new FileSite({ "index.html": "home" }, { listing: true });

  assertEquals(await (await site.visit("/")).text(), "home");
});

test("StaticFile lists to HEAD and not to POST", async () => {
  await using site = new FileSite({}, { listing: true });

  const head = await site.visit("/", { method: "HEAD" });
  const post = await site.visit("/", { method: "POST" });

  assertEquals([head.status, await head.text()], [200, ""]);
  assertEquals(post.status, 405);
});

const SECRET = "the secret";

/** A folder with something beside it, and in it what is not to be found. */
const GUARDED: Files = {
  "secret.txt": SECRET,
  "public/a.txt": ALPHABET,
  "public/sub/b.txt": "b",
  "public/.env": SECRET,
  "public/.git/config": SECRET,
  "public/sub/.htpasswd": SECRET,
};

for (
  const path of [
    "/../secret.txt",
    "/sub/../../secret.txt",
    "/sub/../a.txt",
    "/./a.txt",
    "/a.txt/.",
    "/..",
    "/../",
    "/.",
    "/sub/..",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/.%2e/secret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/%2e%2e%2fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/sub%2fb.txt",
    "/%2fetc%2fpasswd",
    "/%2Fetc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/etc/passwd",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/%5c..%5csecret.txt",
    "/sub%5cb.txt",
    "/a.txt%00",
    "/a.txt%00.html",
    "/%00",
    "/C:/secret.txt",
    "/C:%5csecret.txt",
    "/C:",
    "/file:///etc/passwd",
    "/%252e%252e/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%e0%80%ae%e0%80%ae/secret.txt",
    "/..;/secret.txt",
    "/....//secret.txt",
    "/~root/secret.txt",
    "/sub//b.txt",
    "//a.txt",
    "/a.txt%20",
    "/a.txt.",
    "/a.txt::$DATA",
    "/a.txt%0d%0ax:%20y",
    `/${"a".repeat(300)}`,
    `/${"a/".repeat(3000)}`,
    `/${"../../../".repeat(3000)}etc/passwd`,
    "/%ff%fe",
    "/%",
    "/\ufffd",
    "/.env",
    "/.git/config",
    "/.git/",
    "/sub/.htpasswd",
    "/%2eenv",
  ]
) {
  const name = path.length > 50 ? `${path.slice(0, 50)}...` : path;
  test(`StaticFile answers 404 to ${name}`, async () => {
    using folder = new TempFolder(GUARDED);
    await using site = new WatchedSite(
      new StaticFile(folder.at("public"), {
        listing: true,
        defaultExtensions: [".html"],
      }),
    );

    const response = await site.fetch(rawRequest(`http://localhost${path}`));

    assertEquals(response.status, 404);
    assertFalse((await response.text()).includes(SECRET));
    assertEquals(site.errors, []);
  });
}

test("StaticFile serves hidden files if told", async () => {
  using folder = new TempFolder(GUARDED);
  await using site = new WatchedSite(
    new StaticFile(folder.at("public"), { dotFiles: true }),
  );

  for (const path of ["/.env", "/.git/config"]) {
    assertEquals(await (await site.visit(path)).text(), SECRET);
  }
});

test("StaticFile leads out by dots no more if hidden files are served", async () => {
  using folder = new TempFolder(GUARDED);
  await using site = new WatchedSite(
    new StaticFile(folder.at("public"), { dotFiles: true, listing: true }),
  );

  for (const path of ["/../secret.txt", "/%2e%2e/secret.txt", "/..", "/../"]) {
    const response = await site.fetch(rawRequest(`http://localhost${path}`));
    assertEquals(response.status, 404, path);
  }
});

test("StaticFile follows no symbolic link", async () => {
  using folder = new TempFolder(GUARDED);
  Deno.symlinkSync("../secret.txt", folder.at("public/out.txt"));
  Deno.symlinkSync("..", folder.at("public/up"));
  Deno.symlinkSync("a.txt", folder.at("public/in.txt"));
  Deno.symlinkSync("loop", folder.at("public/loop"));
  await using site = new WatchedSite(new StaticFile(folder.at("public")));

  for (
    const path of ["/out.txt", "/up/secret.txt", "/up/", "/in.txt", "/loop"]
  ) {
    assertEquals((await site.visit(path)).status, 404, path);
  }
});

test("StaticFile follows no link to an index or a compressed copy", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET, "secret": SECRET });
  Deno.symlinkSync("secret", site.folder.at("index.html"));
  Deno.symlinkSync("secret", site.folder.at("a.txt.gz"));

  const response = await site.visit("/a.txt", {
    headers: { "accept-encoding": "gzip" },
  });

  assertEquals(await response.text(), ALPHABET);
  assertEquals((await site.visit("/")).status, 404);
});

test("StaticFile follows symbolic links if told", async () => {
  using folder = new TempFolder(GUARDED);
  Deno.symlinkSync("../secret.txt", folder.at("public/out.txt"));
  Deno.symlinkSync("..", folder.at("public/up"));
  await using site = new WatchedSite(
    new StaticFile(folder.at("public"), { followSymlinks: true }),
  );

  for (const path of ["/out.txt", "/up/secret.txt"]) {
    assertEquals(await (await site.visit(path)).text(), SECRET);
  }
});

test("StaticFile answers 404 to broken links and loops that it follows", async () => {
  await using site = new FileSite({}, { followSymlinks: true });
  Deno.symlinkSync("none", site.folder.at("broken"));
  Deno.symlinkSync("loop", site.folder.at("loop"));

  for (const path of ["/broken", "/loop", "/loop/"]) {
    assertEquals((await site.visit(path)).status, 404, path);
  }
  assertEquals(site.errors, []);
});

test("StaticFile leads out by dots no more if links are followed", async () => {
  using folder = new TempFolder(GUARDED);
  Deno.symlinkSync(".", folder.at("public/here"));
  await using site = new WatchedSite(
    new StaticFile(folder.at("public"), { followSymlinks: true }),
  );

  for (const path of ["/../secret.txt", "/here/%2e%2e/secret.txt"]) {
    const response = await site.fetch(rawRequest(`http://localhost${path}`));
    assertEquals(response.status, 404, path);
  }
});

test("StaticFile may have a link as its root", async () => {
  using folder = new TempFolder(GUARDED);
  Deno.symlinkSync("public", folder.at("current"));
  await using site = new WatchedSite(new StaticFile(folder.at("current")));

  assertEquals(await (await site.visit("/a.txt")).text(), ALPHABET);
});

Deno.test("StaticFile answers 404 for a pipe, and does not wait for it", {
  ignore: NEEDS_FILES.ignore || Deno.build.os === "windows" ||
    Deno.permissions.querySync({ name: "run" }).state !== "granted",
}, async () => {
  await using site = new FileSite();
  await new Deno.Command("mkfifo", { args: [site.folder.at("pipe")] }).output();

  assertEquals((await site.visit("/pipe")).status, 404);
});

Deno.test("isPlainName() refuses what Windows takes for another name", () => {
  for (
    const name of [
      "C:",
      "a.txt:stream",
      "con",
      "NUL.txt",
      "com1",
      "a.txt.",
      "a.txt ",
      "...",
      "HTACCE~1",
    ]
  ) {
    assertFalse(isPlainName(name, "windows"), name);
  }
});

Deno.test("isPlainName() lets names of Windows be names elsewhere", () => {
  for (const name of ["C:", "con", "a.txt.", "a~1", "a.txt"]) {
    assert(isPlainName(name, "linux"), name);
  }
});

test("StaticFile answers 403 for a file that may not be read", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });
  using _denied = denyOpening("a.txt");

  for (const method of ["GET", "HEAD"]) {
    assertEquals((await site.visit("/a.txt", { method })).status, 403);
  }
  assertEquals(site.errors, []);
});

test("StaticFile sends the file if a compressed copy may not be read", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET, "a.txt.gz": "zipped" });
  using _denied = denyOpening("a.txt.gz");

  const response = await site.visit("/a.txt", {
    headers: { "accept-encoding": "gzip" },
  });

  assertEquals(await response.text(), ALPHABET);
});

test("StaticFile has a strong ETag and the time of the last change", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });
  Deno.utimeSync(site.folder.at("a.txt"), 0, new Date("2020-02-03T04:05:06Z"));

  const { headers, body } = await site.visit("/a.txt");
  await body?.cancel();

  assertMatch(headers.get("etag") ?? "", /^"[^"]+"$/);
  assertEquals(headers.get("last-modified"), "Mon, 03 Feb 2020 04:05:06 GMT");
});

test("StaticFile has another ETag after a change", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });
  const before = await etagOf(site);

  site.folder.write("a.txt", `${ALPHABET}!`);

  assertNotEquals(await etagOf(site), before);
});

test("StaticFile has the same ETag until then", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  assertEquals(await etagOf(site), await etagOf(site));
});

/** Headers, by the entity tag of the file, and the status that they lead to. */
const CONDITIONS: readonly (readonly [
  name: string,
  headers: (etag: string) => Record<string, string>,
  status: number,
])[] = [
  ["its If-None-Match", (etag) => ({ "if-none-match": etag }), 304],
  [
    "its If-None-Match among others",
    (etag) => ({ "if-none-match": `"x", ${etag}` }),
    304,
  ],
  [
    "its If-None-Match, weak",
    (etag) => ({ "if-none-match": `W/${etag}` }),
    304,
  ],
  ["If-None-Match *", () => ({ "if-none-match": "*" }), 304],
  ["another If-None-Match", () => ({ "if-none-match": '"x"' }), 200],
  [
    "an If-Modified-Since of its time",
    () => ({ "if-modified-since": "Mon, 03 Feb 2020 04:05:06 GMT" }),
    304,
  ],
  [
    "a later If-Modified-Since",
    () => ({ "if-modified-since": "Tue, 04 Feb 2020 04:05:06 GMT" }),
    304,
  ],
  [
    "an earlier If-Modified-Since",
    () => ({ "if-modified-since": "Mon, 03 Feb 2020 04:05:05 GMT" }),
    200,
  ],
  [
    "an unreadable If-Modified-Since",
    () => ({ "if-modified-since": "soon" }),
    200,
  ],
  [
    "another If-None-Match, whatever If-Modified-Since says",
    () => ({
      "if-none-match": '"x"',
      "if-modified-since": "Tue, 04 Feb 2020 04:05:06 GMT",
    }),
    200,
  ],
  ["its If-Match", (etag) => ({ "if-match": etag }), 200],
  ["If-Match *", () => ({ "if-match": "*" }), 200],
  [
    "If-Match * behind a no-break space",
    () => ({ "if-match": "\xa0*" }),
    412,
  ],
  [
    "its If-Match in a list",
    (etag) => ({ "if-match": `"x",\t${etag}` }),
    200,
  ],
  [
    "its If-Match behind a no-break space",
    (etag) => ({ "if-match": `"x",\xa0${etag}` }),
    412,
  ],
  ["another If-Match", () => ({ "if-match": '"x"' }), 412],
  ["its If-Match, weak", (etag) => ({ "if-match": `W/${etag}` }), 412],
  [
    "another If-Match and its If-None-Match",
    (etag) => ({ "if-match": '"x"', "if-none-match": etag }),
    412,
  ],
  [
    "its If-Match, whatever If-Unmodified-Since says",
    (etag) => ({
      "if-match": etag,
      "if-unmodified-since": "Mon, 03 Feb 2020 04:05:05 GMT",
    }),
    200,
  ],
  [
    "an If-Unmodified-Since of its time",
    () => ({ "if-unmodified-since": "Mon, 03 Feb 2020 04:05:06 GMT" }),
    200,
  ],
  [
    "an earlier If-Unmodified-Since",
    () => ({ "if-unmodified-since": "Mon, 03 Feb 2020 04:05:05 GMT" }),
    412,
  ],
  [
    "an unreadable If-Unmodified-Since",
    () => ({ "if-unmodified-since": "soon" }),
    200,
  ],
];

for (const [name, headers, status] of CONDITIONS) {
  for (const method of ["GET", "HEAD"]) {
    test(`StaticFile answers ${status} to ${method} with ${name}`, async () => {
      await using site = new FileSite({ "a.txt": ALPHABET });
      const time = new Date("2020-02-03T04:05:06Z");
      Deno.utimeSync(site.folder.at("a.txt"), 0, time);

      const response = await site.visit("/a.txt", {
        method,
        headers: headers(await etagOf(site)),
      });
      await response.text();

      assertEquals(response.status, status);
      assertEquals(site.errors, []);
    });
  }
}

test("StaticFile says in a 304 what it would say in a 200", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET, "a.txt.gz": "zipped" }, {
    cacheControl: "no-cache",
  });
  const etag = await etagOf(site);

  const response = await site.visit("/a.txt", {
    headers: { "if-none-match": etag },
  });

  const { headers } = response;
  assertEquals(response.status, 304);
  assertEquals(headers.get("etag"), etag);
  assertEquals(headers.get("cache-control"), "no-cache");
  assertEquals(headers.get("vary"), "accept-encoding");
  assertEquals(headers.get("content-type"), null);
  assertEquals(headers.get("content-length"), null);
});

test("StaticFile says no Cache-Control unless told", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const { headers, body } = await site.visit("/a.txt");
  await body?.cancel();

  assertEquals(headers.get("cache-control"), null);
});

test("StaticFile says cacheControl of files, not of what went wrong", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET, "b/": "" }, {
    cacheControl: "max-age=60",
    listing: true,
  });
  const cacheControl = async (path: string, init: RequestInit = {}) => {
    const response = await site.visit(path, init);
    await response.text();
    return response.headers.get("cache-control");
  };

  assertEquals(await cacheControl("/a.txt"), "max-age=60");
  assertEquals(
    await cacheControl("/a.txt", rangeInit("bytes=0-1")),
    "max-age=60",
  );
  assertEquals(await cacheControl("/a.txt", rangeInit("bytes=99-")), null);
  assertEquals(
    await cacheControl("/a.txt", { headers: { "if-match": '"x"' } }),
    null,
  );
  assertEquals(await cacheControl("/none"), null);
  assertEquals(await cacheControl("/b"), null);
  assertEquals(await cacheControl("/b/"), null);
});

test("StaticFile says that it has ranges", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const { headers, body } = await site.visit("/a.txt");
  await body?.cancel();

  assertEquals(headers.get("accept-ranges"), "bytes");
});

for (
  const [range, text, contentRange] of [
    ["bytes=0-4", "abcde", "bytes 0-4/26"],
    ["bytes=23-", "xyz", "bytes 23-25/26"],
    ["bytes=-2", "yz", "bytes 24-25/26"],
    ["bytes=-100", ALPHABET, "bytes 0-25/26"],
    ["bytes=24-100", "yz", "bytes 24-25/26"],
    ["bytes=0-2,26-", "abc", "bytes 0-2/26"],
  ] as const
) {
  test(`StaticFile sends ${contentRange} for ${range}`, async () => {
    await using site = new FileSite({ "a.txt": ALPHABET });

    const response = await site.visit("/a.txt", rangeInit(range));

    const { headers } = response;
    assertEquals([response.status, await response.text()], [206, text]);
    assertEquals(headers.get("content-range"), contentRange);
    assertEquals(headers.get("content-length"), String(text.length));
    assertEquals(headers.get("content-type"), "text/plain; charset=UTF-8");
  });
}

for (const range of ["bytes=4-2", "bytes=,", "items=0-4", "bytes=a-b", ""]) {
  test(`StaticFile sends the whole file for the range "${range}"`, async () => {
    await using site = new FileSite({ "a.txt": ALPHABET });

    const response = await site.visit("/a.txt", rangeInit(range));

    assertEquals([response.status, await response.text()], [200, ALPHABET]);
    assertEquals(response.headers.get("content-range"), null);
  });
}

for (const range of ["bytes=26-", "bytes=-0", "bytes=100-,200-"]) {
  test(`StaticFile answers 416 to the range ${range}`, async () => {
    await using site = new FileSite({ "a.txt": ALPHABET });

    const response = await site.visit("/a.txt", rangeInit(range));

    assertEquals([response.status, await response.text()], [416, ""]);
    assertEquals(response.headers.get("content-range"), "bytes */26");
    assertEquals(site.errors, []);
  });
}

test("StaticFile sends an empty file whole for a suffix", async () => {
  await using site = new FileSite({ "empty.txt": "" });

  const response = await site.visit("/empty.txt", rangeInit("bytes=-5"));

  assertEquals([response.status, await response.text()], [200, ""]);
});

test("StaticFile answers 416 to other ranges of an empty file", async () => {
  await using site = new FileSite({ "empty.txt": "" });

  const response = await site.visit("/empty.txt", rangeInit("bytes=0-"));

  assertEquals(response.status, 416);
  assertEquals(response.headers.get("content-range"), "bytes */0");
});

test("StaticFile sends several ranges as multipart/byteranges", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const response = await site.visit("/a.txt", rangeInit("bytes=-1, 0-2,4-4"));

  assertEquals(response.status, 206);
  assertEquals(response.headers.get("content-range"), null);
  const parts = await partsOf(response);
  assertEquals(parts.map(({ text }) => text), ["z", "abc", "e"]);
  assertEquals(
    parts.map(({ headers }) => headers.get("content-range")),
    ["bytes 25-25/26", "bytes 0-2/26", "bytes 4-4/26"],
  );
  assertEquals(
    parts[0]!.headers.get("content-type"),
    "text/plain; charset=UTF-8",
  );
});

test("StaticFile knows the length of several ranges", async () => {
  await using site = new FileSite({ "large.bin": LARGE });

  const response = await site.visit(
    "/large.bin",
    rangeInit("bytes=0-99999,200000-299999"),
  );

  const { byteLength } = await response.bytes();
  assertEquals(response.headers.get("content-length"), String(byteLength));
});

test("StaticFile sends overlapping and many ranges as the whole file", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  for (
    const range of [
      `bytes=${"0-,".repeat(5000)}`,
      `bytes=${"0-0,".repeat(5000)}`,
      "bytes=0-20,5-25",
    ]
  ) {
    const response = await site.visit("/a.txt", rangeInit(range));
    assertEquals([response.status, await response.text()], [200, ALPHABET]);
  }
});

test("StaticFile sends ranges across chunks", async () => {
  await using site = new FileSite({ "large.bin": LARGE });

  const response = await site.visit(
    "/large.bin",
    rangeInit("bytes=65000-200000"),
  );

  assertEquals(await response.bytes(), LARGE.slice(65000, 200001));
});

test("StaticFile passes over ranges of HEAD", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const response = await site.visit("/a.txt", {
    method: "HEAD",
    ...rangeInit("bytes=0-4"),
  });

  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-length"), "26");
});

/** If-Range headers, by the entity tag, and the status of a range with them. */
const IF_RANGES:
  readonly (readonly [string, (etag: string) => string, number])[] = [
    ["its ETag", (etag) => etag, 206],
    ["its ETag, weak", (etag) => `W/${etag}`, 200],
    ["another ETag", () => '"x"', 200],
    ["its time", () => "Mon, 03 Feb 2020 04:05:06 GMT", 206],
    ["a later time", () => "Mon, 03 Feb 2020 04:05:07 GMT", 200],
    ["an earlier time", () => "Mon, 03 Feb 2020 04:05:05 GMT", 200],
    ["nonsense", () => "soon", 200],
  ];

for (const [name, ifRange, status] of IF_RANGES) {
  test(`StaticFile answers ${status} to a range with If-Range of ${name}`, async () => {
    await using site = new FileSite({ "a.txt": ALPHABET });
    const time = new Date("2020-02-03T04:05:06Z");
    Deno.utimeSync(site.folder.at("a.txt"), 0, time);

    const response = await site.visit(
      "/a.txt",
      rangeInit("bytes=0-4", { "if-range": ifRange(await etagOf(site)) }),
    );
    await response.text();

    assertEquals(response.status, status);
  });
}

test("StaticFile answers 304 rather than 416", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const response = await site.visit(
    "/a.txt",
    rangeInit("bytes=99-", { "if-none-match": await etagOf(site) }),
  );

  assertEquals(response.status, 304);
});

const COMPRESSED: Files = {
  "a.txt": ALPHABET,
  "a.txt.br": "brotli",
  "a.txt.gz": "gzip",
  "b.txt": ALPHABET,
  "b.txt.gz": "gzip",
  "c.txt": ALPHABET,
  "c.txt.br": "brotli",
  "c.txt.gz": "gzip",
  "c.txt.zst": "zstd",
  "d.txt": ALPHABET,
  "d.txt.gz": "gzip",
  "d.txt.zst": "zstd",
};

for (
  const [path, accepted, encoding] of [
    ["/a.txt", "br", "br"],
    ["/a.txt", "gzip", "gzip"],
    ["/a.txt", "gzip, deflate, br, zstd", "br"],
    ["/a.txt", "br;q=0.5, gzip", "gzip"],
    ["/a.txt", "br;q=0, gzip", "gzip"],
    ["/a.txt", "*", "br"],
    ["/a.txt", "BR", "br"],
    ["/a.txt", "zstd", null],
    ["/a.txt", "identity", null],
    ["/a.txt", "identity;q=1, br;q=0.5", null],
    ["/a.txt", "br;q=0, gzip;q=0", null],
    ["/a.txt", "identity;q=0", null],
    ["/a.txt", ";;;,,,=", null],
    ["/a.txt", "", null],
    ["/a.txt", "\t gzip ,\t br", "br"],
    ["/a.txt", "\xa0br", null],
    ["/a.txt", "br\xa0", null],
    ["/a.txt", "gzip;\xa0q=1", null],
    ["/b.txt", "br, gzip", "gzip"],
    ["/b.txt", "br", null],
    ["/c.txt", "zstd", "zstd"],
    ["/c.txt", "gzip, deflate, br, zstd", "br"],
    ["/c.txt", "gzip, zstd", "zstd"],
    ["/c.txt", "ZSTD;q=0.9, gzip;q=0.9", "zstd"],
    ["/c.txt", "zstd;q=0.5, gzip", "gzip"],
    ["/d.txt", "gzip, deflate, br, zstd", "zstd"],
    ["/d.txt", "*", "zstd"],
    ["/d.txt", "zstd;q=0, *", "gzip"],
  ] as const
) {
  test(`StaticFile sends ${path} as ${encoding} to who accepts "${accepted}"`, async () => {
    await using site = new FileSite(COMPRESSED);

    const response = await site.visit(path, {
      headers: { "accept-encoding": accepted },
    });

    const { headers } = response;
    assertEquals(headers.get("content-encoding"), encoding);
    assertEquals(
      await response.text(),
      {
        br: "brotli",
        gzip: "gzip",
        zstd: "zstd",
        none: ALPHABET,
      }[encoding ?? "none"],
    );
    assertEquals(headers.get("content-type"), "text/plain; charset=UTF-8");
    assertEquals(headers.get("vary"), "accept-encoding");
  });
}

test("StaticFile sends the file to who says nothing of encodings", async () => {
  await using site = new FileSite(COMPRESSED);

  const response = await site.visit("/a.txt");

  assertEquals(await response.text(), ALPHABET);
  assertEquals(response.headers.get("vary"), "accept-encoding");
});

test("StaticFile says no Vary of a file without copies", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  const { headers, body } = await site.visit("/a.txt");
  await body?.cancel();

  assertEquals(headers.get("vary"), null);
});

test("StaticFile has another ETag for each encoding", async () => {
  await using site = new FileSite({ "a.txt": "same", "a.txt.gz": "size" });
  for (const name of ["a.txt", "a.txt.gz"]) {
    Deno.utimeSync(site.folder.at(name), 0, 0);
  }

  const etags = [await etagOf(site), await etagOf(site, "gzip")];

  assertNotEquals(etags[0], etags[1]);
});

test("StaticFile answers 304 to who has the compressed copy", async () => {
  await using site = new FileSite(COMPRESSED);
  const etag = await etagOf(site, "gzip");

  const response = await site.visit("/a.txt", {
    headers: { "accept-encoding": "gzip", "if-none-match": etag },
  });

  assertEquals(response.status, 304);
});

test("StaticFile sends ranges of the file, not of a copy", async () => {
  await using site = new FileSite(COMPRESSED);

  const response = await site.visit(
    "/a.txt",
    rangeInit("bytes=0-2", { "accept-encoding": "gzip" }),
  );

  assertEquals([response.status, await response.text()], [206, "abc"]);
  assertEquals(response.headers.get("content-encoding"), null);
});

test("StaticFile sends no range of the file to who has a part of a copy", async () => {
  await using site = new FileSite(COMPRESSED);
  const etag = await etagOf(site, "gzip");

  const response = await site.visit(
    "/a.txt",
    rangeInit("bytes=2-", { "accept-encoding": "gzip", "if-range": etag }),
  );

  assertEquals([response.status, await response.text()], [200, ALPHABET]);
});

test("StaticFile passes over a copy that is older than the file", async () => {
  await using site = new FileSite(COMPRESSED);
  Deno.utimeSync(site.folder.at("b.txt.gz"), 0, new Date(2000, 0));

  const response = await site.visit("/b.txt", {
    headers: { "accept-encoding": "gzip" },
  });

  assertEquals(await response.text(), ALPHABET);
  assertEquals(response.headers.get("vary"), null);
});

test("StaticFile passes over copies if told", async () => {
  await using site = new FileSite(COMPRESSED, { precompressed: false });

  const response = await site.visit("/a.txt", {
    headers: { "accept-encoding": "br" },
  });

  assertEquals(await response.text(), ALPHABET);
});

test("StaticFile serves a compressed index", async () => {
  await using site = new FileSite({
    "index.html": "home",
    "index.html.br": "brotli",
  });

  const response = await site.visit("/", {
    headers: { "accept-encoding": "br" },
  });

  assertEquals(await response.text(), "brotli");
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=UTF-8",
  );
});

// The sanitizer of resources fails a test of these that leaves a file open.

test("StaticFile leaves a small file closed that is not read", async () => {
  await using site = new FileSite({ "a.txt": ALPHABET });

  await site.visit("/a.txt");
});

test("StaticFile closes the file when the visitor has left", async () => {
  await using site = new FileSite({ "large.bin": LARGE });
  const { body } = await site.visit("/large.bin");
  const reader = body!.getReader();
  await reader.read();

  await reader.cancel();
});

test("StaticFile closes the file when the visitor leaves in the midst of a read", async () => {
  await using site = new FileSite({ "large.bin": LARGE });
  const { body } = await site.visit("/large.bin");
  const reader = body!.getReader();
  await reader.read();
  const reading = reader.read();

  await reader.cancel();
  await reading;
});

test("StaticFile reads no further than the visitor does", async () => {
  await using site = new FileSite({ "large.bin": new Uint8Array(5_000_000) });
  using reads = countReads();
  const { body } = await site.visit("/large.bin");
  const reader = body!.getReader();

  await reader.read();
  // Nothing is to come of it.
  await new Promise((resolve) => setTimeout(resolve, 20));

  assertEquals(reads.count, 1);
  await reader.cancel();
});

test("StaticFile breaks off a file that was cut short, and reports it", async () => {
  await using site = new FileSite({ "large.bin": LARGE });
  const { body } = await site.visit("/large.bin");
  const reader = body!.getReader();
  await reader.read();

  Deno.truncateSync(site.folder.at("large.bin"), 70_000);

  await assertRejects(
    async () => {
      while (!(await reader.read()).done);
    },
    Error,
    "the file changed meanwhile",
  );
  assertEquals(site.errors.length, 1);
});

test("StaticFile sends no more of a file that grows than it said", async () => {
  await using site = new FileSite({ "large.bin": LARGE });
  const { body } = await site.visit("/large.bin");
  const reader = body!.getReader();
  let count = (await reader.read()).value!.length;

  Deno.writeFileSync(site.folder.at("large.bin"), LARGE, { append: true });
  for (let next; !(next = await reader.read()).done;) {
    count += next.value.length;
  }

  assertEquals(count, LARGE.length);
});

test("StaticFile leaves nothing open if what wraps it throws", async () => {
  class Broken extends StaticFile {
    override async render_GET(request: SiteRequest): Promise<Rendered> {
      await super.render_GET(request);
      throw new Error("broken");
    }
  }
  using folder = new TempFolder({ "a.txt": ALPHABET });
  await using site = new WatchedSite(
    new Resource().putChild("a", new Broken(folder.at("a.txt"))),
  );

  assertEquals((await site.visit("/a")).status, 500);
});

test("StaticFile refuses a folder that is not there, and names it", () => {
  using folder = new TempFolder();

  assertThrows(
    () => new StaticFile(folder.at("none")),
    Deno.errors.NotFound,
    `Cannot serve "${folder.at("none")}": `,
  );
});

Deno.test("StaticFile refuses a folder that it has no permission for", {
  permissions: "none",
}, () => {
  assertThrows(
    () => new StaticFile("/srv"),
    Deno.errors.NotCapable,
    'Cannot serve "/srv": Requires read access',
  );
});

test("StaticFile refuses the empty path", () => {
  assertThrows(() => new StaticFile(""), Error, 'Cannot serve "": ');
});

test("StaticFile refuses a URL that is not of a file", () => {
  assertThrows(
    () => new StaticFile(new URL("https://localhost/")),
    TypeError,
    'Cannot serve "https://localhost/": ',
  );
});

Deno.test("StaticFile refuses what is neither a file nor a folder", {
  ignore: NEEDS_FILES.ignore || Deno.build.os === "windows",
}, () => {
  assertThrows(
    () => new StaticFile("/dev/null"),
    TypeError,
    'Cannot serve "/dev/null": it is neither a file nor a folder',
  );
});

test("StaticFile is not changed by its options later", async () => {
  using folder = new TempFolder({ "a.txt": ALPHABET });
  const options = { listing: false };
  await using site = new WatchedSite(new StaticFile(folder.path, options));

  options.listing = true;

  assertEquals((await site.visit("/")).status, 404);
});

/** The entity tag of a.txt. */
async function etagOf(site: WatchedSite, encoding = ""): Promise<string> {
  const { headers } = await site.visit("/a.txt", {
    method: "HEAD",
    headers: { "accept-encoding": encoding },
  });
  return headers.get("etag") ?? "";
}

/** Denies the opening of files of a name, as a system does that nobody is root of. */
function denyOpening(name: string): Disposable {
  const { open } = Deno;
  Deno.open = (path, options) =>
    String(path).endsWith(`/${name}`)
      ? Promise.reject(new Deno.errors.PermissionDenied("Permission denied"))
      : open(path, options);
  return { [Symbol.dispose]: () => void (Deno.open = open) };
}

/** Counts the reads of files. */
function countReads(): Disposable & { count: number } {
  const { prototype } = Deno.FsFile;
  const { read } = prototype;
  prototype.read = function (buffer) {
    reads.count++;
    return read.call(this, buffer);
  };
  const reads = {
    count: 0,
    [Symbol.dispose]: () => void (prototype.read = read),
  };
  return reads;
}
