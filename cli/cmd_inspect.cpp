#include "cmd_inspect.hpp"

#include <unistd.h>
#include <algorithm>
#include <optional>

#include <dlock/client.hpp>

#include "exit_codes.hpp"
#include "fd.hpp"
#include "inspect_options.hpp"
#include "lock_json.hpp"
#include "lock_table.hpp"
#include "output.hpp"
#include "text.hpp"

// These verbs only read and hold nothing, so a signal may end them at any time. They end by _exit, because the
// destructors of the driver take half a second.

namespace dlock::cli {

int cmd_ls(const std::vector<std::string>& arguments) {
  const ls_options options = parse_ls(arguments);
  if (options.help) return print_and_return(exit_ok, ls_help());
  fill_standard_streams();
  const dlock::client client(options.client_with_url());
  std::vector<dlock::lock_state> locks = client.list(options.prefix);
  if (!options.all) std::erase_if(locks, [](const dlock::lock_state& lock) { return !is_in_use(lock); });
  if (options.json) _exit(print_and_return(exit_ok, locks_json(locks)));
  if (!locks.empty()) _exit(print_and_return(exit_ok, lock_table(locks)));
  complain("there is no lock" + (options.prefix.empty() ? "" : " whose ID begins with " + in_quotes(options.prefix)) +
           (options.all ? "" : " that is held or waited for"));
  _exit(exit_ok);
}

int cmd_show(const std::vector<std::string>& arguments) {
  const show_options options = parse_show(arguments);
  if (options.help) return print_and_return(exit_ok, show_help());
  fill_standard_streams();
  const dlock::client client(options.client_with_url());
  const std::optional<dlock::lock_state> lock = client.inspect(options.id);
  const int status = lock ? exit_ok : exit_nothing;
  if (options.json) _exit(print_and_return(status, lock_json(lock)));
  if (lock) _exit(print_and_return(status, lock_description(*lock)));
  complain("there is no lock " + in_quotes(options.id) + ": it is free (never used, or swept after its last use)");
  _exit(status);
}

}  // namespace dlock::cli
