// A restart: sessions in a file outlive the process, and so do the named callbacks
// of their ends. A seat is booked for as long as the session of its visitor lasts.
//
//   deno run --allow-net=127.0.0.1 --allow-read=sessions.db,seats.db \
//     --allow-write=sessions.db,seats.db examples/restart.ts
//
// Visit http://localhost:8080/book?seat=7: the seat is yours as long as you come
// back within a minute. Stop the server with Ctrl-C, or kill it, stay away for two
// minutes, and start it again: it prints at once that the seat is free, why, and
// how late that is. If you come back in time, you keep the seat, however often the
// server restarts.

import { DatabaseSync } from "node:sqlite";
import { Resource, Site, type SiteRequest } from "../mod.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import { page } from "./page.ts";
import { readOption, serve } from "./serve.ts";

/** The booked seats, in a file of the program itself. */
const seats = new DatabaseSync("seats.db");
seats.exec(
  "CREATE TABLE IF NOT EXISTS taken (seat INTEGER PRIMARY KEY, uid TEXT)",
);
const take = seats.prepare("INSERT OR IGNORE INTO taken VALUES (?, ?)");
const free = seats.prepare("DELETE FROM taken WHERE seat = ? AND uid = ?");
const list = seats.prepare("SELECT seat FROM taken WHERE uid = ?");

class Seats extends Resource {
  override render_GET(request: SiteRequest): string {
    const rows = list.all(request.getSession().uid);
    const taken = rows.map(({ seat }) => `seat ${seat}`).join(", ");
    return page(
      "Your seats",
      `<p>You have ${taken || "no seat"}.</p>
<p><a href="book?seat=7">Book seat 7</a>, stop the program, stay away for two minutes,
and start it again.</p>`,
    );
  }
}

class Book extends Resource {
  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    const seat = Number.parseInt(request.query.get("seat") ?? "1");
    if (take.run(seat, session.uid).changes === 0) {
      return page(
        "Taken",
        `<p>It is taken.</p><p><a href="./">Your seats</a></p>`,
      );
    }
    // A function would be lost with the process. The name and the seat are stored
    // with the session.
    session.notifyOnExpire("free the seat", seat);
    return page(
      "Booked",
      `<p>Seat ${seat} is yours.</p><p><a href="./">Your seats</a></p>`,
    );
  }
}

const root = new Resource();
root.putChild("", new Seats());
root.putChild("book", new Book());

const site = new Site(root, {
  store: new SqliteStore({ path: "sessions.db" }),
  sessionTimeout: Number(readOption("timeout") ?? 60),
});

// Registered at the start, before ends are delivered. If the process dies in the
// middle, the callback is called again, so the second call does nothing.
site.onEnd("free the seat", (seat, { uid, reason, lateness }) => {
  if (free.run(Number(seat), uid).changes === 0) return;
  const late = (lateness ?? 0).toFixed(1);
  console.log(`Seat ${seat} is free: ${reason}, delivered ${late} s late.`);
});

serve(site, "Visit /book?seat=7, and stop the program");
