/**
 * The parts of the raw requests. Each character stands for one byte.
 *
 * @module
 */

/** Paths of resources, and paths without one. */
export const PATHS: readonly string[] = [
  ...[
    "/",
    "/visits",
    "/visits",
    "/later",
    "/login",
    "/logout",
    "/logout?again",
  ],
  ...[
    "/form",
    "/json",
    "/bytes",
    "/unread",
    "/guard",
    "/guard/in",
    "/treasure",
  ],
  ...["/treasure/chest", "/go", "/go/on", "/old/", "/back?to=/visits"],
  ...["/items/2", "/items/3/x", "/items/1000/", "/a%2Fb", "/app/x/y?z"],
  ...["/links/a/b", "/tagged", "/stream", "/gone", "/cookies", "/nothing/here"],
];

/** Paths of files, which take longest. */
export const FILES: readonly string[] = [
  ...["/files/", "/files/index.html", "/files/big.txt", "/files/folder"],
  ...["/files/folder/", "/files/a%20b%2520c.txt", "/files/.hidden"],
  ...["/pages/page", "/pages/.hidden", "/files/nothing"],
];

/** Paths of resources that read bodies. Deno closes the connection after an unread body. */
export const READERS: readonly string[] = ["/form", "/json", "/bytes"];

/** Text to insert into paths. */
export const PATH_PARTS: readonly string[] = [
  ...["/", "//", "/./", "/../", "/%2e%2e/", "%2F", "%5C", "\\", "..", "."],
  ...["%", "%00", "%0d%0a", "%ff", "%c0%af", "%e2%82%ac", "%zz", "%u0041"],
  ...[
    "?",
    "&",
    "=",
    ";",
    "#",
    "*",
    "@",
    ":",
    "+",
    "~",
    "a",
    "0",
    "constructor",
  ],
  ...["__proto__", "index.html", "x".repeat(300), "/x".repeat(100), "%41"],
];

/** Methods other than GET. */
export const METHODS: readonly string[] = [
  ...["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"],
  ...["get", "BREW", "PROPFIND", "constructor", "render", "M-SEARCH", "TRACK"],
];

/** Values of the Host header. */
export const HOSTS: readonly string[] = [
  ...["localhost", "localhost:80", "127.0.0.1", "[::1]:8080", "tea.example"],
  ...["TEA.example.", "x/secret", "x?y", "x#y", "a@b", "", "a b", "x:99999"],
  ...["xn--nxasmq6b", "%41", "..", "a,b"],
];

/** Headers that the sites read, with values. */
export const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ["Authorization", [
    `Basic ${btoa("alice:open sesame")}`,
    `Basic ${btoa("alice:open sesame")}`,
    `Basic ${btoa("alice:wrong")}`,
    "Basic",
    "Basic ===",
    "Bearer x",
    `basic  ${btoa("\xff:\0")}`,
  ]],
  ["Range", [
    "bytes=0-9",
    "bytes=-1",
    "bytes=5-2",
    "bytes=0-,1-2,-3",
    "bytes=99999999999999999999-",
    `bytes=${"0-0,".repeat(50)}1-1`,
    "lines=1-2",
  ]],
  ["If-Range", ['"v1"', "Thu, 01 Jan 1970 00:00:00 GMT", "x"]],
  ["If-None-Match", ['"v1"', '"a", W/"v1"', "*", '"', "v1"]],
  ["If-Match", ['"v1"', "*", "x"]],
  ["If-Modified-Since", [
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sunday, 09-Sep-01 01:46:40 GMT",
    "99999999999",
    "x",
  ]],
  ["If-Unmodified-Since", ["Sun, 09 Sep 2001 01:46:40 GMT", "x"]],
  ["Accept-Encoding", ["gzip", "br;q=0", "*;q=x", "gzip;q=1e3,,"]],
  ["Sec-Purpose", ["prefetch", "prefetch;prerender"]],
  ["X-Forwarded-Proto", ["https", "http", "https, http", "gopher", ""]],
  ["X-Forwarded-For", ["10.0.0.1", "unknown", "[::1]:80, x", ",,"]],
  ["X-Forwarded-Host", ["tea.example", "a/b", "", "x, tea.example"]],
  ["Forwarded", [
    'for="[::1]:80";proto=https;host=tea.example',
    "for=_x;;proto",
    'host="a\\"b',
    ",",
  ]],
  ["Origin", ["null", "http://x"]],
  ["Referer", ["http://x/\xff", '"']],
  ["User-Agent", ['"\\', "\x80\xff", "x"]],
  ["Accept", ["*/*", "x"]],
  ["Content-Type", ["text/plain", "multipart/form-data", "x;charset=\xff"]],
  ["X-Junk", ["", "\t", "a".repeat(2000), "\xa0\xff", "%0d%0a"]],
];

/** Bodies and their content types. */
export const BODIES: readonly (readonly [string, string])[] = [
  ["application/x-www-form-urlencoded", "a=1&b=%20&c"],
  ["application/x-www-form-urlencoded", `a=${"%zz&".repeat(300)}`],
  ["application/json", '{"a": [1, null]}'],
  ["application/json", "["],
  ["text/plain", "\xff\xfe\0"],
  ["text/plain", "x".repeat(3000)],
  [
    "multipart/form-data; boundary=b",
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
  ],
  [
    "multipart/form-data; boundary=b",
    '--b\r\nContent-Disposition: form-data; name="a"; filename="../x"\r\n' +
    "Content-Type: \xff\r\n\r\n\0\r\n--b--\r\n",
  ],
  ["multipart/form-data; boundary=b", "--b\r\n\r\n"],
  ["multipart/form-data; boundary=", "----"],
];
