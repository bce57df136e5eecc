/**
 * Files and scripts of a folder as resources.
 *
 * @module
 */

export { saveBody } from "./files/save_body.ts";
export { StaticData } from "./files/static_data.ts";
export { StaticFile } from "./files/static_file.ts";
export type { StaticFileOptions } from "./files/static_file_options.ts";
export {
  ScriptDirectory,
  type ScriptDirectoryOptions,
} from "./script_directory.ts";
