#include "verbs.hpp"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include <dlock/client.hpp>

#include "arguments.hpp"
#include "attempt.hpp"
#include "environment.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "output.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

/// DLOCK_AT_* say where the locks are that this command runs under. So they come before the variables that say where
/// locks are in general.
std::vector<option> with_places_of_the_locks(std::vector<option> table) {
  for (option& each : table) {
    for (const auto& [name, variable] : {std::pair{"db", "DLOCK_AT_DB"}, std::pair{"coll", "DLOCK_AT_COLL"}}) {
      if (each.name == std::string_view(name) && std::getenv(variable) != nullptr) each.environment = variable;
    }
  }
  return table;
}

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace

note_options parse_note(const std::vector<std::string>& arguments) {
  note_options out;
  connection_arguments connection(out);
  operands operands = parse_arguments("note", with_places_of_the_locks(connection.table({})), arguments, SIZE_MAX);
  if (out.help) return out;
  if (operands.leading.empty()) throw failure("no TEXT given; see 'dlock note --help'");
  if (operands.leading.size() > 1) {
    throw failure("one TEXT; " + quoted_input(operands.leading[1]) + " is one too many: write the TEXT in quotes");
  }
  out.text = std::move(operands.leading.front());
  check_utf8("the note", out.text, longest_note);
  out.locks = locks_around_us();
  if (out.locks.empty()) {
    throw failure(
        "this process does not run under 'dlock run' or 'dlock elect': DLOCK_ID and DLOCK_OWNER are not set; to give a "
        "note with the lock, use 'dlock run --note'");
  }
  for (const held_around& each : out.locks) check_id(each.id);
  if (!out.url && !out.url_file) {
    out.url = variable("DLOCK_AT_URL");
    out.url_file = variable("DLOCK_AT_URL_FILE");
  }
  connection.finish();
  return out;
}

manual note_manual() {
  note_options out;
  connection_arguments connection(out);
  return {
      .verb = "note",
      .operands = "[OPTIONS] TEXT",
      .summary = "inside a command of run or elect: set the note of its lock",
      .usages = {"[OPTIONS] TEXT"},
      .intro =
          "For a command under 'dlock run' or 'dlock elect': replaces the note of its locks by TEXT, which others see "
          "in\n"
          "'dlock ls' and 'dlock show'. An empty TEXT removes the note. TEXT has at most 1,024 bytes.\n",
      .options = connection.table({}),
      .notes =
          "DLOCK_ID and DLOCK_OWNER, with their numbers if there are several locks, name the locks, and DLOCK_AT_* "
          "say\n"
          "where they are. dlock has set them for the command. So no option is needed, unless the environment was "
          "cleaned.\n",
      .statuses = {{"0", "the note was set"},
                   {"123", "the lock, or one of several, is not held any more"},
                   {"125", "dlock itself failed, or does not run inside such a command"}},
  };
}

int cmd_note(const std::vector<std::string>& arguments, process_title) {
  const note_options options = parse_note(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(note_manual()));
  fill_standard_streams();
  dlock::client client(options.client_with_url());
  std::vector<std::string> lost;
  for (const held_around& each : options.locks) {
    if (!client.set_note(each.id, each.owner, options.text)) lost.push_back(each.id);
  }
  if (!lost.empty()) {
    complain("the note was not set on " + names(lost) +
             ", because the dlock that runs this command does not hold it any more");
  }
  client.close();                             // whoever got a lock by this is told
  _exit(lost.empty() ? exit_ok : exit_lost);  // the destructors of the driver take half a second
}

}  // namespace dlock::cli
