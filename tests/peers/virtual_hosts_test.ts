import {
  NameVirtualHost,
  Resource,
  Site,
  type SiteRequest,
} from "../../mod.ts";
import { type Row, testRows } from "./helpers_rows.ts";

const TWISTED = "Twisted's tests of vhost";
const NGINX = "nginx's server_name";
const GO = "Go's tests of ServeMux with hosts";
const RFC = "RFC 9110, section 7.2";
const URI = "RFC 3986, section 3.2.2";

class Says extends Resource {
  override isLeaf = true;
  constructor(readonly name: string) {
    super();
  }
  override render_GET({ prepath, postpath }: SiteRequest): string {
    return `${this.name} ${prepath}|${postpath}`;
  }
}

function makeSite(hasDefault = true): Site {
  const hosts = new NameVirtualHost(
    hasDefault ? new Says("default") : undefined,
  )
    .addHost("tea.example", new Says("tea"))
    .addHost("sub.tea.example", new Says("sub"))
    .addHost("tree.example", new Resource().putChild("a", new Says("tree")))
    .addHost("bücher.example", new Says("books"))
    .addHost("127.0.0.1", new Says("four"))
    .addHost("[::1]", new Says("six"));
  return new Site(hosts);
}

function goes(host: string, to: string, source: string, differs?: string): Row {
  return {
    send: "GET http://x.example/p",
    headers: { host },
    expect: { status: 200, body: `${to} |p` },
    source,
    ...differs !== undefined && { differs },
  };
}

function refused(host: string, source: string, differs?: string): Row {
  return {
    send: "GET http://x.example/p",
    headers: { host },
    expect: 400,
    source,
    ...differs !== undefined && { differs },
  };
}

testRows("Virtual hosts", [
  goes("tea.example", "tea", TWISTED),
  goes("TEA.example", "tea", TWISTED),
  goes("Tea.Example", "tea", URI),
  goes("tea.example:80", "tea", TWISTED),
  goes("tea.example:8080", "tea", TWISTED),
  goes("tea.example:", "tea", URI),
  goes("tea.example.", "tea", NGINX),
  goes("tea.example.:8080", "tea", NGINX),
  goes("sub.tea.example", "sub", NGINX),
  goes("other.tea.example", "default", NGINX),
  goes("tea.example.evil.example", "default", NGINX),
  goes("eviltea.example", "default", NGINX),
  goes("coffee.example", "default", TWISTED),
  goes("localhost", "default", TWISTED),
  goes("127.0.0.1", "four", GO),
  goes("127.0.0.1:8080", "four", GO),
  goes("[::1]", "six", GO),
  goes("[::1]:8080", "six", GO),
  goes("[0:0:0:0:0:0:0:1]", "six", "RFC 5952, section 1"),
  goes("xn--bcher-kva.example", "books", "RFC 5891, section 4.4"),
  goes("XN--BCHER-KVA.EXAMPLE", "books", "RFC 5891, section 4.4"),
  refused("tea.example/secret", NGINX),
  refused("tea.example?x", NGINX),
  refused("tea.example#x", NGINX),
  refused("user@tea.example", NGINX),
  refused("tea.example\\x", NGINX),
  refused("tea example", NGINX),
  refused("tea.example, coffee.example", RFC),
  refused("tea.example:http", URI),
  refused(
    "tea.example:99999",
    URI,
    "nginx ignores the port; a URL has none beyond 65535",
  ),
  refused("[::1", URI),
  refused("::1", URI),
  refused("http://tea.example", RFC),
  refused("tea.example%00", NGINX),
  refused("*.tea.example", NGINX),
  {
    send: "GET http://tea.example/a/b",
    expect: { status: 200, body: "tea |a,b" },
    source: TWISTED,
  },
  {
    send: "GET http://tea.example/",
    expect: { status: 200, body: "tea |" },
    source: TWISTED,
  },
  {
    send: "HEAD http://tea.example/",
    expect: { status: 200, body: "" },
    source: TWISTED,
  },
  { send: "POST http://tea.example/", expect: 405, source: TWISTED },
  {
    send: "GET http://tree.example/a",
    expect: { status: 200, body: "tree a|" },
    source: TWISTED,
  },
  {
    send: "GET http://tree.example/a/b",
    expect: { status: 200, body: "tree a|b" },
    source: TWISTED,
  },
  { send: "GET http://tree.example/absent", expect: 404, source: TWISTED },
  {
    send: "GET http://localhost/",
    headers: { "x-forwarded-host": "tea.example" },
    expect: { status: 200, body: "default |" },
    source: "RFC 7239, section 8.1: no proxy is trusted",
  },
], () => makeSite());

testRows("Virtual hosts without a default", [
  { send: "GET http://tea.example/p", expect: 200, source: TWISTED },
  { send: "GET http://coffee.example/p", expect: 404, source: TWISTED },
  { send: "GET http://coffee.example/", expect: 404, source: TWISTED },
  { send: "POST http://coffee.example/p", expect: 404, source: TWISTED },
], () => makeSite(false));
