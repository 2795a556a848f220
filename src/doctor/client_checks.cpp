// This client: its URL, its pool, its driver.
#include <cstdio>
#include <string>

#include "doctor/checks.hpp"
#include "doctor/report.hpp"

namespace dlock::doctor {

void check_url(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "url");
  if (f.url.ignored.empty()) return to.ok("it has no option that dlock ignores");
  to.hint("the URL has options without effect: " + listed(f.url.ignored, 10),
          "every change of a lock has w: \"majority\" on the primary, whatever the URL says",
          "remove them from the URL");
}

void check_pool(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "pool");
  constexpr std::int64_t kTiny = 2, kSmall = 10;
  const auto size = f.url.max_pool_size;
  const std::string what = "maxPoolSize is " + std::to_string(size);
  const std::string command =
      "remove maxPoolSize from the URL (100), or give one command for each thread that uses locks";
  if (size == 0) return to.ok("maxPoolSize has its default, 100");
  if (size <= kTiny) {
    to.finding(what, "the commands of all threads wait for each other: acquiring and releasing is slow", command);
  } else if (size < kSmall) {
    to.hint(what, "more threads than this wait for each other", command);
  } else {
    to.ok(what);
  }
}

void check_tls(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "tls");
  if (f.url.unverified) {
    to.finding("the URL accepts any certificate",
               "whoever is between this machine and the server can pose as the server",
               "remove tlsInsecure and tlsAllowInvalidCertificates from the URL, and name the CA: tlsCAFile=FILE");
  } else if (!f.url.tls && !f.url.remote_hosts.empty()) {
    to.hint("no TLS to " + listed(f.url.remote_hosts),
            "whoever is between this machine and the server can read and change locks",
            "add tls=true to the URL, and tlsCAFile=FILE");
  } else {
    to.ok(f.url.tls ? "on" : "off; all servers in the URL are on this machine");
  }
}

void check_driver(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "driver");
  int major = 0, minor = 0;
  const std::string what = "libmongoc " + f.driver;
  if (std::sscanf(f.driver.c_str(), "%d.%d", &major, &minor) != 2) return to.ok(what + ", of which nothing is known");
  if (major < 1 || (major == 1 && minor < 23)) {
    to.finding(what, "dlock needs 1.23 or newer: older ones have other time limits and monitors", "upgrade libmongoc");
  } else if (major > 2) {
    to.hint(what, "dlock was not tested with it", "use libmongoc 1.23 to 2.x");
  } else {
    to.ok(what);
  }
}

}  // namespace dlock::doctor
