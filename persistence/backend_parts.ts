import type { SessionStore } from "../stores/store.ts";
import type { EndClaims } from "./end_claims.ts";
import type { LoadsUnderWay } from "./loads_under_way.ts";
import type { RecentEnds } from "./recent_ends.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { RecordWriter } from "./record_writer.ts";
import type { SessionRefreshes } from "./session_refreshes.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { StoreHealth } from "./store_health.ts";
import type { PerPart } from "./store_parts.ts";
import type { VisitsUnderWay } from "./visits_under_way.ts";

/** The objects that a stored backend makes first, which its other objects use. */
export interface BackendParts {
  readonly store: SessionStore;
  readonly health: StoreHealth;
  readonly breakers: PerPart<StoreBreaker>;
  readonly claims: PerPart<EndClaims>;
  readonly ended: RecentEnds;
  readonly loader: RecordLoader;
  readonly loads: LoadsUnderWay;
  readonly writer: RecordWriter;
  readonly refreshes: SessionRefreshes;
  readonly visits: VisitsUnderWay;
}
