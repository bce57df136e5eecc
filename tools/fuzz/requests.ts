/**
 * Raw requests, similar to those that the sites of `site.ts` expect, with random
 * changes. Each character of a string stands for one byte.
 *
 * @module
 */

import type { Random } from "./random.ts";
import {
  BODIES,
  FILES,
  HEADERS,
  HOSTS,
  METHODS,
  PATH_PARTS,
  PATHS,
  READERS,
} from "./vocabulary.ts";

/** The most tokens to keep for later requests. */
const TOKENS = 200;

/** The text of a request. */
export interface RawRequest {
  readonly text: string;
  /** Whether it has a body. Deno closes the connection after an unread body. */
  readonly hasBody: boolean;
}

/** Makes requests at random. */
export class RequestMaker {
  readonly #random: Random;
  /** Tokens of live and ended sessions, and forged ones. */
  readonly #tokens: string[] = ["0".repeat(64), "session", ""];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Keeps a token that a site sent, for the cookies of later requests. */
  learn(token: string): void {
    if (this.#tokens.length < TOKENS) this.#tokens.push(token);
    else this.#tokens[this.#random.below(TOKENS)] = token;
  }

  /** Makes a request that ends where its headers say. */
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

  /** Makes a request with random changes, which may have no end. */
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
    // Deno closes the connection if the target has no slash.
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
