/**
 * Debian's Chromium, started for tests and screenshots.
 *
 * @module
 */

import type { Browser, ConnectOverCDPTransport } from "playwright-core";

/** Where Debian puts it. */
export const CHROMIUM = "/usr/bin/chromium";

/** What it is started with: quiet, and not slower in the background. */
const FLAGS: readonly string[] = [
  "--disable-background-networking",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-breakpad",
  "--disable-component-update",
  "--disable-dev-shm-usage",
  "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
  "--disable-gpu",
  "--disable-quic",
  "--disable-renderer-backgrounding",
  "--disable-sync",
  "--force-color-profile=srgb",
  "--headless",
  "--hide-scrollbars",
  "--no-default-browser-check",
  "--no-first-run",
  "--no-proxy-server",
  "--no-sandbox",
  "--password-store=basic",
  "--remote-debugging-port=0",
];

/** Milliseconds in which it has to listen, and then to answer. */
const CONNECT_LIMIT = 20_000;

/** Milliseconds in which it has to end when it is told to. */
const END_LIMIT = 5000;

/** A browser that runs until it is disposed of. */
export interface RunningBrowser extends AsyncDisposable {
  readonly browser: Browser;
}

/** Starts the browser with a fresh profile. */
export async function startChromium(
  ...flags: string[]
): Promise<RunningBrowser> {
  // Loaded here, so that files of tests can be read where nothing is allowed.
  const { chromium } = await import("playwright-core");
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => removeFolder(folder));
  const child = new Deno.Command(CHROMIUM, {
    args: [...FLAGS, ...flags, `--user-data-dir=${folder}`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const listening = Promise.withResolvers<string>();
  const said = readLines(child.stderr, (line) => {
    const [url] = /ws:\/\/\S+/.exec(line) ?? [];
    if (url !== undefined) listening.resolve(url);
  }).then(() => listening.reject(new Error("Cannot start Chromium: it ended")));
  stack.defer(async () => {
    const killing = setTimeout(() => kill(child, "SIGKILL"), END_LIMIT);
    kill(child, "SIGTERM");
    await Promise.all([child.status, said]);
    clearTimeout(killing);
  });
  // Without it playwright stalls in Deno now and then, for good, by whatever way
  // it speaks to the browser: it waits for a turn of the event loop that nothing
  // brings about.
  const heartbeat = setInterval(() => {}, 50);
  stack.defer(() => clearInterval(heartbeat));
  const limit = setTimeout(
    () => listening.reject(new Error("Cannot start Chromium: it is silent")),
    CONNECT_LIMIT,
  );
  stack.defer(() => clearTimeout(limit));
  const transport = await connect(await listening.promise);
  const browser = await chromium.connectOverCDP(transport, {
    timeout: CONNECT_LIMIT,
  });
  const started = stack.move();
  return {
    browser,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}

/** Removes a folder into which processes of the browser may still write. */
async function removeFolder(path: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Opens the way to the browser, by Deno's own socket in place of Node's. */
async function connect(url: string): Promise<ConnectOverCDPTransport> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const transport: ConnectOverCDPTransport = {
    send: (message) => socket.send(JSON.stringify(message)),
    close: () => socket.close(),
  };
  socket.onmessage = ({ data }) => transport.onmessage?.(JSON.parse(data));
  socket.onclose = ({ reason }) => transport.onclose?.(reason);
  return transport;
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  callback: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) callback(line);
  }
}
