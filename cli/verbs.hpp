#pragma once

#include <sys/types.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dlock/inspect.hpp>

#include "command_options.hpp"
#include "environment.hpp"
#include "guard.hpp"
#include "http_server.hpp"
#include "listening.hpp"
#include "manual.hpp"

namespace dlock::cli {

/// The parsed arguments of `dlock run`.
struct run_options : command_options {
  std::vector<std::string> ids;  ///< No id twice.
  dlock::lock_mode mode = dlock::lock_mode::exclusive;
  std::int64_t permits = 0;  ///< For mode permits: each lock is a semaphore with this capacity,
  std::int64_t take = 1;     ///< and this many permits are taken.
  /// How long to wait for the lock. None: forever. Zero: one try, no wait.
  std::optional<std::chrono::milliseconds> wait;
  int conflict_exit_code = 0;
  std::optional<std::chrono::milliseconds> at_least;
  std::optional<std::chrono::milliseconds> at_most;
  std::string note;
  bool history = true;
  /// COMMAND does not run if it was done within this time. Then dlock exits with done_exit_code.
  std::optional<std::chrono::milliseconds> unless_done_within;
  int done_exit_code = 0;
};

/// The parsed arguments of `dlock hold`.
struct hold_options : run_options {
  std::optional<pid_t> pid;  ///< None: the script that has started dlock.
  bool end = false;
};

/// The parsed arguments of `dlock elect`.
struct elect_options : command_options {
  std::string id;
  std::string value;  ///< The value that the leader publishes.
  bool once = false;  ///< Only one term.
};

/// The parsed arguments of `dlock watch`.
struct watch_options : connection_options {
  std::set<std::string> ids;  ///< Empty: all locks.
  bool json = false;
};

/// The parsed arguments of `dlock ls`.
struct ls_options : connection_options {
  std::string prefix;
  bool all = false;
  bool json = false;
};

/// The parsed arguments of `dlock show`.
struct show_options : connection_options {
  std::string id;
  bool json = false;
};

/// The parsed arguments of `dlock metrics`.
struct metrics_options : connection_options {
  std::string prefix;
  bool label_locks = false;
  listening_arguments listening;
  http_options http;  ///< If it listens.
};

/// The parsed arguments of `dlock serve`.
struct serve_options : connection_options {
  http_options http;
  std::string prefix;
  std::chrono::milliseconds long_hold = std::chrono::hours(24);
  std::chrono::milliseconds long_wait = std::chrono::hours(1);
};

/// The parsed arguments of `dlock release`. --force was given.
struct release_options : connection_options {
  std::string id;
  std::optional<std::int64_t> token;
  bool now = false;
  bool yes = false;
};

/// The parsed arguments of `dlock note`.
struct note_options : connection_options {
  std::string text;
  std::vector<held_around> locks;  ///< From the environment. At least one.
};

/// The parsed arguments of `dlock resize`.
struct resize_options : connection_options {
  std::string id;
  std::int64_t permits = 0;
};

/// The parsed arguments of `dlock doctor`.
struct doctor_options : connection_options {
  bool json = false;
  bool write = false;
};

/// These functions throw failure. They read the environment: DLOCK_URL and the like, and SHELL.
[[nodiscard]] run_options parse_run(const std::vector<std::string>& arguments);
[[nodiscard]] hold_options parse_hold(const std::vector<std::string>& arguments);
[[nodiscard]] elect_options parse_elect(const std::vector<std::string>& arguments);
[[nodiscard]] watch_options parse_watch(const std::vector<std::string>& arguments);
[[nodiscard]] ls_options parse_ls(const std::vector<std::string>& arguments);
[[nodiscard]] show_options parse_show(const std::vector<std::string>& arguments);
[[nodiscard]] metrics_options parse_metrics(const std::vector<std::string>& arguments);
[[nodiscard]] serve_options parse_serve(const std::vector<std::string>& arguments);
[[nodiscard]] release_options parse_release(const std::vector<std::string>& arguments);
[[nodiscard]] note_options parse_note(const std::vector<std::string>& arguments);
[[nodiscard]] resize_options parse_resize(const std::vector<std::string>& arguments);
[[nodiscard]] doctor_options parse_doctor(const std::vector<std::string>& arguments);

[[nodiscard]] manual run_manual();
[[nodiscard]] manual hold_manual();
[[nodiscard]] manual elect_manual();
[[nodiscard]] manual watch_manual();
[[nodiscard]] manual ls_manual();
[[nodiscard]] manual show_manual();
[[nodiscard]] manual metrics_manual();
[[nodiscard]] manual serve_manual();
[[nodiscard]] manual release_manual();
[[nodiscard]] manual note_manual();
[[nodiscard]] manual resize_manual();
[[nodiscard]] manual doctor_manual();
[[nodiscard]] manual completion_manual();
/// What main calls for each verb. These functions return the exit status, or end the process. They throw failure or
/// dlock::error. cmd_run and cmd_elect may end the process by the signal that ended the command or the wait.
[[nodiscard]] int cmd_run(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_hold(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_elect(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_watch(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_ls(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_show(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_metrics(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_serve(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_release(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_note(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_resize(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_doctor(const std::vector<std::string>& arguments, process_title title);
[[nodiscard]] int cmd_completion(const std::vector<std::string>& arguments, process_title title);

struct verb {
  std::string_view name;
  manual (*about)();
  int (*run)(const std::vector<std::string>& arguments, process_title title);
};

/// All of them, in the order in which they are listed.
[[nodiscard]] std::span<const verb> all_verbs();
[[nodiscard]] std::vector<manual> all_manuals();

}  // namespace dlock::cli
