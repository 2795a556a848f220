#include "verbs.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include <dlock/client.hpp>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "lock_table.hpp"
#include "output.hpp"
#include "text.hpp"
#include "timestamp.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

/// `force` is checked only at the end.
std::vector<option> option_table(release_options& out, bool& force, connection_arguments& connection) {
  constexpr std::int64_t most_token = (std::int64_t{1} << 53) - 1;
  return connection.table(
      {{0, "force", "", "", "required: confirms that the holders shall lose the lock",
        [&](const std::string&) { force = true; }},
       {0, "token", "", "T", "revoke only the holder with this token (see dlock show)",
        [&](const std::string& v) { out.token = parse_number("--token", v, "a fencing token", 1, most_token); }},
       {0, "now", "", "", "UNSAFE: pass the lock on at once, even if its holder still\nworks",
        [&](const std::string&) { out.now = true; }},
       {'y', "yes", "", "", "do not ask", [&](const std::string&) { out.yes = true; }}});
}

}  // namespace

release_options parse_release(const std::vector<std::string>& arguments) {
  release_options out;
  bool force = false;
  connection_arguments connection(out);
  operands operands = parse_arguments("release", option_table(out, force, connection), arguments, SIZE_MAX);
  if (out.help) return out;
  out.id = take_id("release", std::move(operands.leading));
  if (!force) {
    throw failure(
        "only its holder releases a lock ('dlock run' does when its command ends); --force takes it off its holders, "
        "see 'dlock release --help'");
  }
  connection.finish();
  return out;
}

manual release_manual() {
  release_options out;
  bool force = false;
  connection_arguments connection(out);
  return {
      .verb = "release",
      .operands = "--force [OPTIONS] ID",
      .summary = "revoke a lock from its holders",
      .usages = {"--force [OPTIONS] ID"},
      .intro =
          "Revokes the lock ID, for the person on call. The holders are told at once that they have lost it; a 'dlock\n"
          "run' ends its command with status 123. The lock passes on when they have let go, at the latest when their\n"
          "leases end. On a terminal dlock shows the holders and asks first.\n",
      .options = option_table(out, force, connection),
      .notes =
          std::string(help_on_servers) +
          "\n"
          "A lock that only --at-least keeps taken passes on at once. A mongo-dlock (Node.js) client that holds the\n"
          "lock cannot be told, and keeps it.\n",
      .statuses = {{"0", "a holder was revoked"},
                   {"1", "there was none, or you said no"},
                   {"125", "dlock itself failed"}},
  };
}

namespace {

bool can_be_told(const dlock::lock_holder& holder, const release_options& options) {
  constexpr std::int64_t step =
      1000;  // of the server's tokens; what is between two of them is of turns of the first one
  return !holder.foreign && (!options.token || *options.token / step == holder.token / step);
}

/// Why there is no holder to revoke.
std::string why_not(const std::optional<dlock::lock_state>& lock, const release_options& options) {
  const std::string id = in_quotes(options.id);
  if (!lock || lock->holders.empty()) return "nobody holds " + id;
  if (lock->holders.front().foreign) {
    return id + " is held by " + foreign_client + ", which cannot be told; end that process, and its lease runs " +
           (lock->holders.front().expired ? "out" : "out in " + span(lock->holders.front().until - lock->at));
  }
  if (options.token) return "no holder of " + id + " has the token " + std::to_string(*options.token);
  return "nobody holds " + id + " any more";
}

/// Prints on stderr, because the question is not a result.
bool is_confirmed(const dlock::lock_state& lock, const release_options& options) {
  dlock::lock_state shown = lock;
  std::erase_if(shown.holders, [&](const dlock::lock_holder& each) { return !can_be_told(each, options); });
  const std::string text = holder_table(shown) + "Take the lock " + in_quotes(lock.id) + " off " +
                           (shown.holders.size() == 1 ? "this holder" : "these holders") +
                           (options.now ? " AND PASS IT ON AT ONCE" : "") + "? [y/N] ";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return false;
  std::string line;
  char next = 0;
  for (ssize_t size = 0; (size = read(STDIN_FILENO, &next, 1)) != 0 && next != '\n';) {
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) line += next;
  }
  return line == "y" || line == "Y" || line == "yes";
}

std::string what_follows(const dlock::lock_holder& holder, const release_options& options) {
  if (holder.kept) return "it was kept taken after its release (--at-least); the lock has passed on";
  if (options.now) return "the lock has passed on, and the holder is told";
  return "the holder is told, and the lock passes on when it lets go, at the latest at " + iso(holder.until);
}

std::string result_line(const dlock::lock_holder& holder, const release_options& options) {
  const std::string token = holder.token != 0 ? " (token " + std::to_string(holder.token) + ")" : "";
  return "took " + in_quotes(options.id) + " off " + name_of(holder) + token + "; " + what_follows(holder, options) +
         "\n";
}

class release_command {
 public:
  explicit release_command(const release_options& options) : options_(options), client_(options.client_with_url()) {}

  int run() {
    if (options_.now) {
      complain(
          "--now is unsafe: somebody else may get the lock while its holder still works under it, until that has heard "
          "of its loss; only fencing tokens keep them apart");
    }
    const bool asks = isatty(STDIN_FILENO) == 1 && !options_.yes;
    if (asks ? !ask() : !revoke(options_.token)) return exit_nothing;
    return print_and_return(exit_ok, done_);
  }

  /// Closing the client sends the revocation notices to the holders.
  void close() { client_.close(); }

 private:
  /// Revokes only the holders that were shown. A holder that got the lock before the user answered is not revoked.
  bool ask() {
    const std::optional<dlock::lock_state> lock = client_.inspect(options_.id);
    std::vector<dlock::lock_holder> shown = lock ? lock->holders : std::vector<dlock::lock_holder>{};
    std::erase_if(shown, [&](const dlock::lock_holder& each) { return !can_be_told(each, options_); });
    if (shown.empty()) {
      complain(why_not(lock, options_));
      return false;
    }
    if (!is_confirmed(*lock, options_)) {
      complain("nothing was changed");
      return false;
    }
    bool any = false;
    for (const dlock::lock_holder& each : shown) any = take_off(each.token) || any;
    if (!any) complain("the holder of " + in_quotes(options_.id) + " has released it meanwhile; nothing was changed");
    return any;
  }

  bool revoke(std::optional<std::int64_t> token) {
    if (take_off(token)) return true;
    complain(why_not(client_.inspect(options_.id), options_));
    return false;
  }

  bool take_off(std::optional<std::int64_t> token) {
    const auto how = options_.now ? dlock::revocation::at_once : dlock::revocation::when_released;
    const std::vector<dlock::lock_holder> holders = client_.revoke(options_.id, token, how);
    for (const dlock::lock_holder& each : holders) done_ += result_line(each, options_);
    return !holders.empty();
  }

  const release_options& options_;
  dlock::client client_;
  std::string done_;
};

}  // namespace

int cmd_release(const std::vector<std::string>& arguments, process_title) {
  const release_options options = parse_release(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(release_manual()));
  fill_standard_streams();
  release_command command(options);
  const int status = command.run();
  command.close();
  _exit(status);  // the destructors of the driver take half a second
}

}  // namespace dlock::cli
