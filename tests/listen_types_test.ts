import type { HttpServer, ListenOptions } from "../mod.ts";

/** Compiles if a type fits: what Deno has must fit the interfaces of our own. */
type Fits<T extends U, U> = [T, U];

export type DenoFits = [
  Fits<Deno.HttpServer<Deno.NetAddr>, HttpServer>,
  Fits<Deno.HttpServer<Deno.UnixAddr>, HttpServer>,
  Fits<Deno.ServeTcpOptions, ListenOptions>,
  Fits<Deno.ServeUnixOptions, ListenOptions>,
];

export const tcp: ListenOptions = { port: 0, onListen: ({ port }) => port + 1 };
export const unix: ListenOptions = {
  path: "/run/site.sock",
  onListen: ({ path }) => path.length,
};
