/**
 * Sessions in a Fastify application.
 *
 * @module
 */

import {
  type OpenVisit,
  putSessionHeaders,
  type Sessions,
} from "../sessions.ts";
import {
  connectionOfNode,
  type NodeIncoming,
  type NodeOutgoing,
  requestOfNode,
} from "./node_request.ts";

export type { NodeIncoming, NodeOutgoing };

/** The parts of Fastify's request that the plugin uses. */
export interface FastifyRequest {
  /** The request of Node. */
  readonly raw: NodeIncoming;
  /** The session of the request. */
  visit?: OpenVisit;
}

/** The parts of Fastify's reply that the plugin uses. */
export interface FastifyReply {
  /** The response of Node. */
  readonly raw: NodeOutgoing;
  /** Returns the value of a header. */
  getHeader(name: string): unknown;
  /** Sets a header; `Set-Cookie` gets one more value. */
  header(name: string, value: string): unknown;
}

/** The parts of a Fastify instance that the plugin uses. */
export interface FastifyApplication {
  /** Makes room for a property of each request. */
  decorateRequest(name: string): unknown;
  /** Adds a function that runs at a point in the life of each request. */
  // deno-lint-ignore no-explicit-any
  addHook(name: any, hook: any): unknown;
}

/** The plugin of {@linkcode curfew}. */
export type FastifyPlugin = (
  application: FastifyApplication,
  options: unknown,
  done: () => void,
) => void;

/**
 * Makes the plugin that gives each request its visit, as `request.visit`.
 *
 * Every response sets the cookie, also the response for an error. It leaves once
 * changes are written; if that fails, the error handler gets an `HttpError` of
 * status 503. `request.visit.request` has method, url, headers and signal; read the
 * body from `request`. The plugin covers the application that registers it, with
 * its other plugins. A response after `reply.hijack()` carries no cookie, and ends
 * a session that the request made.
 *
 * @param sessions The sessions, which several applications may share.
 *
 * @example Usage
 * ```ts ignore
 * import { Sessions } from "@curfew/web/sessions";
 * import { curfew } from "@curfew/web/fastify";
 * import fastify from "fastify";
 *
 * const app = fastify();
 * app.register(curfew(new Sessions({ sessionTimeout: 5 })));
 * app.get("/", (request) => request.visit.getSession().uid);
 * ```
 */
export function curfew(sessions: Sessions): FastifyPlugin {
  const plugin: FastifyPlugin = (application, _, done) => {
    application.decorateRequest("visit");
    application.addHook("onRequest", async (
      request: FastifyRequest,
      reply: FastifyReply,
    ) => {
      const { raw } = request;
      request.visit = await sessions.open(
        requestOfNode(raw, reply.raw),
        connectionOfNode(raw),
      );
      request.visit.wait();
    });
    application.addHook("onSend", async (
      { visit }: FastifyRequest,
      reply: FastifyReply,
    ) => {
      if (visit !== undefined) {
        putSessionHeaders(targetOf(reply), await visit.finish());
      }
    });
    application.addHook("onRequestAbort", async ({ visit }: FastifyRequest) => {
      await visit?.abandon();
    });
    // A handler that calls reply.hijack() sends the response without onSend.
    application.addHook("onResponse", (
      { visit }: FastifyRequest,
      _: FastifyReply,
      done: () => void,
    ) => {
      visit?.abandon();
      done();
    });
    done();
  };
  // Without this, Fastify would limit the plugin to its own scope.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

function targetOf(reply: FastifyReply) {
  return {
    get: (name: string) => reply.getHeader(name)?.toString(),
    set: (name: string, value: string) => void reply.header(name, value),
    append: (name: string, value: string) => void reply.header(name, value),
  };
}
