import { loadOnce } from "../base/loading.ts";
import type { MaybePromise } from "../base/promises.ts";

/** Loads the code of resources that few requests need. */
export const loadLaterCode: () => MaybePromise<
  typeof import("./later_code.ts")
> = loadOnce(() => import("./later_code.ts"));
