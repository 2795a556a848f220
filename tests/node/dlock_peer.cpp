// A process with a dlock::client, for test_node.py: dlock_node_peer URL DB NOTIF_URL CHANNEL EXP_DELTA
// WAIT_LOCK_PERIOD. Reads commands, one a line, each with a number, and writes what came of them as JSON with that
// number:
//
//     N try ID             the outcome, and the token
//     N wait ID TIMEOUT    the same
//     N unlock ID          the release_result
//     N subscribe [ID]     true once events are heard; from then on {"event", "id", "token", "who"} for each
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <dlock/dlock.hpp>

namespace {

using std::chrono::milliseconds;

/// Of what the tests use, only these need it.
std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

void write(const std::string& line) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  std::cout << line << std::endl;
}

void answer(int n, const std::string& result, std::int64_t token = 0) {
  write("{\"n\": " + std::to_string(n) + ", \"result\": " + result + ", \"token\": " + std::to_string(token) + "}");
}

void show(const dlock::lock_event& e) {
  write("{\"event\": " + in_quotes(to_string(e.what)) + ", \"id\": " + in_quotes(e.id) +
        ", \"token\": " + std::to_string(e.token) + ", \"who\": " + in_quotes(e.who) + "}");
}

const char* name_of(dlock::release_result r) {
  switch (r) {
    case dlock::release_result::released:
      return "released";
    case dlock::release_result::not_held:
      return "not_held";
    case dlock::release_result::lost:
      return "lost";
  }
  return "unknown";
}

class peer {
 public:
  explicit peer(dlock::client_options o) : client_(std::move(o)) {}

  void carry_out(const std::string& line) {
    std::istringstream words(line);
    int n = 0;
    std::string verb, id;
    long timeout = 0;
    words >> n >> verb >> id >> timeout;
    threads_.emplace_back([=, this] {
      try {
        carry_out(n, verb, id, milliseconds(verb == "wait" ? timeout : 0));
      } catch (const std::exception& e) {
        answer(n, in_quotes(std::string("error: ") + e.what()));
      }
    });
  }

 private:
  dlock::mutex& mutex_of(const std::string& id) {
    const std::lock_guard lock(guard_);
    return locks_.try_emplace(id, client_, id).first->second;
  }

  void carry_out(int n, const std::string& verb, const std::string& id, milliseconds timeout) {
    if (verb == "try" || verb == "wait") {
      const auto got = std::make_shared<dlock::acquisition>(mutex_of(id).acquire({.timeout = timeout}));
      const auto token = *got ? (*got)->token() : 0;
      {
        const std::lock_guard lock(guard_);
        kept_.push_back(got);
      }
      answer(n, in_quotes(to_string(got->result())), token);
    } else if (verb == "unlock") {
      answer(n, in_quotes(name_of(mutex_of(id).release())));
    } else if (verb == "subscribe") {
      auto s = id.empty() ? client_.subscribe_all(show) : client_.subscribe(id, show);
      const bool open = s.wait_until_open(std::chrono::seconds(45));
      {
        const std::lock_guard lock(guard_);
        subscriptions_.push_back(std::move(s));
      }
      answer(n, open ? "true" : "false");
    } else {
      answer(n, in_quotes("unknown verb"));
    }
  }

  dlock::client client_;
  std::mutex guard_;
  std::map<std::string, dlock::mutex> locks_;
  std::vector<std::shared_ptr<dlock::acquisition>> kept_;
  std::vector<dlock::subscription> subscriptions_;
  std::vector<std::jthread> threads_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  dlock::client_options o;
  o.url = argv[1];
  o.db = argv[2];
  o.notif_url = argv[3];
  o.notif_channel = argv[4];
  o.exp_delta = milliseconds(std::atoi(argv[5]));
  o.wait_lock_period = milliseconds(std::atoi(argv[6]));
  o.who = "dlock's peer";
  peer here(std::move(o));
  write("{\"ready\": true}");
  for (std::string line; std::getline(std::cin, line);) here.carry_out(line);
}
