#include "verbs.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <dlock/client.hpp>
#include <dlock/error.hpp>

#include "arguments.hpp"
#include "collection_metrics.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "http_server.hpp"
#include "listening.hpp"
#include "output.hpp"
#include "shared_read.hpp"
#include "signals.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

/// Contact or read, with the time that the driver needs to give up: a scrape is answered within 2 s.
constexpr milliseconds patience_of_a_read{1200};
constexpr milliseconds limit_of_a_scrape{1800};
constexpr milliseconds shared_for{1000};
constexpr std::chrono::seconds between_looks{10};  // at the members
constexpr const char* metrics_path = "/metrics";

std::vector<option> option_table(metrics_options& out, connection_arguments& connection) {
  std::vector<option> table = out.listening.table("serve http://ADDRESS:PORT/metrics instead of printing once");
  table.push_back(
      {0, "prefix", "", "P", "only locks whose ID begins with P", [&](const std::string& v) { out.prefix = v; }});
  table.push_back(
      {0, "label-locks", "", "",
       "also metrics of each of the first 100 locks, with its ID in\nthe label 'lock'; those after it count as "
       "'other'",
       [&](const std::string&) { out.label_locks = true; }});
  return connection.table(std::move(table));
}

/// Reads the locks for all scrapes. Makes the client at the first contact, and anew until there is one.
class metrics_source {
 public:
  explicit metrics_source(const metrics_options& options)
      : options_(options.client_with_url()), prefix_(options.prefix), label_locks_(options.label_locks) {
    if (!options.connect_timeout) options_.connect_timeout = options_.operation_timeout = patience_of_a_read;
  }

  /// Throws dlock::error.
  [[nodiscard]] std::string read_once() {
    client_.emplace(options_);
    const auto locks = list();
    ask_members();
    return text_of(locks);
  }

  /// The same, for scrapes. The members are asked in the background: one that is down takes longer than a scrape may.
  [[nodiscard]] std::string read() {
    if (!client_) {
      client_.emplace(options_);
      std::thread([this] {
        for (;; std::this_thread::sleep_for(between_looks)) ask_members();
      }).detach();
    }
    return text_of(list());
  }

 private:
  [[nodiscard]] std::vector<dlock::lock_state> list() {
    const auto begin = std::chrono::steady_clock::now();
    auto locks = client_->list(prefix_);
    took_ = std::chrono::steady_clock::now() - begin;
    return locks;
  }

  void ask_members() {
    std::vector<dlock::member_info> seen;
    try {
      seen = client_->members();
    } catch (const dlock::error&) {
      // then nothing is known of them
    }
    const std::lock_guard lock(guard_);
    members_ = std::move(seen);
  }

  [[nodiscard]] std::string text_of(const std::vector<dlock::lock_state>& locks) {
    const std::lock_guard lock(guard_);
    return collection_metrics(locks, members_, took_, label_locks_);
  }

  dlock::client_options options_;
  const std::string prefix_;
  const bool label_locks_;
  std::chrono::steady_clock::duration took_{0};
  std::mutex guard_;
  std::vector<dlock::member_info> members_;
  std::optional<dlock::client> client_;
};

[[noreturn]] void print_once(metrics_source& from) {
  try {
    _exit(print_and_return(exit_ok, from.read_once()));
  } catch (const dlock::error& problem) {
    if (problem.code() == dlock::errc::invalid_argument) throw;
    (void)print_and_return(exit_failed, metrics_of_an_outage());
    complain(problem.what());
    _exit(exit_failed);
  }
}

[[noreturn]] void serve_metrics(metrics_source& from, const metrics_options& options, signals& caught) {
  std::string trouble;
  shared_read reads(
      [&from, &trouble] {
        try {
          std::string text = from.read();
          if (!std::exchange(trouble, {}).empty()) remark("the locks can be read again");
          return text;
        } catch (const std::exception& problem) {
          const auto* const of_the_library = dynamic_cast<const dlock::error*>(&problem);
          if (of_the_library != nullptr && of_the_library->code() == dlock::errc::invalid_argument) {
            complain(problem.what());
            _exit(exit_failed);
          }
          if (std::exchange(trouble, problem.what()).empty()) {
            remark(std::string("the locks cannot be read: ") + problem.what() + "; trying again at each scrape");
          }
          return metrics_of_an_outage();
        }
      },
      shared_for);
  const auto as_reply = [](shared_read::text text) {
    return http_reply{.type = metrics_type, .headers = {}, .body = std::move(text)};
  };
  http_server server(options.http, [&](const http_request& asked, const http_answer& answer) {
    if (asked.path != metrics_path) return answer(text_reply(404, "there is only /metrics\n"));
    answer.or_else(limit_of_a_scrape, as_reply(std::make_shared<const std::string>(metrics_of_an_outage())));
    reads.get([answer, as_reply](shared_read::text text) { answer(as_reply(std::move(text))); });
  });
  options.listening.announce(server, metrics_path);
  reads.get([](const shared_read::text&) {});  // a mistake in the options shows now, and the first scrape need not wait
  serve_until_signal(caught, server);
}

}  // namespace

metrics_options parse_metrics(const std::vector<std::string>& arguments) {
  metrics_options out;
  connection_arguments connection(out);
  const operands operands = parse_arguments("metrics", option_table(out, connection), arguments, 0);
  if (out.help) return out;
  refuse_operands("metrics", operands, "use --prefix");
  check_utf8("the prefix", out.prefix, 1000);
  out.http = out.listening.finish();
  connection.finish();
  return out;
}

manual metrics_manual() {
  metrics_options out;
  connection_arguments connection(out);
  std::string notes(help_on_servers);
  notes +=
      "\n"
      "If the server is down, only 'dlock_up 0' is printed or served, within 2 seconds. --connect-timeout gives\n"
      "more time to what is printed, but a scrape is always answered within 2 seconds.\n"
      "\n";
  notes += help_on_listening;
  notes += "\nWith --listen, INT and TERM end dlock with status 0.\n";
  return {
      .verb = "metrics",
      .operands = "[OPTIONS]",
      .summary = "print metrics of all locks for Prometheus, or serve them",
      .usages = {"[OPTIONS]", "--listen ADDRESS:PORT [--token-file FILE] [OPTIONS]"},
      .intro =
          "Prints how many locks, holders and waiters there are, how long they have held and waited, and who died or\n"
          "was revoked, in the text format of Prometheus.\n",
      .options = option_table(out, connection),
      .notes = std::move(notes),
      .statuses = {{"0", "the metrics were printed, or a signal has ended --listen"},
                   {"125", "dlock itself failed, or the server is down"}},
  };
}

int cmd_metrics(const std::vector<std::string>& arguments, process_title) {
  const metrics_options options = parse_metrics(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(metrics_manual()));
  fill_standard_streams();
  if (!options.listening.is_listening()) {
    metrics_source once(options);
    print_once(once);
  }
  signals caught(false);
  metrics_source from(options);
  serve_metrics(from, options, caught);
}

}  // namespace dlock::cli
