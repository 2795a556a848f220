#include "lock_arguments.hpp"

#include <chrono>
#include <set>
#include <utility>

#include "exit_codes.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_ids = 100;  // limited, because what the command gets to know of them goes through a pipe

/// Checked here: the library would refuse too long a time only after the command has run.
milliseconds parse_at_least(const std::string& text) {
  const milliseconds time = parse_duration("--at-least", text);
  constexpr milliseconds year = std::chrono::hours(24 * 365);
  if (time > year) throw failure("--at-least " + quoted_input(text) + " is too long; the most is a year (8760h)");
  return time;
}

void check_ids(const std::vector<std::string>& ids) {
  std::set<std::string> seen;
  for (const std::string& id : ids) {
    check_id(id);
    if (!seen.insert(id).second) throw failure("--id " + in_quotes(id) + " was given twice; give each lock once");
  }
  if (ids.size() > most_ids) {
    throw failure("--id was given " + std::to_string(ids.size()) + " times; the most is " + std::to_string(most_ids));
  }
}

}  // namespace

lock_arguments::lock_arguments(run_options& out, bool runs_a_command) : out_(out), runs_a_command_(runs_a_command) {
  out.conflict_exit_code = exit_not_acquired;
}

std::vector<option> lock_arguments::table() {
  return {
      {0, "id", "", "ID",
       runs_a_command_
           ? "a lock. Repeat it to hold several locks together, all or\nnone. COMMAND is then the first operand"
           : "a lock. Repeat it to hold several locks together, all or\nnone",
       [this](const std::string& v) { out_.ids.push_back(v); }},
      {'s', "shared", "", "", "hold the lock together with others that use -s",
       [this](const std::string&) { shared_ = true; }},
      {'x', "exclusive", "", "", "hold the lock alone. The default", [this](const std::string&) { exclusive_ = true; }},
      {0, "permits", "", "N", "the lock is a semaphore with N permits. All users must\ngive the same N",
       [this](const std::string& v) {
         permits_ = parse_number("--permits", v, "a number of permits", 1, most_permits);
       }},
      {0, "take", "", "K", "take K of the N permits. Default: 1",
       [this](const std::string& v) { take_ = parse_number("--take", v, "a number of permits", 1, most_permits); }},
      {'n', "nonblock", "", "",
       "do not wait. Exit with 124 if others hold the lock, with\n125 if the server does not answer within 5 s",
       [this](const std::string&) { out_.wait = milliseconds(0); }},
      {'w', "wait", "timeout", "SECONDS",
       "wait at most this long for the lock and the server. Then exit\nwith 124 if others hold the lock, with 125 if "
       "the "
       "server\ndoes not answer. 500ms and 2m work, too; 0 means -n.\nDefault: wait without limit",
       [this](const std::string& v) { out_.wait = parse_duration("--wait", v, {.bare_seconds = true, .zero = true}); }},
      {'E', "conflict-exit-code", "", "N",
       runs_a_command_ ? "exit with N instead of 124 (0 to 255)" : "exit with N instead of 124 (1 to 255)",
       [this](const std::string& v) {
         // A script that gets 0 from dlock hold counts on the lock.
         const int least = runs_a_command_ ? 0 : 1;
         out_.conflict_exit_code =
             static_cast<int>(parse_number("--conflict-exit-code", v, "an exit status", least, 255));
       }},
      {0, "note", "", "TEXT",
       runs_a_command_ ? "what others see of this holder in 'dlock ls' and 'dlock show',\nat most 1,024 bytes. 'dlock "
                         "note' changes it"
                       : "what others see of this holder in 'dlock ls' and 'dlock show',\nat most 1,024 bytes",
       [this](const std::string& v) { out_.note = v; }},
      {0, "at-least", "", "DURATION",
       runs_a_command_ ? "keep the lock taken this long after its grant, even if\nthe command ends sooner. dlock "
                         "itself does not wait"
                       : "keep the lock taken this long after its grant, even if\nthe script ends sooner",
       [this](const std::string& v) { out_.at_least = parse_at_least(v); }},
  };
}

void lock_arguments::finish(std::string_view verb, std::vector<std::string> leading) {
  if (!leading.empty() && !out_.ids.empty()) {
    throw failure("the ID " + quoted_input(leading.front()) +
                  " and --id exclude each other; name each lock with --id, before all other words");
  }
  if (!leading.empty()) out_.ids.push_back(std::move(leading.front()));
  if (out_.ids.empty()) throw failure("no ID of a lock given; see 'dlock " + std::string(verb) + " --help'");
  check_ids(out_.ids);
  check_utf8("the note", out_.note, longest_note);

  if (shared_ && exclusive_) throw failure("-s and -x exclude each other; give one of them");
  if (permits_ && (shared_ || exclusive_)) {
    throw failure(std::string(shared_ ? "-s" : "-x") +
                  " and --permits exclude each other: a lock is either shared and exclusive or a semaphore");
  }
  if (take_ && !permits_) throw failure("--take needs --permits: how many there are to take from");
  if (shared_) out_.mode = dlock::lock_mode::shared;
  if (!permits_) return;
  out_.mode = dlock::lock_mode::permits;
  out_.permits = *permits_;
  out_.take = take_.value_or(1);
  if (out_.take > out_.permits) {
    throw failure("--take " + std::to_string(out_.take) + " is more than there are (--permits " +
                  std::to_string(out_.permits) + "); take fewer");
  }
}

}  // namespace dlock::cli
