import type { SiteRequest } from "../../request.ts";

/**
 * Streams the body of a request into a new file: an upload of any size takes a few
 * chunks of memory.
 *
 * The limit is `maxBodyBytes` of the resource, or of the site. If the upload fails or
 * breaks off, the file is removed. The body is saved as it is, so a form with files is
 * saved as a form; send a file alone, by `fetch(url, { method: "PUT", body: file })`.
 *
 * @param request The request, whose body no code has read yet.
 * @param path The path of the file, or its `file:` URL. Choose the name yourself: a
 * name that a client chose could lead out of the folder, or replace another file.
 * @returns the number of bytes.
 * @throws {HttpError} Rejects with 413 if the body is too long, with 400 if it breaks
 * off.
 * @throws {Error} Rejects if the file exists already or cannot be written. The class is
 * that of Deno's error, `Deno.errors.AlreadyExists` for example.
 *
 * @example Usage
 * ```ts ignore
 * import { Resource, type SiteRequest } from "@curfew/web";
 * import { saveBody } from "@curfew/web/static";
 *
 * class Uploads extends Resource {
 *   override maxBodyBytes = 5 * 2 ** 30;
 *
 *   override async render_PUT(request: SiteRequest): Promise<string> {
 *     const size = await saveBody(request, `/srv/uploads/${crypto.randomUUID()}`);
 *     return `Saved ${size} bytes.`;
 *   }
 * }
 * ```
 */
export async function saveBody(
  request: SiteRequest,
  path: string | URL,
): Promise<number> {
  const file = await Deno.open(path, { write: true, createNew: true });
  try {
    return await request.pipeTo(file.writable);
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  }
}
