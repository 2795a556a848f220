#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/batch.hpp"
#include "protocol/document.hpp"
#include "simulator/agenda.hpp"
#include "simulator/chance.hpp"
#include "simulator/collection.hpp"
#include "simulator/trace.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

/// A replica set of three, which works like one of MongoDB, without MongoDB. Each member has an oplog. It copies the
/// oplog of the primary, and rolls back entries that the primary does not have. An entry that a majority has is
/// committed. A command with write concern "majority" is answered when its entry is committed. One member may believe
/// that it is the primary while another one is.
class replica_set {
 public:
  static constexpr std::size_t members = 3;
  static constexpr protocol::ms start_of_time = 1'000'000'000'000;
  using told = std::function<void(const answer&)>;
  /// One request, or several that go together in one command.
  using batch = std::shared_ptr<const protocol::batch>;
  /// One answer for each request.
  using all_told = std::function<void(const std::vector<answer>&)>;

  /// One step of a lock's document at a primary.
  struct change {
    std::size_t at;
    const protocol::batch& requests;
    const version& before;
    const version& after;
    protocol::ms now;  // the primary's clock
  };

  replica_set(agenda& events, chance& luck, trace& notes);

  // --- commands -----------------------------------------------------------------------------------------------------
  /// The member that a client finds, if there is one: the newest primary that runs.
  [[nodiscard]] std::optional<std::size_t> primary() const;
  /// A command has arrived at this member. `done` may never be called, if the member dies.
  void command(std::size_t which, batch all, all_told done);
  void command(std::size_t which, const protocol::request& r, told done);
  void read(std::size_t which, const protocol::lookup& l, const std::function<void(const lookup_answer&)>& done);
  /// The error if a command would make a document too large.
  static constexpr int too_large = 10334;
  [[nodiscard]] protocol::ms clock(std::size_t which) const;
  [[nodiscard]] bool is_up(std::size_t which) const { return all_[which].up; }

  // --- what may happen to it ----------------------------------------------------------------------------------------
  void crash(std::size_t which);
  void restart(std::size_t which);
  /// The member does nothing until resume(). Messages that come meanwhile wait.
  void pause(std::size_t which);
  void resume(std::size_t which);
  /// The other members cannot reach this member, but clients can.
  void isolate(std::size_t which);
  void join(std::size_t which);
  /// With `catch_up`, the others first copy everything.
  void step_down(bool catch_up);
  void set_clock(std::size_t which, protocol::ms ahead) { all_[which].ahead = ahead; }
  /// The member takes this much longer to copy something.
  void slow_down(std::size_t which, tick lag) { all_[which].lag = lag; }
  /// With true, the member copies nothing from the primary, and tells nobody about that. With false, it copies again.
  void stop_copying(std::size_t which, bool stopped);
  /// This percentage of commands waits for a document that others are using. Then their $$NOW is stale.
  void crowd(std::int64_t percent, tick longest) { crowded_ = percent, longest_ = longest; }
  /// The set does not read data that a majority has acknowledged, like MongoDB 4.4 with an arbiter. In this case the
  /// driver's part of a client sends a heartbeat instead of a peek.
  void refuse_peeks() { peeks_ = false; }
  /// A document has room for so many holders and waiters.
  void limit(std::size_t entries) { room_ = entries; }
  /// This percentage of answers says that the command did not wait for a majority.
  void fail_write_concerns(std::int64_t percent) { failing_ = percent; }
  /// Somebody writes the document by hand, or the TTL index removes it. Returns false if there is no primary for the
  /// write.
  bool write(const std::string& lock, version v);
  /// Repairs everything at once.
  void heal();

  // --- what is in it ------------------------------------------------------------------------------------------------
  [[nodiscard]] const collection& at_primary() const;
  /// The committed documents, as the newest primary knows them.
  [[nodiscard]] const collection& committed() const;
  /// What this member knows to be committed.
  [[nodiscard]] const collection& committed(std::size_t which) const { return all_[which].majority; }

  std::function<void(const change&)> on_change = [](const change&) {};
  std::function<void(const std::string& lock, const version&)> on_commit = [](const auto&, const auto&) {};
  /// The change of a request was rolled back.
  std::function<void(const protocol::request&)> on_rollback = [](const auto&) {};
  [[nodiscard]] std::int64_t elections() const noexcept { return elections_; }

 private:
  struct entry {
    std::int64_t term;
    std::string lock;  // "": an empty entry, which begins a term
    version before, after;
    batch by;  // null: no client
  };
  struct waiting {
    std::int64_t end;  // answered when everything before this number is committed
    std::vector<answer> says;
    all_told done;
  };
  struct member {
    bool up = true;
    bool paused = false;
    bool isolated = false;
    bool is_primary = false;
    bool copying = false;  // a copy is scheduled
    bool copies = true;    // false: never copies
    std::int64_t term = 0;
    std::int64_t first = 0;  // the number of log.front()
    std::int64_t committed = 0;
    std::deque<entry> log;
    collection now, majority;
    std::vector<std::int64_t> has = std::vector<std::int64_t>(members, 0);  // on a primary: how much each member has
    std::deque<waiting> commands;
    std::vector<std::function<void()>> later;  // waits while the member is paused
    protocol::ms ahead = 0;
    tick lag = 0;
    tick barred_until = 0;

    [[nodiscard]] std::int64_t end() const { return first + static_cast<std::int64_t>(log.size()); }
    [[nodiscard]] std::int64_t term_at(std::int64_t number) const {
      return number < first ? -1 : log[static_cast<std::size_t>(number - first)].term;
    }
  };

  void execute(std::size_t m, batch all, protocol::ms now, std::int64_t term, all_told done);
  [[nodiscard]] std::vector<answer> change_document(std::size_t m, const batch& all, protocol::ms now);
  void append(member& p, entry e);
  void copy_soon(std::size_t m);
  void copy(member& to, member& from);
  void take_back_last(member& m);
  void commit(member& m, std::int64_t end);
  void count_votes(member& p);
  void stop_being_primary(member& m);
  void elect_soon();
  void elect();
  [[nodiscard]] bool talk(const member& a, const member& b) const;
  [[nodiscard]] bool has_majority(const member& m) const;
  void trim();
  void note(const member& m, const char* what);

  agenda& events_;
  chance& luck_;
  trace& notes_;
  std::vector<member> all_ = std::vector<member>(members);
  std::int64_t crowded_ = 0;
  tick longest_ = 0;
  std::int64_t failing_ = 0;
  bool peeks_ = true;
  std::size_t room_ = std::numeric_limits<std::size_t>::max();
  std::int64_t elections_ = 0;
  bool electing_ = false;
};

}  // namespace dlock::simulator
