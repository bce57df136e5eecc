"""Twisted Web in "hello", "session" and "new", without an access log."""

import sys

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request):
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return b"hello"


class Count(Hello):
    def render_GET(self, request):
        super().render_GET(request)
        request.setHeader(b"cache-control", b"private")
        session = request.getSession()
        # getSession() does not touch the session since Twisted 18.9.
        session.touch()
        session.count = getattr(session, "count", 0) + 1
        return b"%d" % session.count


class New(Hello):
    def render_GET(self, request):
        request.setHeader(b"cache-control", b"no-store")
        request.getSession()
        return super().render_GET(request)


root = Resource()
root.putChild(b"hello", Hello())
root.putChild(b"count", Count())
root.putChild(b"new", New())
site = Site(root)
site.log = lambda request: None
reactor.listenTCP(int(sys.argv[1]), site, interface="127.0.0.1")
reactor.run()
