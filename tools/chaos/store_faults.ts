import type { PostgresServer } from "../../tests/helpers_postgres.ts";
import type { RedisServer } from "../../tests/helpers_redis.ts";
import type { Cut, Proxy } from "./proxy.ts";

/** A fault of a store: its programs are killed or frozen, or its connections cut. */
export type StoreFault =
  | "break"
  | "failover"
  | "freeze"
  | "restart"
  | "silence";

/**
 * Causes a fault that lasts for so many milliseconds, or for a part of them, and
 * resolves when the store can be reached again.
 */
export type CauseFault = (lasting: number) => Promise<void>;

/** Kills a server, and starts it again after a part of a fault's duration. */
export async function restart(
  server: RedisServer | PostgresServer,
  lasting: number,
): Promise<void> {
  await server.kill();
  await new Promise((resolve) =>
    setTimeout(resolve, Math.random() * lasting / 5)
  );
  await server.restart();
}

/** Returns the faults in which all connections of some proxies are cut. */
export function cutsOf(
  proxies: readonly Proxy[],
): Readonly<Record<Cut, CauseFault>> {
  const cut = (how: Cut) => async (lasting: number) => {
    for (const proxy of proxies) proxy.cut(how);
    await new Promise((resolve) => setTimeout(resolve, lasting));
    for (const proxy of proxies) proxy.mend();
  };
  return { silence: cut("silence"), break: cut("break") };
}
