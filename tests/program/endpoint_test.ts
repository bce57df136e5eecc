import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseEndpoint } from "../../program/endpoint.ts";
import { listen, Resource, Site } from "../../mod.ts";

for (
  const [description, options] of [
    ["tcp:8080", { port: 8080 }],
    ["tcp:0", { port: 0 }],
    ["tcp:65535", { port: 65535 }],
    ["tcp:port=8080", { port: 8080 }],
    ["tcp:8080:interface=127.0.0.1", { port: 8080, hostname: "127.0.0.1" }],
    ["tcp:interface=127.0.0.1:port=80", { port: 80, hostname: "127.0.0.1" }],
    ["tcp:8080:interface=\\:\\:1", { port: 8080, hostname: "::1" }],
    ["tcp:8080:interface=\\:\\:", { port: 8080, hostname: "::" }],
    ["tcp:8080:interface=localhost", { port: 8080, hostname: "localhost" }],
    ["tcp:8080:backlog=50", { port: 8080, tcpBacklog: 50 }],
    [
      "tcp:backlog=1:interface=a:port=2",
      { port: 2, hostname: "a", tcpBacklog: 1 },
    ],
    ["unix:/run/x.sock", { path: "/run/x.sock" }],
    ["unix:path=/run/x.sock", { path: "/run/x.sock" }],
    ["unix:/run/a\\:b.sock", { path: "/run/a:b.sock" }],
    ["unix:/run/a\\=b.sock", { path: "/run/a=b.sock" }],
    ["unix:path=/run/a=b.sock", { path: "/run/a=b.sock" }],
    ["unix:C\\:\\\\x", { path: "C:\\x" }],
    ["unix:a\\b", { path: "a\\b" }],
    ["unix:a\\", { path: "a\\" }],
    ["unix:/run/my site.sock", { path: "/run/my site.sock" }],
    ["unix:/run/caf\u00e9.sock", { path: "/run/caf\u00e9.sock" }],
    ["unix:\\=", { path: "=" }],
  ] as [string, Deno.ServeTcpOptions | Deno.ServeUnixOptions][]
) {
  Deno.test(`parseEndpoint() reads ${JSON.stringify(description)}`, () => {
    assertEquals(parseEndpoint(description), options);
  });
}

for (
  const [description, what, at] of [
    ["", "the kind", 0],
    ["8080", "the kind", 0],
    [":8080", "the kind", 0],
    ["udp:8080", "the kind", 0],
    ["TCP:8080", "the kind", 0],
    [" tcp:8080", "the kind", 0],
    ["tcp=8080", "the kind", 0],
    ["=:8080", "the kind", 0],
    ["systemd:domain=INET:index=0", "the kind", 0],
    ["constructor:8080", "the kind", 0],
    ["constructor:port=8080", "the kind", 0],
    ["__proto__:8080", "the kind", 0],
    ["__proto__:port=8080", "the kind", 0],
    ["toString", "the kind", 0],
    ["tcp", "port is missing", 3],
    ["tcp:interface=127.0.0.1", "port is missing", 23],
    ["tcp:", "port is empty", 4],
    ["tcp:port=", "port is empty", 4],
    ["tcp::interface=a", "port is empty", 4],
    ["tcp:80:interface=", "interface is empty", 7],
    ["tcp:80:", "no name", 7],
    ["tcp:80:127.0.0.1", "no name", 7],
    ["tcp:80:interface=a:b", "no name", 19],
    ["tcp:80:interface=::1", "interface is empty", 7],
    ["tcp:80:host=a", '"host"', 7],
    ["tcp:80:=a", '""', 7],
    ["tcp:80:Interface=a", '"Interface"', 7],
    ["tcp:80:cert=c", '"cert"', 7],
    ["tcp:80:path=/x", '"path"', 7],
    ["tcp:80:port=81", "port is given twice", 7],
    ["tcp:80:interface=a:interface=b", "interface is given twice", 19],
    ["tcp:65536", "port is not from 0 to 65535", 4],
    ["tcp:-1", "port is not from 0 to 65535", 4],
    ["tcp:http", "port is not from 0 to 65535", 4],
    ["tcp:80.5", "port is not from 0 to 65535", 4],
    ["tcp:1e3", "port is not from 0 to 65535", 4],
    ["tcp:0x50", "port is not from 0 to 65535", 4],
    ["tcp: 80", "port is not from 0 to 65535", 4],
    ["tcp:80 ", "port is not from 0 to 65535", 4],
    ["tcp:\u0668\u0660", "port is not from 0 to 65535", 4],
    ["tcp:interface=a:port=x", "port is not from 0 to 65535", 16],
    ["tcp:99999999999999999999", "port is not from 0 to 65535", 4],
    ["tcp:80:backlog=x", "backlog is not from 0 to 2147483647", 7],
    ["tcp:80:backlog=2147483648", "backlog is not from 0 to 2147483647", 7],
    ["ssl:443", "cert is missing", 7],
    ["ssl:443:cert=c.pem", "key is missing", 18],
    ["ssl:443:key=k.pem", "cert is missing", 17],
    ["ssl:cert=c.pem:key=k.pem", "port is missing", 24],
    ["ssl:443:cert=:key=k.pem", "cert is empty", 8],
    ["ssl:443:c.pem:k.pem", "no name", 8],
    ["ssl:443:privateKey=k.pem", '"privateKey"', 8],
    ["unix", "path is missing", 4],
    ["unix:", "path is empty", 5],
    ["unix:/a:/b", "no name", 8],
    ["unix:/a:mode=600", '"mode"', 8],
    ["unix:/run/a=b.sock", '"/run/a"', 5],
    ["unix:/a:path=/b", "path is given twice", 8],
  ] as [string, string, number][]
) {
  Deno.test(`parseEndpoint() refuses ${JSON.stringify(description)} at character ${at}`, () => {
    const { message } = assertThrows(
      () => parseEndpoint(description),
      SyntaxError,
    );

    assertStringIncludes(message, JSON.stringify(description));
    assertStringIncludes(message, what);
    assertStringIncludes(message, `at character ${at}`);
  });
}

Deno.test("parseEndpoint() names the kinds that there are", () => {
  const { message } = assertThrows(() => parseEndpoint("udp:1"), SyntaxError);

  assertStringIncludes(message, "tcp, ssl, unix");
});

Deno.test("parseEndpoint() counts characters as the description was written, with its backslashes", () => {
  const { message } = assertThrows(
    () => parseEndpoint("tcp:80:interface=\\:\\:1:odd=1"),
    SyntaxError,
  );

  assertStringIncludes(message, "at character 23");
});

Deno.test("listen() refuses a bad description before it listens", async () => {
  await using site = new Site(new Resource());

  assertThrows(() => listen(site, "tcp:http"), SyntaxError, "at character 4");
});
