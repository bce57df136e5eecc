import process from "node:process";
import { require } from "./require.mjs";

const express = require("express");

const app = express();
// The other servers send neither header.
app.disable("etag").disable("x-powered-by");
app.get("/hello", (_request, response) => response.send("hello"));

app.listen(Number(process.argv[2]), "127.0.0.1");
