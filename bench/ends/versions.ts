import { programVersions, versionOf } from "../machine.ts";
import { PYTHON } from "../programs.ts";
import { PACKAGES } from "./packages.ts";

/** Where Debian has the folders of PostgreSQL's versions. */
const POSTGRES = "/usr/lib/postgresql";

const TOMCAT = "/usr/share/java/tomcat10-embed-core.jar";

/** Describes the versions of the contenders and of the programs that run them. */
export async function describeVersions(): Promise<string> {
  const { wrk: _, ...programs } = await programVersions();
  const twisted = ["-c", "import twisted; print(twisted.__version__)"];
  const versions: Record<string, string | undefined> = {
    ...programs,
    ...PACKAGES,
    Twisted: await versionOf(PYTHON, twisted, /^(\S+)/),
    Tomcat: await versionOf("readlink", [TOMCAT], /-([\d.]+)\.jar/),
    Redis: await versionOf("redis-server", ["--version"], /v=(\S+)/),
    PostgreSQL: await versionOf("ls", ["-r", POSTGRES], /^(\d+)/),
  };
  return Object.entries(versions)
    .filter(([, version]) => version !== undefined)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
}
