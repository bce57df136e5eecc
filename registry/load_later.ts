import type { MaybePromise } from "../base/promises.ts";
import { loadOnce } from "../base/loading.ts";

/** Loads the code that few programs without a store need. */
export const loadLaterCode: () => MaybePromise<
  typeof import("./later_code.ts")
> = loadOnce(() => import("./later_code.ts"));
