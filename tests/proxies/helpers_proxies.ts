/**
 * What the tests share that put a real proxy in front of a site.
 *
 * @module
 */

import { assert } from "@std/assert";
import {
  type Folder,
  makeCertificate,
  makeFolder,
  ROOT,
  SOON,
  TEST_LIMIT,
} from "../helpers_process.ts";
import { repeatedIfStalled } from "../helpers_stalls.ts";
import { freePort } from "../helpers_ports.ts";

/** A proxy: its program, and how it reads the configuration in the guide. */
interface ProxyKind {
  readonly program: string;
  /** The language of its block in docs/proxies.md. */
  readonly language: string;
  /** Makes the block a whole configuration for a test. */
  configure(block: string, place: Place): string;
  /** The arguments that run it in the foreground. */
  args(place: Place): string[];
}

/** Where a proxy runs. */
interface Place {
  readonly folder: string;
  readonly config: string;
  readonly port: number;
}

const KINDS = {
  nginx: {
    program: "nginx",
    language: "nginx",
    configure: (block, { folder, port }) => {
      const http = block.replace("listen 443 ", `listen 127.0.0.1:${port} `)
        .replaceAll("/etc/ssl/", `${folder}/`);
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
      return `worker_processes 1;
pid ${folder}/nginx.pid;
events {}
http {
access_log off;
${paths}
${http}
}
`;
    },
    args: ({ folder, config }) => [
      ...["-p", folder, "-c", config, "-e", "stderr"],
      ...["-g", "daemon off;"],
    ],
  },
  caddy: {
    program: "caddy",
    language: "caddyfile",
    configure: (block, { folder, port }) => {
      const site = block.replace(
        "shop.example {",
        `https://localhost:${port} {\n  tls ${folder}/shop.pem ${folder}/shop.key`,
      );
      return `{
  admin off
  auto_https disable_redirects
}
${site}`;
    },
    args: ({ config }) => ["run", "--config", config, "--adapter", "caddyfile"],
  },
  haproxy: {
    program: "haproxy",
    language: "haproxy",
    configure: (block, { folder, port }) =>
      block.replace("bind :443 ", `bind 127.0.0.1:${port} `)
        .replaceAll("/etc/ssl/", `${folder}/`),
    args: ({ config }) => ["-db", "-f", config],
  },
} satisfies Record<string, ProxyKind>;

/** The name of a proxy. */
export type ProxyName = keyof typeof KINDS;

/** The proxies that the guide shows. */
export const PROXIES = Object.keys(KINDS) as ProxyName[];

/**
 * A test that runs a proxy. It is ignored where the proxy is missing, unless CI
 * is true.
 */
export function proxyTest(
  proxy: ProxyName,
  name: string,
  fn: () => Promise<void>,
): void {
  const missing = missingFor(proxy);
  Deno.test({
    name: missing === "" ? name : `${name} (ignored: needs ${missing})`,
    ignore: missing !== "",
    timeout: TEST_LIMIT,
    fn: repeatedIfStalled(fn),
  });
}

function missingFor(proxy: ProxyName): string {
  const permissions = ["net", "read", "write", "run", "env"] as const;
  const missing = permissions.filter((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );
  if (missing.length > 0) return `--allow-${missing.join(" --allow-")}`;
  if (Deno.env.get("CI") === "true") return "";
  return [KINDS[proxy].program, "openssl"].filter((program) => {
    try {
      new Deno.Command(program, { args: ["--version"] }).outputSync();
      return false;
    } catch {
      return true;
    }
  }).join(", ");
}

/** A proxy in front of a server, set up as the guide shows it. */
export class Proxy implements AsyncDisposable {
  /** Where clients find it, without a slash at the end. */
  readonly origin: string;
  /** A client that trusts its certificate, and has the address 127.0.0.2. */
  readonly client: Deno.HttpClient;
  readonly #child: Deno.ChildProcess;
  readonly #folder: Folder;

  private constructor(
    child: Deno.ChildProcess,
    folder: Folder,
    port: number,
  ) {
    this.origin = `https://localhost:${port}`;
    this.#child = child;
    this.#folder = folder;
    this.client = Deno.createHttpClient({
      caCerts: [Deno.readTextFileSync(`${folder.path}/cert.pem`)],
      localAddress: "127.0.0.2",
    });
  }

  /** Starts a proxy for the server at a port, and waits until it answers. */
  static async start(name: ProxyName, serverPort: number): Promise<Proxy> {
    const kind: ProxyKind = KINDS[name];
    const folder = makeFolder();
    const place = {
      folder: folder.path,
      config: `${folder.path}/config`,
      port: freePort(),
    };
    await makeCertificate(
      `${folder.path}/cert.pem`,
      `${folder.path}/shop.key`,
    );
    const [cert, key] = ["cert.pem", "shop.key"].map((file) =>
      Deno.readTextFileSync(`${folder.path}/${file}`)
    );
    // HAProxy reads both from one file.
    folder.write("shop.pem", `${cert}${key}`);
    const block = blockOf(kind.language)
      .replaceAll("127.0.0.1:8080", `127.0.0.1:${serverPort}`);
    folder.write("config", kind.configure(block, place));
    const child = new Deno.Command(kind.program, {
      args: kind.args(place),
      env: { XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const proxy = new Proxy(child, folder, place.port);
    await proxy.#ready(place.port);
    return proxy;
  }

  /** Sends a request through the proxy. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.origin}${path}`, { ...init, client: this.client });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), SOON);
    await this.#child.status;
    clearTimeout(timer);
    this.#folder[Symbol.dispose]();
  }

  async #ready(port: number): Promise<void> {
    for (let waited = 0; waited < 4 * SOON; waited += 50) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await this[Symbol.asyncDispose]();
    throw new Error("The proxy does not listen");
  }
}

/** Returns the block of docs/proxies.md about a proxy. */
function blockOf(language: string): string {
  const guide = Deno.readTextFileSync(new URL("docs/proxies.md", ROOT));
  const pattern = new RegExp("^```" + language + "\n(.*?)^```$", "ms");
  const [, block] = pattern.exec(guide) ?? [];
  assert(block !== undefined, `docs/proxies.md has no block of ${language}`);
  return block;
}
