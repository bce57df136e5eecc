import process from "node:process";
import { require } from "./require.mjs";

const express = require("express");
const session = require("express-session");

const app = express();
// The other servers send neither header.
app.disable("etag").disable("x-powered-by");
app.use(session({
  name: "session",
  secret: "of no use to anybody outside of this benchmark",
  resave: false,
  saveUninitialized: true,
  cookie: { maxAge: 900_000, sameSite: "lax" },
}));
app.get("/count", (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.set("cache-control", "private").send(`${request.session.count}`);
});
app.get("/new", (_request, response) => {
  response.set("cache-control", "no-store").send("hello");
});

app.listen(Number(process.argv[2]), "127.0.0.1");
