// What the examples share: the port, what the terminal says, and one line if the
// port is taken. A program of your own calls listen() or Deno.serve() itself.
//
// Each example listens on localhost at port 8080, or at another one:
//
//   deno run --allow-net examples/logme.ts --port 8081
//   PORT=8081 deno run --allow-net --allow-env=PORT examples/logme.ts
//
// Port 0 is any free port.

import { type HttpServer, listen, Site } from "../mod.ts";

/** A handler for `Deno.serve`. */
export type Handler = (
  request: Request,
  info: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/**
 * Serves a site or a handler on localhost, and prints its address and a hint.
 *
 * @param served The site, or a handler.
 * @param hint What to try. Paths in it, such as `/teas`, are printed as URLs.
 * @returns the server.
 */
export function serve(served: Site | Handler, hint: string): HttpServer {
  const port = readPort();
  const options = {
    hostname: "127.0.0.1",
    port,
    onListen(address: { readonly port: number }): void {
      const origin = `http://localhost:${address.port}`;
      console.error(`Listening on ${origin}/`);
      console.error(hint.replace(/(?<![^ ])\/[^ ,;:]*/g, `${origin}$&`));
    },
  };
  try {
    return served instanceof Site
      ? listen(served, options)
      : Deno.serve(options, served);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    const advice = "choose another port, such as --port 8081";
    fail(
      `Cannot listen on localhost:${port}: Address already in use; ${advice}`,
    );
  }
}

/** Returns the value after `--name` in the command line, or after `--name=`. */
export function readOption(name: string): string | undefined {
  const index = Deno.args.findIndex((arg) =>
    arg === `--${name}` || arg.startsWith(`--${name}=`)
  );
  if (index === -1) return undefined;
  const [, value] = Deno.args[index]!.split(/=(.*)/s);
  return value ?? Deno.args[index + 1] ?? "";
}

function readPort(): number {
  const text = readOption("port") ?? readVariable("PORT") ?? "8080";
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    fail(`Cannot listen: the port is not from 0 to 65535: "${text}"`);
  }
  return port;
}

/** Reads a variable if that is allowed. Without the permission Deno would ask. */
function readVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}
