/** The baseline of "hello": a handler that returns a text. */

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]) },
  () =>
    new Response("hello", {
      headers: { "content-type": "text/html; charset=utf-8" },
    }),
);
