import { pathToFileURL } from "node:url";
import { LONGEST_DELAY, systemClock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";
import { HttpError } from "../http/http_error.ts";
import { Resource } from "../resource.ts";
import type { Script } from "./script_tree.ts";

/**
 * Loads the resources of scripts, and stops waiting for those that take too long.
 */
export class ScriptLoader {
  /** Milliseconds that a request waits for a script. */
  readonly #limit: number;
  /** The versions that took longer and are still loading. */
  readonly #late = new Set<string>();

  constructor(limit: number) {
    this.#limit = Math.min(limit, LONGEST_DELAY);
  }

  /**
   * Loads a script.
   *
   * Deno caches modules by specifier, and failures too. So a version that was
   * loaded before costs microseconds, and needs no cache here.
   *
   * @param report Receives the error of a script that takes too long, once for
   * each version.
   * @throws {Error} If it fails; `cause` is the reason.
   * @throws {TypeError} If it exports no Resource.
   * @throws {HttpError} 503 if it takes too long, and at once until it is loaded.
   */
  async load(
    { path, version }: Script,
    report: (error: unknown) => void,
  ): Promise<Resource> {
    const name = `script ${describe(path)}`;
    const specifier = `${pathToFileURL(path)}?${version}`;
    if (this.#late.has(specifier)) throw notReady();
    const importing = importModule(specifier, name);
    if (!await this.#isInTime(importing)) {
      if (!this.#late.has(specifier)) report(tooSlow(name, this.#limit));
      this.#late.add(specifier);
      const done = () => void this.#late.delete(specifier);
      importing.then(done, done);
      throw notReady();
    }
    return resourceIn(await importing, name);
  }

  /** Waits for a promise; returns false if the limit passes before it settles. */
  async #isInTime(promise: Promise<unknown>): Promise<boolean> {
    const over = Promise.withResolvers<boolean>();
    const timer = systemClock.setTimeout(
      () => over.resolve(false),
      this.#limit,
    );
    const settled = promise.then(() => true, () => true);
    try {
      return await Promise.race([settled, over.promise]);
    } finally {
      systemClock.clearTimeout(timer);
    }
  }
}

interface Exports {
  readonly resource?: unknown;
  readonly default?: unknown;
}

async function importModule(specifier: string, name: string): Promise<Exports> {
  try {
    return await import(specifier);
  } catch (cause) {
    throw new Error(
      `Cannot load ${name}: it failed before it could export a Resource`,
      { cause },
    );
  }
}

function resourceIn(exported: Exports, name: string): Resource {
  const which = "resource" in exported ? "resource" : "default";
  const resource = exported[which];
  if (resource instanceof Resource) return resource;
  throw new TypeError(
    which in exported
      ? `Cannot load ${name}: its export "${which}" is not a Resource: ${
        describe(resource)
      }`
      : `Cannot load ${name}: it does not export a Resource as "resource" or by default`,
  );
}

function tooSlow(name: string, limit: number): Error {
  return new Error(
    `Cannot load ${name}: it has not loaded after ${
      limit / 1000
    } s; a top-level await may never settle`,
  );
}

function notReady(): HttpError {
  return new HttpError(503, "This page is still being loaded; try again later");
}
