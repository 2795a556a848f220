#include "cmd_release.hpp"

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include <dlock/client.hpp>

#include "exit_codes.hpp"
#include "fd.hpp"
#include "inspect_options.hpp"
#include "lock_table.hpp"
#include "output.hpp"
#include "text.hpp"
#include "timestamp.hpp"

namespace dlock::cli {

namespace {

bool can_be_told(const dlock::lock_holder& holder, const release_options& options) {
  return !holder.foreign && (!options.token || *options.token == holder.token);
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
  if (holder.kept) return "it was kept taken after its release (--at-least); it has passed on";
  if (options.now) return "it has passed on, and the holder is told";
  return "the holder is told, and it passes on when it lets go, at the latest at " + iso(holder.until);
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
    if (!any) complain("who held " + in_quotes(options_.id) + " has let go of it meanwhile; nothing was changed");
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

int cmd_release(const std::vector<std::string>& arguments) {
  const release_options options = parse_release(arguments);
  if (options.help) return print_and_return(exit_ok, release_help());
  fill_standard_streams();
  release_command command(options);
  const int status = command.run();
  command.close();
  _exit(status);  // the destructors of the driver take half a second
}

}  // namespace dlock::cli
