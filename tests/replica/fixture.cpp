#include "replica/fixture.hpp"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace dlock::testing {

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string with_option(const std::string& url, const std::string& option) {
  if (url.find('?') != std::string::npos) return url + "&" + option;
  return url + (url.find('/', url.find("://") + 3) == std::string::npos ? "/?" : "?") + option;
}

namespace {

std::vector<member> read_members() {
  std::vector<member> out;
  if (const char* file = std::getenv("DLOCK_TEST_SET")) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    const auto set = from_json(text.str());
    bson_iter_t it, list, field;
    if (bson_iter_init_find(&it, set.get(), "members") && bson_iter_recurse(&it, &list)) {
      while (bson_iter_next(&list)) {
        member m;
        bson_iter_recurse(&list, &field);
        std::string port;
        while (bson_iter_next(&field)) {
          const std::string key = bson_iter_key(&field);
          if (key == "host") m.address = bson_iter_utf8(&field, nullptr);
          if (key == "port") port = std::to_string(bson_iter_as_int64(&field));
          if (key == "pid") m.pid = static_cast<int>(bson_iter_as_int64(&field));
        }
        m.address += ":" + port;
        out.push_back(std::move(m));
      }
    }
    return out;
  }
  const auto answer = connection().run("admin", from_json(R"({"hello": 1})").get());
  bson_iter_t it, host;
  if (answer.ok && bson_iter_init_find(&it, answer.reply.get(), "hosts") && bson_iter_recurse(&it, &host)) {
    while (bson_iter_next(&host)) out.push_back({bson_iter_utf8(&host, nullptr), 0});
  }
  return out;
}

/// As the servers' logs have it: 2024-05-01T12:00:00.123+00:00.
std::string date_and_time() {
  const auto ms = wall_clock_ms();
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64], out[96];
  std::strftime(text, sizeof text, "%FT%T", &utc);
  std::snprintf(out, sizeof out, "%s.%03d+00:00", text, static_cast<int>(ms % 1000));
  return out;
}

}  // namespace

std::vector<member> members() {
  return read_members();
}

std::string user_in(const std::string& url) {
  const auto begin = url.find("://") + 3;
  const auto at = url.find('@');
  return at == std::string::npos ? "" : url.substr(begin, at + 1 - begin);
}

std::string url_of(const member& m, const std::string& options, const std::string& as) {
  return "mongodb://" + user_in(as) + m.address + "/?" + options;
}

member primary() {
  member found;
  const bool there = eventually([&] {
    for (const auto& m : members()) {
      auto answer = connection(url_of(m, "directConnection=true&serverSelectionTimeoutMS=1000"))
                        .run("admin", from_json(R"({"hello": 1})").get());
      bson_iter_t it;
      if (answer.ok && bson_iter_init_find(&it, answer.reply.get(), "isWritablePrimary") && bson_iter_as_bool(&it)) {
        found = m;
        return true;
      }
    }
    return false;
  });
  if (!there) throw std::runtime_error("the set has no primary");
  return found;
}

void needs_whole_set() {
  const char* given = std::getenv("CTEST_RESOURCE_GROUP_0_SETS");
  if (given == nullptr) return;
  if (std::string(given).ends_with("slots:1")) {
    throw std::runtime_error("this test needs a whole set: name it after WHOLE_SET in tests/replica/CMakeLists.txt");
  }
  const char* used = std::getenv("DLOCK_SHARED_SET");
  if (used == nullptr || !std::string(given).starts_with(std::string("id:") + used + ",")) {
    throw std::runtime_error("this test uses another set than it was given: start it with tests/shared_set.sh");
  }
}

frozen::frozen(member m) : pid_(m.pid) {
  needs_whole_set();
  if (pid_ <= 0) throw std::runtime_error("DLOCK_TEST_SET does not name this member's process");
  kill(pid_, SIGSTOP);
}

void frozen::thaw() {
  if (pid_ > 0) kill(pid_, SIGCONT);
  pid_ = 0;
}

fail_command::place fail_command::on(const member& m) {
  auto there = std::make_shared<connection>(url_of(m));
  (void)there->run("admin", from_json(R"({"hello": 1})").get());
  return there;
}

fail_command::fail_command(const std::string& app, const std::string& data, int times, const std::string& commands)
    : fail_command(on(primary()), app, data, times, commands) {}

fail_command::fail_command(place where, const std::string& app, const std::string& data, int times,
                           const std::string& commands)
    : where_(std::move(where)) {
  needs_whole_set();  // a server has one failCommand
  const auto mode = times == 0 ? std::string(R"("alwaysOn")") : R"({"times": )" + std::to_string(times) + "}";
  const auto done = where_->run("admin", from_json(R"({"configureFailPoint": "failCommand", "mode": )" + mode +
                                                   R"(, "data": {"failCommands": [)" + commands + R"(], "appName": ")" +
                                                   app + R"(", )" + data + "}}")
                                             .get());
  if (!done.ok)
    throw std::runtime_error("the server has no fail points (start it with enableTestCommands=1): " + done.error);
}

fail_command::~fail_command() {
  where_->run("admin", from_json(R"({"configureFailPoint": "failCommand", "mode": "off"})").get());
}

journal::~journal() {
  if (::testing::Test::HasFailure() && !timed_.empty()) std::cout << "The clients logged:\n" << timed_ << std::flush;
}

log_callback journal::callback() {
  return [this](log_level, std::string_view message) {
    const auto now = date_and_time();
    const std::lock_guard lock(guard_);
    text_ += std::string(message) + "\n";
    timed_ += "  " + now + " " + std::string(message) + "\n";
  };
}

std::string journal::text() {
  const std::lock_guard lock(guard_);
  return text_;
}

int journal::count(const std::string& part) {
  const auto all = text();
  int n = 0;
  for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++n;
  return n;
}

client_options Replica::options(const std::string& app) const {
  client_options o;
  o.url = with_option(test_url(), "appName=" + app);
  o.db = db;
  o.exp_delta = 20s;
  o.wait_lock_period = 1s;
  o.log = said_.callback();
  return o;
}

client_options Replica::options(const std::string& app, milliseconds exp_delta) const {
  return changed(options(app), [&](auto& o) { o.exp_delta = exp_delta; });
}

std::string Replica::document(const std::string& lock) {
  auto filter = make_bson();
  append(filter.get(), "_id", lock);
  const auto found = server.find_all(db, "dlocks", filter.get());
  return found.empty() ? "" : to_json(found[0].get());
}

std::size_t Replica::length(const std::string& lock, const char* array) {
  auto filter = make_bson();
  append(filter.get(), "_id", lock);
  const auto found = server.find_all(db, "dlocks", filter.get());
  bson_iter_t it, element;
  std::size_t n = 0;
  if (found.empty() || !bson_iter_init_find(&it, found[0].get(), array) || !bson_iter_recurse(&it, &element)) return 0;
  while (bson_iter_next(&element)) ++n;
  return n;
}

std::size_t Replica::holders(const std::string& lock) {
  return length(lock, "holders");
}
std::size_t Replica::waiters(const std::string& lock) {
  return length(lock, "waiters");
}

connection::outcome Replica::remove(const std::string& lock) {
  return run(R"({"delete": "dlocks", "deletes": [{"q": {"_id": ")" + lock +
             R"("}, "limit": 1}], "writeConcern": {"w": "majority"}})");
}

}  // namespace dlock::testing
