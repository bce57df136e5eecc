import { Site } from "../../mod.ts";
import { StaticFile } from "../../resources/static.ts";
import { NEEDS_FILES, TempFolder } from "../helpers_files.ts";
import { type Row, testRows } from "./helpers_rows.ts";

const GO = "Go's tests of FileServer";
const TWISTED = "Twisted's tests of static.File";
const EXPRESS = "the tests of Express's send";
const NGINX = "nginx's static module";
const DATE = new Date("2020-02-03T04:05:06Z");

const FILES = {
  "a.txt": "abc",
  "page.html": "<p>",
  "style.css": "p {}",
  "app.js": "1",
  "app.mjs": "1",
  "data.json": "{}",
  "image.svg": "<svg/>",
  "image.png": "png",
  "font.woff2": "font",
  "module.wasm": "wasm",
  "noext": "raw",
  "strange.qqq": "raw",
  "UPPER.TXT": "upper",
  "two.dots.txt": "dots",
  "a b.txt": "space",
  "a+b.txt": "plus",
  "a%b.txt": "percent",
  "grün.txt": "green",
  "empty.txt": "",
  ".hidden": "secret",
  ".git/config": "secret",
  "dir/index.html": "index",
  "dir/b.txt": "b",
  "htm/index.htm": "htm",
  "bare/c.txt": "c",
};

function makeSite(): Site {
  const folder = new TempFolder(FILES);
  for (const name of Object.keys(FILES)) {
    Deno.utimeSync(folder.at(name), 0, DATE);
  }
  Deno.symlinkSync("/etc/hostname", folder.at("link.txt"));
  const site = new Site(new StaticFile(folder.path));
  const close = site.close.bind(site);
  site.close = async () => {
    await close();
    folder[Symbol.dispose]();
  };
  return site;
}

function type(path: string, type: string, source: string): Row {
  return {
    send: `GET ${path}`,
    expect: { status: 200, headers: { "content-type": type } },
    source,
  };
}

function absent(path: string, source: string, differs?: string): Row {
  return {
    send: `GET ${path}`,
    expect: 404,
    source,
    ...differs !== undefined && { differs },
  };
}

function found(path: string, body: string, source: string): Row {
  return { send: `GET ${path}`, expect: { status: 200, body }, source };
}

testRows(
  "Files",
  [
    found("/a.txt", "abc", GO),
    found("/dir/b.txt", "b", GO),
    found("/dir/", "index", GO),
    found("/htm/", "htm", TWISTED),
    found("/a%20b.txt", "space", GO),
    found("/a+b.txt", "plus", EXPRESS),
    found("/a%2Bb.txt", "plus", EXPRESS),
    found("/a%25b.txt", "percent", EXPRESS),
    found("/gr%C3%BCn.txt", "green", EXPRESS),
    found("/%61.txt", "abc", "RFC 3986, section 6.2.2.2"),
    found("/two.dots.txt", "dots", TWISTED),
    found("/noext", "raw", EXPRESS),
    found("/a.txt?v=1", "abc", GO),
    found("/empty.txt", "", EXPRESS),
    found("/./a.txt", "abc", "RFC 3986, section 5.2.4"),
    found("/dir/../a.txt", "abc", "RFC 3986, section 5.2.4"),
    type("/a.txt", "text/plain; charset=UTF-8", GO),
    type("/page.html", "text/html; charset=UTF-8", GO),
    type("/style.css", "text/css; charset=UTF-8", GO),
    type("/app.js", "text/javascript; charset=UTF-8", "RFC 9239"),
    type("/app.mjs", "text/javascript; charset=UTF-8", "RFC 9239"),
    type("/data.json", "application/json; charset=UTF-8", EXPRESS),
    type("/image.svg", "image/svg+xml", NGINX),
    type("/image.png", "image/png", NGINX),
    type("/font.woff2", "font/woff2", "RFC 8081"),
    type("/module.wasm", "application/wasm", "the WebAssembly standard"),
    type("/UPPER.TXT", "text/plain; charset=UTF-8", EXPRESS),
    {
      ...type("/noext", "application/octet-stream", TWISTED),
      differs: "Twisted says text/html, which runs what users uploaded",
    },
    {
      ...type("/strange.qqq", "application/octet-stream", GO),
      differs: "Go guesses by the content, which nosniff is to prevent",
    },
    absent("/absent", GO),
    absent("/dir/absent", GO),
    absent("/absent/a.txt", GO),
    absent("/a.txt/", TWISTED),
    absent("/a.txt/b", TWISTED),
    absent("/A.TXT", NGINX),
    absent("/bare/", EXPRESS),
    {
      ...absent("/.hidden", GO),
      differs: "Go serves hidden files; they hold secrets",
    },
    {
      ...absent("/.git/config", TWISTED),
      differs: "Twisted serves hidden files; they hold secrets",
    },
    absent("/.git/", EXPRESS),
    {
      ...absent("/link.txt", NGINX),
      differs: "nginx follows links unless told; they lead out of the folder",
    },
    absent("/%2e%2e/%2e%2e/etc/passwd", GO),
    absent("/..%2f..%2fetc%2fpasswd", TWISTED),
    absent("/..%5c..%5cetc%5cpasswd", TWISTED),
    absent("/%2e%2e%2fetc/passwd", EXPRESS),
    absent("/a.txt%00", EXPRESS),
    absent("/%00", EXPRESS),
    absent("/dir%2Fb.txt", TWISTED),
    absent("/dir%5Cb.txt", GO),
    absent("//a.txt", NGINX, "nginx merges slashes; here each segment counts"),
    absent(
      "/dir//b.txt",
      NGINX,
      "nginx merges slashes; here each segment counts",
    ),
    absent(`/${"x".repeat(300)}`, EXPRESS),
    absent("/%ff", EXPRESS),
    absent(
      "/a%2",
      EXPRESS,
      "send answers 400 to a malformed escape; here it stands for itself",
    ),
    {
      send: "GET /dir",
      expect: { status: 302, headers: { location: "./dir/" } },
      source: GO,
      differs: "Go answers 301, which browsers keep for ever",
    },
    {
      send: "GET /dir?x=1",
      expect: { status: 302, headers: { location: "./dir/?x=1" } },
      source: GO,
    },
    { send: "HEAD /dir", expect: 302, source: TWISTED },
    {
      send: "GET /bare",
      expect: { status: 302, headers: { location: "./bare/" } },
      source: EXPRESS,
    },
    {
      send: "GET /dir/index.html",
      expect: { status: 200, body: "index" },
      source: GO,
      differs: "Go redirects to /dir/; here a file is where its name says",
    },
    {
      send: "HEAD /a.txt",
      expect: { status: 200, headers: { "content-length": "3" }, body: "" },
      source: TWISTED,
    },
    {
      send: "HEAD /absent",
      expect: { status: 404, body: "" },
      source: TWISTED,
    },
    {
      send: "HEAD /empty.txt",
      expect: { status: 200, headers: { "content-length": "0" } },
      source: EXPRESS,
    },
    {
      send: "GET /a.txt",
      expect: {
        status: 200,
        headers: {
          "content-length": "3",
          "accept-ranges": "bytes",
          "last-modified": "Mon, 03 Feb 2020 04:05:06 GMT",
        },
      },
      source: EXPRESS,
    },
    {
      send: "GET /a.txt",
      expect: {
        status: 200,
        headers: {
          "set-cookie": null,
          "cache-control": null,
          "content-encoding": null,
        },
      },
      source: NGINX,
    },
    {
      send: "GET /a.txt",
      expect: { status: 200, headers: { "x-content-type-options": "nosniff" } },
      source: "the Fetch standard",
      differs: "no peer sets it; files must not become pages",
    },
    {
      send: "POST /a.txt",
      expect: { status: 405, headers: { allow: "GET, HEAD, OPTIONS" } },
      source: TWISTED,
    },
    { send: "PUT /a.txt", expect: 405, source: TWISTED },
    { send: "DELETE /a.txt", expect: 405, source: NGINX },
    { send: "PATCH /a.txt", expect: 405, source: NGINX },
    {
      send: "OPTIONS /a.txt",
      expect: { status: 204, headers: { allow: "GET, HEAD, OPTIONS" } },
      source: "RFC 9110, section 9.3.7",
    },
    { send: "PROPFIND /a.txt", expect: 501, source: "RFC 9110, section 9.1" },
    {
      send: "GET /a.txt",
      headers: { "if-modified-since": "Mon, 03 Feb 2020 04:05:06 GMT" },
      expect: { status: 304, body: "" },
      source: TWISTED,
    },
    {
      send: "HEAD /a.txt",
      headers: { "if-modified-since": "Mon, 03 Feb 2020 04:05:06 GMT" },
      expect: 304,
      source: TWISTED,
    },
    {
      send: "GET /a.txt",
      headers: { range: "bytes=1-1" },
      expect: {
        status: 206,
        headers: { "content-range": "bytes 1-1/3" },
        body: "b",
      },
      source: TWISTED,
    },
    {
      send: "GET /a.txt",
      headers: { range: "bytes=3-" },
      expect: { status: 416, headers: { "content-range": "bytes */3" } },
      source: TWISTED,
    },
    {
      send: "GET /a.txt",
      headers: { "accept-encoding": "br, gzip" },
      expect: {
        status: 200,
        headers: { "content-encoding": null, vary: null },
      },
      source: NGINX,
    },
    {
      send: "GET /a.txt",
      headers: { accept: "image/png" },
      expect: { status: 200, body: "abc" },
      source: "RFC 9110, section 12.5.1",
    },
  ],
  makeSite,
  NEEDS_FILES,
);
