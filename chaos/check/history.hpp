#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

/// What the processes of a chaos run wrote down, as values. All times are nanoseconds of one CLOCK_MONOTONIC, that of
/// the machine they all ran on: so the order of two events of different processes is known.
namespace dlock::chaos {

using ns = std::int64_t;
inline constexpr ns ns_per_ms = 1'000'000;
inline constexpr ns ns_per_s = 1'000'000'000;
inline constexpr ns never = INT64_MAX;

/// The history cannot be judged. The text says which line, and why.
class unusable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where an event was read.
struct place {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
};

/// What a call asks of one lock.
struct claim {
  std::string lock;
  std::string kind;  // mutex, shared, semaphore, election
  bool exclusive = true;
  std::int64_t weight = 0;
  std::int64_t cap = 0;  // 0 = none
};

struct grant {
  std::string lock;
  std::string id;
  std::int64_t token = 0;
  ns until = 0;
};

struct call {
  std::string process;
  std::string op;
  std::vector<claim> claims;     // acquire_all: several; release: none
  std::vector<std::string> ids;  // release, downgrade, resize: of which acquisitions
  ns ttl = 0;
  std::optional<ns> timeout;
  ns at = 0;
  std::optional<ns> queued;
  std::optional<ns> returned;
  std::string what;  // of the return
  bool in_doubt = false;
  std::vector<grant> got;
  std::optional<ns> took;  // of the library's part, as the caller measured it
  ns starved = 0;          // in which its thread waited for a processor
  place where;
  place where_returned;

  [[nodiscard]] bool acquires() const { return op == "acquire" || op == "try" || op == "acquire_all"; }
};

enum class lease_news { held, lost, forked, child };
struct lease_event {
  lease_news what = lease_news::held;
  ns at = 0;
  std::string process;
  std::string id;
  ns until = 0;                                // held
  std::map<std::string, std::string> answers;  // child: what its calls said
  place where;
};

enum class access_kind { get, put, see, enter, leave };
/// One request to the guarded resource, which serves one at a time: the order of the vector is that of the requests.
struct access {
  access_kind what = access_kind::get;
  ns at = 0;
  std::string lock;
  std::int64_t n = 0;
  std::int64_t token = 0;
  bool exclusive = false;
  std::string id;
  std::string from;
  std::int64_t weight = 0;
  bool ok = true;
  place where;
};

struct fault_event {
  ns at = 0;
  std::string cls;
  bool begins = true;
  std::string target;
  std::string key;                   // what its end has in common with its beginning
  std::optional<std::int64_t> jump;  // ms; server-clock
};

enum class process_news { killed, frozen, thawed, stopped, continued };  // the last two: for however short a time
struct process_event {
  process_news what = process_news::killed;
  ns at = 0;
  std::string who;
};

struct final_acquire {
  std::string lock;
  bool ok = false;
  std::int64_t token = 0;
  ns at = 0;
  place where;
};

/// What the run was made with, as far as a verdict depends on it.
struct run_config {
  bool observed = false;  // expiry by observation, not by the server's clock
  ns clock_skew = 500 * ns_per_ms;
  ns wait_period = 5 * ns_per_s;
  ns grace = 60 * ns_per_s;
};

struct history {
  std::vector<std::string> files;  // names, for places
  std::vector<call> calls;
  std::vector<lease_event> lease_events;
  std::vector<access> accesses;
  std::vector<fault_event> faults;
  std::vector<process_event> processes;
  std::vector<std::pair<ns, std::string>> primaries;  // when, which member
  std::vector<final_acquire> finals;
  std::optional<ns> healed;
  ns first = never;
  ns last = 0;
  std::int64_t torn = 0;  // last lines that a killed process did not finish
  std::int64_t resource_torn = 0;
  std::map<std::string, std::int64_t> ignored;  // events of a name that is not known here
  run_config config;

  /// "w3.2.jsonl:17"
  [[nodiscard]] std::string at(place p) const {
    return (p.file < files.size() ? files[p.file] : "?") + ":" + std::to_string(p.line);
  }
};

/// Reads DIR/history/*.jsonl and, if it is there, DIR/config.json. Throws `unusable`.
[[nodiscard]] history load(const std::filesystem::path& directory);

}  // namespace dlock::chaos
