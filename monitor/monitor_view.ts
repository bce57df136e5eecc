import type { SiteRequest } from "../request.ts";
import { MAX_LISTED, type Order, ORDERS } from "./session_listing.ts";

/** The sessions that a viewer has chosen to see. */
export interface MonitorView {
  readonly order: Order;
  /** The beginning of a uid or of a principal; `""` shows all sessions. */
  readonly search: string;
  /** The principal whose sessions are shown; undefined for all. */
  readonly principal: string | undefined;
  /** The number of the page, from 1. */
  readonly page: number;
}

/** Sessions on one page. */
export const PAGE_SIZE = 50;

/** The most characters of a search. */
const MAX_SEARCH = 64;

/** Reads a view from a query; an invalid value becomes the default. */
export function viewOf({ query }: SiteRequest): MonitorView {
  const order = query.get("order");
  const principal = query.get("principal") ?? undefined;
  const search = principal === undefined ? query.get("q") ?? "" : "";
  const page = Number(query.get("page"));
  const isPage = Number.isInteger(page) && page >= 1 &&
    page <= MAX_LISTED / PAGE_SIZE;
  return {
    order: ORDERS.find((known) => known === order) ?? "newest",
    search: search.trim().slice(0, MAX_SEARCH),
    principal,
    page: isPage ? page : 1,
  };
}

/** Returns the query of the address that shows a view. */
export function queryOf(
  view: MonitorView,
  more: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams({ order: view.order });
  if (view.principal !== undefined) query.set("principal", view.principal);
  if (view.search !== "") query.set("q", view.search);
  if (view.page !== 1) query.set("page", String(view.page));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return `?${query}`;
}

/** Returns the query of the first page of all sessions of a principal. */
export function principalQuery(
  principal: string,
  order: Order = "newest",
): string {
  return queryOf({ order, principal, search: "", page: 1 });
}
