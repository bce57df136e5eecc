// Sessions of Tomcat, which print their ends. Its timeouts are whole seconds, and it
// looks for ended sessions once a minute by default.

import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionListener;
import java.nio.file.Files;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;

class Ends implements HttpSessionListener {
  @Override
  public void sessionDestroyed(HttpSessionEvent event) {
    say("told " + event.getSession().getId() + " " + System.currentTimeMillis());
  }

  static synchronized void say(String line) {
    System.out.println(line);
  }

  public static void main(String[] args) throws Exception {
    int count = Integer.parseInt(args[1]);
    double first = Double.parseDouble(args[2]);
    double spread = Double.parseDouble(args[3]);
    String folder = Files.createTempDirectory("curfew-tomcat-").toString();
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(folder);
    StandardContext context = (StandardContext) tomcat.addContext("", folder);
    context.addApplicationLifecycleListener(new Ends());
    tomcat.start();
    if (args[0].equals("make")) {
      for (int index = 0; index < count; index++) {
        HttpSession session = context.getManager().createSession(null).getSession();
        double left = first + index * spread / count - System.currentTimeMillis();
        int seconds = (int) Math.ceil(left / 1000);
        session.setMaxInactiveInterval(seconds);
        long deadline = session.getLastAccessedTime() + seconds * 1000L;
        say("made " + session.getId() + " " + deadline);
      }
    }
    say("ready");
    Thread.currentThread().join();
  }
}
