// Sockets: a chat that closes your socket when you fall silent.
//
//   deno run --allow-net examples/chat_socket.ts
//
// Visit http://localhost:8080/ in two browsers and talk: messages that you send
// keep your session, messages that you receive do not. After half a minute of
// silence your socket is closed, with the reason.

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class ChatPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return page(
      "Chat",
      `<p>Open this page in a second browser, and talk. After half a minute of
silence you are out.</p>
<form id="form">
<label>Say <input id="text" autocomplete="off" autofocus></label>
</form>
<ul id="said"></ul>
<script>
let socket;
const say = (line) => said.appendChild(document.createElement("li")).textContent = line;
function connect() {
  socket = new WebSocket("chat");
  socket.onmessage = ({ data }) => say(data);
  socket.onclose = ({ code, reason }) => {
    // 1008: the session is over. Otherwise the site has stopped or is away.
    if (code === 1008) say("You are out: " + reason + ". Reload to come back.");
    else setTimeout(connect, 1000 + 4000 * Math.random());
  };
}
connect();
form.onsubmit = () => {
  if (socket.readyState === WebSocket.OPEN) {
    socket.send(text.value);
    form.reset();
  }
  return false;
};
</script>`,
    );
  }
}

class Chat extends Resource {
  readonly #sockets = new Set<WebSocket>();

  override render_GET(request: SiteRequest): Response {
    const session = request.getSession();
    const { socket, response } = session.socket(request);
    socket.onopen = () => this.#sockets.add(socket);
    socket.onclose = () => this.#sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      for (const other of this.#sockets) {
        // One that is being closed sends nothing.
        if (other.readyState !== WebSocket.OPEN) continue;
        other.send(`${session.uid.slice(0, 4)}: ${data}`);
      }
    };
    return response;
  }
}

const root = new Resource();
root.putChild("", new ChatPage());
root.putChild("chat", new Chat());

export const site = new Site(root, { sessionTimeout: 30 });

if (import.meta.main) serve(site, "Visit / in two browsers, and talk");
