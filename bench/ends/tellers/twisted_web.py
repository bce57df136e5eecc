"""Sessions of Twisted Web that print their ends."""

import sys
import time

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Session, Site

role, count, first, spread = sys.argv[1], *map(float, sys.argv[2:5])


class TimedSession(Session):
    """A session whose timeout is set before it is made."""


def say(line):
    print(line, flush=True)


def make():
    site = Site(Resource())
    site.sessionFactory = TimedSession
    for index in range(int(count)):
        deadline = first + index * spread / count
        TimedSession.sessionTimeout = deadline / 1000 - time.time()
        session = site.makeSession()
        uid = session.uid.decode()
        session.notifyOnExpire(
            lambda uid=uid: say(f"told {uid} {time.time() * 1000}")
        )
        say(f"made {uid} {deadline}")
    say("ready")


if role == "make":
    reactor.callWhenRunning(make)
else:
    reactor.callWhenRunning(say, "ready")
reactor.run()
