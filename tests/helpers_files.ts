/**
 * What the tests of files share.
 *
 * @module
 */

import { StaticFile, type StaticFileOptions } from "../resources/static.ts";
import { WatchedSite } from "./helpers_http.ts";

/** What a test of files is to be registered with: without permissions it is ignored. */
export const NEEDS_FILES: { ignore: boolean } = {
  ignore: (["read", "write"] as const).some((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  ),
};

/** Files by path, with what is in them; a path that ends with a slash is a folder. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A folder in a temporary place, until it is disposed of. */
export class TempFolder implements Disposable {
  /** Where it is. */
  readonly path: string = Deno.makeTempDirSync({ prefix: "curfew" });

  constructor(files: Files = {}) {
    for (const [path, content] of Object.entries(files)) {
      this.write(path, content);
    }
  }

  /** Writes a file, and makes the folders on the way to it. */
  write(path: string, content: string | Uint8Array): void {
    const full = this.at(path);
    Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    if (path.endsWith("/")) return;
    if (typeof content === "string") Deno.writeTextFileSync(full, content);
    else Deno.writeFileSync(full, content);
  }

  /** The whole path of a file. */
  at(path: string): string {
    return `${this.path}/${path}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** A site that serves a folder of its own, in a temporary place. */
export class FileSite extends WatchedSite {
  /** The folder. */
  readonly folder: TempFolder;

  constructor(files: Files = {}, options: StaticFileOptions = {}) {
    const folder = new TempFolder(files);
    super(new StaticFile(folder.path, options));
    this.folder = folder;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }
}

/** A part of a multipart body: its headers and what it holds. */
export interface Part {
  readonly headers: Headers;
  readonly text: string;
}

/** The parts of a `multipart/byteranges` response. */
export async function partsOf(response: Response): Promise<Part[]> {
  const type = response.headers.get("content-type") ?? "";
  const [, boundary] = /^multipart\/byteranges; boundary=(\S+)$/.exec(type) ??
    [];
  const pieces = (await response.text()).split(`\r\n--${boundary}`);
  if (pieces.shift() !== "" || pieces.pop() !== "--\r\n") {
    throw new Error("The body is not framed by its boundary");
  }
  return pieces.map((piece) => {
    const end = piece.indexOf("\r\n\r\n");
    const lines = piece.slice(2, end).split("\r\n");
    return {
      headers: new Headers(
        lines.map((line) => line.split(": ") as [string, string]),
      ),
      text: piece.slice(end + 4),
    };
  });
}

/** An init that asks for ranges. */
export function rangeInit(
  range: string,
  headers: HeadersInit = {},
): RequestInit {
  return { headers: { range, ...headers } };
}
