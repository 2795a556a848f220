#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/batch.hpp"
#include "protocol/document.hpp"
#include "protocol/lookup.hpp"

namespace dlock::simulator {

/// One version of a document. It never changes, so it can be shared.
struct stored {
  bool is_lock = true;  // false: a document that is not a lock
  protocol::document what;
};
using version = std::shared_ptr<const stored>;  // nullptr: there is no document

struct carried_out {
  version after;
  protocol::reply answer;
};
struct all_carried_out {
  version after;
  std::vector<protocol::reply> answers;
};

/// What `r` does to a document in its form, computed by the reference model, when the server's clock shows `now`. In
/// the express form, if that is not enough: nothing, and it finds nothing. And what several requests do that go
/// together in one command.
[[nodiscard]] carried_out carry_out(const version& before, const protocol::request& r, protocol::ms now);
[[nodiscard]] all_carried_out carry_out(const version& before, const protocol::batch& all, protocol::ms now);
/// Whether the form of `r` is enough. Then it does the same as the whole transition. Else it changes nothing, and the
/// next form has to follow.
[[nodiscard]] bool is_enough(const version& before, const protocol::request& r, protocol::ms now);

/// The documents of the locks, as one member or a majority has them.
class collection {
 public:
  [[nodiscard]] version get(const std::string& lock) const;
  void put(const std::string& lock, version v);
  [[nodiscard]] std::vector<protocol::snapshot> read(const protocol::lookup& l, protocol::ms now) const;
  [[nodiscard]] const std::map<std::string, version>& all() const noexcept { return all_; }

 private:
  std::map<std::string, version> all_;
};

}  // namespace dlock::simulator
