#include "verbs.hpp"

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <utility>

#include <dlock/client.hpp>
#include <dlock/semaphore.hpp>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "output.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

resize_options parse_resize(const std::vector<std::string>& arguments) {
  resize_options out;
  connection_arguments connection(out);
  operands operands = parse_arguments("resize", connection.table({}), arguments, SIZE_MAX);
  if (out.help) return out;
  std::vector<std::string>& given = operands.leading;
  if (given.size() == 1) throw failure("no number of permits given; see 'dlock resize --help'");
  if (given.size() > 2) throw failure("an ID and a number; " + quoted_input(given[2]) + " is one too many");
  if (given.size() == 2) {
    out.permits = parse_number("the number", given[1], "a number of permits", 1, most_permits);
    given.pop_back();
  }
  out.id = take_id("resize", std::move(given));
  connection.finish();
  return out;
}

manual resize_manual() {
  resize_options out;
  connection_arguments connection(out);
  return {
      .verb = "resize",
      .operands = "[OPTIONS] ID N",
      .summary = "change how many permits a semaphore has",
      .usages = {"[OPTIONS] ID N"},
      .intro =
          "Gives the semaphore ID, which is in use, N permits. With more permits, waiters get theirs at once. With\n"
          "fewer, no holder loses a permit, but nobody gets one until fewer than N are taken.\n",
      .options = connection.table({}),
      .notes =
          std::string(help_on_servers) +
          "\n"
          "From then on, a 'dlock run' with another --permits is refused with 125, as long as the semaphore is in\n"
          "use. So change it everywhere. When nobody uses the semaphore, its next user sets the number.\n",
      .statuses = {{"0", "it has N permits"},
                   {"1", "nobody uses it, or it is not a semaphore: nothing was changed"},
                   {"125", "dlock itself failed"}},
  };
}

namespace {

std::string counted(std::int64_t number, const char* one) {
  return std::to_string(number) + " " + one + (number == 1 ? "" : "s");
}

int nothing_changed(const std::string& why) {
  complain(why + "; nothing was changed");
  return exit_nothing;
}

int resize(dlock::client& client, const resize_options& options) {
  const std::string id = in_quotes(options.id);
  const std::string unused = "nobody uses " + id + ", so its next user sets how many permits it has";
  const std::optional<dlock::lock_state> lock = client.inspect(options.id);
  if (!lock || (lock->holders.empty() && lock->waiters.empty())) return nothing_changed(unused);
  if (lock->permits == 0) return nothing_changed(id + " is in use as a mutex or a shared lock, not as a semaphore");
  dlock::semaphore semaphore(client, {.id = options.id, .expiry = lock->expiry}, options.permits);
  const auto users = semaphore.resize(options.permits);
  if (!users) return nothing_changed(unused);
  std::int64_t taken = 0;
  for (const dlock::lock_holder& each : lock->holders) taken += each.permits;
  std::string text = id + " has " + counted(options.permits, "permit") + " now; before it had " +
                     std::to_string(lock->permits) + ". It has " + counted(users->in_use, "holder") + " and " +
                     counted(users->waiting, "waiter") + "\n";
  if (taken > options.permits) {
    text += std::to_string(taken) + " are taken: nobody gets one until fewer than " + std::to_string(options.permits) +
            " are\n";
  }
  return print_and_return(exit_ok, text);
}

}  // namespace

int cmd_resize(const std::vector<std::string>& arguments, process_title) {
  const resize_options options = parse_resize(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(resize_manual()));
  fill_standard_streams();
  dlock::client client(options.client_with_url());
  const int status = resize(client, options);
  client.close();  // who gets a permit now is told
  _exit(status);   // the destructors of the driver take half a second
}

}  // namespace dlock::cli
