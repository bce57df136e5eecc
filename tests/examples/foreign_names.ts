/**
 * What the documents name though it is not of this repository: headers, and what
 * other libraries, systems and versions have.
 *
 * @module
 */

/** The names by document; those of `*` may be in each. */
export const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  "*": [
    // HTTP.
    ...["Accept", "Allow", "Authorization", "ETag", "Forwarded", "Host"],
    ...["HttpOnly", "Lax", "Origin", "SameSite", "Secure", "Vary"],
    "Authorization: Bearer",
    // Members of web types, and @std/testing.
    ...["request.request.body", "FakeTime"],
  ],
  "CHANGELOG.md": [
    // What 0.1.0 had, and Twisted has.
    ...["store.listAside()", "AsideEnd", "EndNews", "sessionCookie"],
    ...["session.lateness", "site.makePassingSession()"],
    ...["site.endSession(session, reason)", "ErrorCallback"],
    // A path of a site.
    "/clock/client.js",
  ],
  "README.md": ["regenerate()", "saveUninitialized"],
  "SECURITY.md": ["LimitNOFILE"],
  "docs/frameworks.md": ["request.visit", "middleware/curfew.ts"],
  "docs/nuxt.md": ["server/middleware/sessions.ts"],
  "docs/from_express_session.md": [
    ...["req.sessionID", "req.session.cart = cart", "store.all(callback)"],
  ],
  "docs/from_hono_sessions.md": [
    ...["CookieStore", "encryptionKey", "expireAfterSeconds"],
    ...["autoExtendExpiration", "sessionCookieName", "cookieOptions"],
    ...["session.forget(key)", "session.flash(key, value)"],
    ...["session.deleteSession()", "session.sessionValid()"],
    ...["store: CookieStore"],
  ],
  "docs/from_spring.md": [
    ...["HttpSession", "session.getId()", "getAttribute", "setAttribute"],
    ...["session.invalidate()", "request.changeSessionId()"],
    ...["setMaxInactiveInterval(900)", "HttpSessionListener.sessionCreated"],
    ...["HttpSessionListener.sessionDestroyed", "SessionDeletedEvent"],
    ...["HttpSessionBindingListener.valueUnbound", "SessionExpiredEvent"],
    ...["findByPrincipalName(name)", "SessionRegistry.getAllSessions"],
    ...["maximumSessions(1)", "maxSessionsPreventsLogin(true)"],
    ...["server.servlet.session.timeout", "Serializable"],
  ],
  "docs/from_twisted.md": [
    ...["HTTPAuthSessionWrapper", "NoResource()", "request.content.read()"],
    ...["request.notifyFinish()", "request.write()", "resource.Resource"],
    ...["script.ResourceScript", "server.NOT_DONE_YET", "static.Data"],
    ...["wsgi.WSGIResource", ".resource.ts"],
  ],
  "docs/forms.md": ["api.example.com", "app.example.com"],
  "docs/operating.md": ["curfew.curfew_schema", "rdb"],
  "docs/simulator.md": ["autoResendUnfulfilledCommands: false"],
  "docs/platforms.md": ["sessionAffinity", "volume"],
  "docs/performance_growth.md": ["getCookies", "ResponseInit"],
  "docs/redis.md": [
    ...["commandTimeout: 2000", "redisOptions: { commandTimeout: 2000 }"],
    ...["masterPoolSize", "enableOfflineQueue: false"],
  ],
  "docs/resources.md": ["page.html.br", "page.html.gz", "page.html.zst"],
  "docs/scale.md": ["eu.shop.example"],
  // A file that SessionClock serves.
  "docs/session_clock.md": ["client.js"],
  "docs/session_data.md": ["Cart", "new Cart(session)"],
  "tests/fixtures/0.1.0/README.md": [
    ...["annaAgain", "oldTokens", "touchGranularity: 60"],
  ],
  "tools/std/README.md": [".d.ts", "publish.exclude", "runAll()", "restore()"],
  "docs/write_a_store.md": ["documents.all()"],
  "docs/get_started.md": ["main.js"],
  "docs/twisted_features.md": [
    ...["add-header", "ignore-ext", "logfile", "mime-type"],
    ...["resource-script", "wsgi"],
    ...["ASISProcessor", "DirectoryLister", "DummyChannel", "DummyRequest"],
    ...["EncodingResourceWrapper", "GzipEncoderFactory"],
    ...["HTTPAuthSessionWrapper", "NoResource", "PythonScript", "Registry"],
    ...["ResourceScriptDirectory", "URLPath", "childNotFound", "client.Agent"],
    ...["contentTypes", "defaultType", "getChildForRequest"],
    ...["getClientAddress", "getPassword", "getUser", "ignoredExts"],
    ...["logFormatter", "loseConnection", "notifyFinish", "prePathURL"],
    ...["proxiedLogFormatter", "proxy.ReverseProxyResource", "redirectTo"],
    ...["rememberRootURL", "requestFactory", "resource.ErrorPage"],
    ...["rewrite.RewriterResource", "setHost", "sibLink", "static.Data"],
    ...["twisted.web", "twisted.web.template", "util.DeferredResource"],
    ...["util.formatFailure", "vhost.VHostMonsterResource"],
  ],
};
