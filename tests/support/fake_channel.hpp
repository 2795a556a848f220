#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "simulator/capped.hpp"
#include "store/channel.hpp"

namespace dlock::testing {

/// Channels in memory, on the capped collections that the simulator has, too: what mongo_channel does, without a
/// server. Faults come when the test says so. Thread-safe.
class fake_channel final : public channel {
 public:
  [[nodiscard]] answer insert(const feed& where, const std::vector<bson>& documents) override;
  [[nodiscard]] answer follow(const feed& what, place& from, const callbacks& to, std::stop_token stop) override;
  void interrupt(const place& follower) override;

  // --- faults -------------------------------------------------------------------------------------------------------
  /// Nothing works from now on, or it works again. Who follows is thrown out.
  void fail(const std::string& why);
  void heal();
  /// All documents are gone, as if they had rolled over.
  void drop(const std::string& coll);

  /// How many documents were inserted into collections whose names contain `text`.
  [[nodiscard]] std::size_t count(const std::string& text) const;
  /// How often somebody has tried to follow while nothing worked.
  [[nodiscard]] std::size_t refusals() const;

 private:
  mutable std::mutex guard_;
  std::condition_variable_any changed_;
  std::map<std::string, simulator::capped<bson>> collections_;
  std::map<std::string, std::size_t> inserted_;
  std::string failing_;
  std::size_t refusals_ = 0;
  int generation_ = 0;
};

}  // namespace dlock::testing
