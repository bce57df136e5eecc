/**
 * Debian's Firefox, driven by WebDriver BiDi. `playwright-core` drives only a
 * Firefox of its own making, and `puppeteer-core` brings seventy packages for the
 * five commands that the tests need.
 *
 * @module
 */

/** Where Debian puts it. */
export const FIREFOX = "/usr/bin/firefox-esr";

/** Milliseconds in which it has to listen, and then to answer each command. */
const ANSWER_LIMIT = 30_000;

/** Keys by the code points that WebDriver gives them. */
const KEYS = { Enter: "\uE007", Escape: "\uE00C", Tab: "\uE004" };

/** A value that a page returned, as BiDi writes it. */
interface RemoteValue {
  readonly type: string;
  readonly value?: unknown;
}

/** A Firefox that runs until it is disposed of, with a fresh profile. */
export class Firefox implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #stack: AsyncDisposableStack;
  readonly #waiting = new Map<
    number,
    PromiseWithResolvers<Record<string, unknown>>
  >();
  #lastId = 0;

  private constructor(socket: WebSocket, stack: AsyncDisposableStack) {
    this.#socket = socket;
    this.#stack = stack;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
  }

  /** Starts the browser. */
  static async start(): Promise<Firefox> {
    await using stack = new AsyncDisposableStack();
    const profile = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(profile, { recursive: true }));
    const child = new Deno.Command(FIREFOX, {
      args: [
        ...["--headless", "--no-remote", "--profile", profile],
        "--remote-debugging-port=0",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const url = Promise.withResolvers<string>();
    const read = readURL(child.stderr, url.resolve);
    stack.defer(async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await Promise.all([child.status, read]);
    });
    const socket = new WebSocket(`${await limited(url.promise)}/session`);
    await limited(
      new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      }),
    );
    stack.defer(async () => {
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      await closed;
    });
    const firefox = new Firefox(socket, stack.move());
    await firefox.send("session.new", { capabilities: {} });
    return firefox;
  }

  /** Opens a tab at a page, and waits until it is loaded. */
  async tab(url: string): Promise<FirefoxTab> {
    const { context } = await this.send("browsingContext.create", {
      type: "tab",
    });
    const tab = new FirefoxTab(this, context as string);
    await tab.goto(url);
    return tab;
  }

  /** Sends a command, and returns its result. */
  send(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return limited(waiting.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #receive(
    message: {
      id?: number;
      result?: Record<string, unknown>;
      message?: string;
    },
  ): void {
    const waiting = this.#waiting.get(message.id ?? 0);
    this.#waiting.delete(message.id ?? 0);
    if (message.result !== undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(message.message));
  }
}

/** A tab of {@linkcode Firefox}. */
export class FirefoxTab {
  readonly #firefox: Firefox;
  readonly #context: string;

  constructor(firefox: Firefox, context: string) {
    this.#firefox = firefox;
    this.#context = context;
  }

  /** Goes to a page, and waits until it is loaded. */
  async goto(url: string): Promise<void> {
    await this.#firefox.send("browsingContext.navigate", {
      context: this.#context,
      url,
      wait: "complete",
    });
  }

  /** Evaluates an expression in the page: text, a number, a boolean or nothing. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#firefox.send("script.evaluate", {
      expression,
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (answer.type === "success") return (answer.result as RemoteValue).value;
    const { text } = answer.exceptionDetails as { text: string };
    throw new Error(`Cannot evaluate ${expression}: ${text}`);
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string): Promise<void> {
    await this.evaluate(`new Promise((resolve) => {
      const look = () => ${expression} ? resolve() : setTimeout(look, 20);
      look();
    })`);
  }

  /** Presses a key. */
  async press(key: keyof typeof KEYS): Promise<void> {
    const value = KEYS[key];
    await this.#firefox.send("input.performActions", {
      context: this.#context,
      actions: [{
        type: "key",
        id: "keyboard",
        actions: [{ type: "keyDown", value }, { type: "keyUp", value }],
      }],
    });
  }
}

/** Waits for a promise, no longer than the browser may take. */
async function limited<T>(promise: Promise<T>): Promise<T> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => over.reject(new Error(`Firefox is silent for ${ANSWER_LIMIT} ms`)),
    ANSWER_LIMIT,
  );
  try {
    return await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads to the end of what the browser prints; it prints where it listens. */
async function readURL(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  callback: (url: string) => void,
): Promise<void> {
  let said = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    said += text;
    const [, url] = /BiDi listening on (ws:\S+)/.exec(said) ?? [];
    if (url !== undefined) callback(url);
  }
}
