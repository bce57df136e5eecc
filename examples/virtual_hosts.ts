// Virtual hosts: another tree for another name of the server.
//
//   deno run --allow-net examples/virtual_hosts.ts
//
// Visit http://localhost:8080/ and http://127.0.0.1:8080/: the same server, two
// sites. Any other name is a 421: curl -i -H "Host: other" localhost:8080

import { errorPage, NameVirtualHost, Resource, Site } from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

class Sign extends Resource {
  override isLeaf = true;

  constructor(readonly text: string) {
    super();
  }

  override render_GET(): string {
    return page(
      "Tea",
      `<p>${this.text}</p>
<p>Try the other host: localhost, or 127.0.0.1.</p>`,
    );
  }
}

const hosts = new NameVirtualHost(errorPage(421, "Elsewhere", "Not here."));
hosts.addHost("localhost", new Sign("Green tea is served here."));
hosts.addHost("127.0.0.1", new Sign("Black tea is served here."));

export const site = new Site(hosts);

if (import.meta.main) {
  serve(site, "Visit /, and the same port of http://127.0.0.1");
}
