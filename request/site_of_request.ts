import type { TrustedProxy } from "../http/connection.ts";
import type {
  NamedEndCallback,
  Session,
  SessionEndCallback,
  SessionSite,
  SessionStartCallback,
} from "../session.ts";
import type { Sessions } from "../sessions.ts";

/** The site of a request, as resources see it. `Site` is one. */
export interface SiteOfRequest extends SessionSite {
  /** All sessions of the site. */
  readonly sessions: Sessions;
  /** Whether a 500 page shows the error. */
  readonly displayTracebacks: boolean;
  /** The headers of a proxy that the site trusts about the client. */
  readonly trustProxy: TrustedProxy;
  /** The number of proxies in front of the site. */
  readonly hops: number;
  /** The most bytes that a resource may read of a body. */
  readonly maxBodyBytes: number;
  /** The most fields or parts of a form that a resource may read. */
  readonly maxFormFields: number;
  /** Seconds that closing the site waits for requests and callbacks. */
  readonly shutdownTimeout: number;
  /** Aborts when the site stops. */
  readonly stopSignal: AbortSignal;
  /** Resolves when the store has been checked. */
  readonly ready: Promise<void>;
  /** Makes a session outside of requests. */
  makeSession(): Session;
  /** Returns the live session of a uid, without touching it. */
  getSession(uid: string): Session | undefined;
  /** Registers a callback for each new session. */
  notifyOnSessionStart(callback: SessionStartCallback): () => void;
  /** Registers a callback for each end. */
  notifyOnSessionEnd(callback: SessionEndCallback): () => void;
  /** Registers a callback by name. */
  onEnd(name: string, callback: NamedEndCallback): void;
}
