/**
 * Raw requests: much like those that the sites of `site.ts` are made for, and
 * changed in one way or several. A string stands for bytes, a character each.
 *
 * @module
 */

import type { Random } from "./random.ts";

/** Where there is something, and where there is nothing. */
const PATHS: readonly string[] = [
  ...[
    "/",
    "/visits",
    "/visits",
    "/later",
    "/login",
    "/logout",
    "/logout?again",
  ],
  ...[
    "/form",
    "/json",
    "/bytes",
    "/unread",
    "/guard",
    "/guard/in",
    "/treasure",
  ],
  ...["/treasure/chest", "/go", "/go/on", "/old/", "/back?to=/visits"],
  ...["/items/2", "/items/3/x", "/items/1000/", "/a%2Fb", "/app/x/y?z"],
  ...["/links/a/b", "/tagged", "/stream", "/gone", "/cookies", "/nothing/here"],
];

/** Where there are files, which take the longest. */
const FILES: readonly string[] = [
  ...["/files/", "/files/index.html", "/files/big.txt", "/files/folder"],
  ...["/files/folder/", "/files/a%20b%2520c.txt", "/files/.hidden"],
  ...["/pages/page", "/pages/.hidden", "/files/nothing"],
];

/** Where bodies are read. After one that is not, Deno closes the connection. */
const READERS: readonly string[] = ["/form", "/json", "/bytes"];

/** What is put into paths. */
const PATH_PARTS: readonly string[] = [
  ...["/", "//", "/./", "/../", "/%2e%2e/", "%2F", "%5C", "\\", "..", "."],
  ...["%", "%00", "%0d%0a", "%ff", "%c0%af", "%e2%82%ac", "%zz", "%u0041"],
  ...[
    "?",
    "&",
    "=",
    ";",
    "#",
    "*",
    "@",
    ":",
    "+",
    "~",
    "a",
    "0",
    "constructor",
  ],
  ...["__proto__", "index.html", "x".repeat(300), "/x".repeat(100), "%41"],
];

const METHODS: readonly string[] = [
  ...["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"],
  ...["get", "BREW", "PROPFIND", "constructor", "render", "M-SEARCH", "TRACK"],
];

const HOSTS: readonly string[] = [
  ...["localhost", "localhost:80", "127.0.0.1", "[::1]:8080", "tea.example"],
  ...["TEA.example.", "x/secret", "x?y", "x#y", "a@b", "", "a b", "x:99999"],
  ...["xn--nxasmq6b", "%41", "..", "a,b"],
];

/** Headers that the site looks at, with values that it may expect. */
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ["Authorization", [
    `Basic ${btoa("alice:open sesame")}`,
    `Basic ${btoa("alice:open sesame")}`,
    `Basic ${btoa("alice:wrong")}`,
    "Basic",
    "Basic ===",
    "Bearer x",
    `basic  ${btoa("\xff:\0")}`,
  ]],
  ["Range", [
    "bytes=0-9",
    "bytes=-1",
    "bytes=5-2",
    "bytes=0-,1-2,-3",
    "bytes=99999999999999999999-",
    `bytes=${"0-0,".repeat(50)}1-1`,
    "lines=1-2",
  ]],
  ["If-Range", ['"v1"', "Thu, 01 Jan 1970 00:00:00 GMT", "x"]],
  ["If-None-Match", ['"v1"', '"a", W/"v1"', "*", '"', "v1"]],
  ["If-Match", ['"v1"', "*", "x"]],
  ["If-Modified-Since", [
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sunday, 09-Sep-01 01:46:40 GMT",
    "99999999999",
    "x",
  ]],
  ["If-Unmodified-Since", ["Sun, 09 Sep 2001 01:46:40 GMT", "x"]],
  ["Accept-Encoding", ["gzip", "br;q=0", "*;q=x", "gzip;q=1e3,,"]],
  ["Sec-Purpose", ["prefetch", "prefetch;prerender"]],
  ["X-Forwarded-Proto", ["https", "http", "https, http", "gopher", ""]],
  ["X-Forwarded-For", ["10.0.0.1", "unknown", "[::1]:80, x", ",,"]],
  ["X-Forwarded-Host", ["tea.example", "a/b", "", "x, tea.example"]],
  ["Forwarded", [
    'for="[::1]:80";proto=https;host=tea.example',
    "for=_x;;proto",
    'host="a\\"b',
    ",",
  ]],
  ["Origin", ["null", "http://x"]],
  ["Referer", ["http://x/\xff", '"']],
  ["User-Agent", ['"\\', "\x80\xff", "x"]],
  ["Accept", ["*/*", "x"]],
  ["Content-Type", ["text/plain", "multipart/form-data", "x;charset=\xff"]],
  ["X-Junk", ["", "\t", "a".repeat(2000), "\xa0\xff", "%0d%0a"]],
];

/** Bodies, with what they say that they are. */
const BODIES: readonly (readonly [string, string])[] = [
  ["application/x-www-form-urlencoded", "a=1&b=%20&c"],
  ["application/x-www-form-urlencoded", `a=${"%zz&".repeat(300)}`],
  ["application/json", '{"a": [1, null]}'],
  ["application/json", "["],
  ["text/plain", "\xff\xfe\0"],
  ["text/plain", "x".repeat(3000)],
  [
    "multipart/form-data; boundary=b",
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
  ],
  [
    "multipart/form-data; boundary=b",
    '--b\r\nContent-Disposition: form-data; name="a"; filename="../x"\r\n' +
    "Content-Type: \xff\r\n\r\n\0\r\n--b--\r\n",
  ],
  ["multipart/form-data; boundary=b", "--b\r\n\r\n"],
  ["multipart/form-data; boundary=", "----"],
];

/** How many tokens are remembered of those that the sites have given out. */
const TOKENS = 200;

/** A request as it is sent. */
export interface RawRequest {
  readonly text: string;
  /** Whether it has a body, after which Deno closes if nobody has read it. */
  readonly hasBody: boolean;
}

/** Makes requests at random. */
export class RequestMaker {
  readonly #random: Random;
  /** Tokens of sessions, live and over: the sites' own, and forged ones. */
  readonly #tokens: string[] = ["0".repeat(64), "session", ""];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Remembers a token that was given out, to come back with it, or one like it. */
  learn(token: string): void {
    if (this.#tokens.length < TOKENS) this.#tokens.push(token);
    else this.#tokens[this.#random.below(TOKENS)] = token;
  }

  /** A request that is whole: its end is where it says, whatever else it is. */
  whole(): RawRequest {
    const random = this.#random;
    const hasBody = random.chance(0.2);
    const method = random.chance(0.2)
      ? random.pick(METHODS)
      : hasBody
      ? "POST"
      : "GET";
    const paths = hasBody && random.chance(0.9)
      ? READERS
      : random.chance(0.05)
      ? FILES
      : PATHS;
    const lines = [`${method} ${this.#target(paths)} HTTP/1.1`];
    lines.push(
      `Host: ${random.chance(0.1) ? random.pick(HOSTS) : "localhost"}`,
    );
    if (random.chance(0.6)) lines.push(`Cookie: ${this.#cookies()}`);
    while (random.chance(0.35)) {
      const [name, values] = random.pick(HEADERS);
      lines.push(`${name}: ${random.pick(values)}`);
    }
    const text = hasBody
      ? this.#withBody(lines)
      : `${lines.join("\r\n")}\r\n\r\n`;
    return { text, hasBody };
  }

  /** One that is broken anywhere, and may not end. */
  broken(): string {
    const random = this.#random;
    let { text } = this.whole();
    do {
      const at = random.below(text.length);
      const end = at + random.below(random.chance(0.8) ? 4 : text.length);
      const before = text.slice(0, at);
      const after = text.slice(end);
      switch (random.below(4)) {
        case 0:
          text = before + after;
          break;
        case 1:
          text = before + this.#junk() + after;
          break;
        case 2:
          text = before + text.slice(at, end).repeat(2) + after;
          break;
        default:
          text = before + this.#junk() + text.slice(at);
      }
    } while (random.chance(0.5) && text !== "");
    return text;
  }

  #target(paths: readonly string[]): string {
    const random = this.#random;
    let target = random.pick(paths);
    while (random.chance(0.2)) {
      const at = random.below(target.length + 1);
      const end = random.chance(0.5) ? at : at + random.below(4);
      target = target.slice(0, at) + random.pick(PATH_PARTS) +
        target.slice(end);
    }
    if (random.chance(0.02)) return `http://other.example${target}`;
    // Without a slash it is none, and the connection is closed.
    return target.startsWith("/") ? target : `/${target}`;
  }

  #cookies(): string {
    const random = this.#random;
    const cookies: string[] = [];
    do {
      const name = random.pick([
        "session",
        "session",
        "__Host-session",
        "echo",
      ]);
      cookies.push(`${name}=${this.#token()}`);
    } while (random.chance(0.2));
    if (random.chance(0.1)) {
      cookies.push(random.pick(["=x", ";", "a", '"', ""]));
    }
    return cookies.join(random.pick(["; ", "; ", ";", " ; "]));
  }

  #token(): string {
    const random = this.#random;
    const token = random.pick(this.#tokens);
    if (random.chance(0.7)) return token;
    const at = random.below(token.length + 1);
    const part = random.pick(["", "0", "f", "F", "%00", '"', "\xff", token]);
    return token.slice(0, at) + part + token.slice(at + random.below(2));
  }

  #withBody(lines: string[]): string {
    const random = this.#random;
    const [type, text] = random.pick(BODIES);
    const body = random.chance(0.8)
      ? text
      : text.slice(0, random.below(text.length));
    lines.push(`Content-Type: ${type}`);
    if (random.chance(0.7)) {
      lines.push(`Content-Length: ${body.length}`);
      return `${lines.join("\r\n")}\r\n\r\n${body}`;
    }
    lines.push("Transfer-Encoding: chunked");
    const size = 1 + random.below(100);
    let chunks = "";
    for (let at = 0; at < body.length; at += size) {
      const chunk = body.slice(at, at + size);
      chunks += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
    }
    return `${lines.join("\r\n")}\r\n\r\n${chunks}0\r\n\r\n`;
  }

  #junk(): string {
    const random = this.#random;
    if (random.chance(0.5)) {
      return random.pick([
        ...[
          "\r\n",
          "\n",
          "\r",
          "\0",
          " ",
          "\t",
          ":",
          "\x7f",
          "\xff",
          "\r\n\r\n",
        ],
        ...[
          "Content-Length: 5\r\n",
          "Transfer-Encoding: chunked\r\n",
          "HTTP/2.0",
        ],
        ...[
          "Expect: 100-continue\r\n",
          "Connection: close\r\n",
          "-1",
          "0",
          "%",
        ],
        ...[
          "Upgrade: websocket\r\nConnection: upgrade\r\n",
          "x".repeat(70_000),
        ],
      ]);
    }
    let bytes = "";
    do bytes += String.fromCharCode(random.below(256)); while (
      random.chance(0.7)
    );
    return bytes;
  }
}
