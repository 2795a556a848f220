#pragma once

#include <functional>
#include <string>
#include <vector>

#include "protocol/batch.hpp"
#include "protocol/pipeline.hpp"
#include "reference/transition.hpp"
#include "support/generate.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {

using command_function = std::function<bson(const protocol::request&, const protocol::command_options&)>;
using batch_command_function = std::function<bson(const protocol::batch&, const protocol::command_options&)>;
using model_function = std::function<protocol::transition_result(const std::optional<protocol::document>&,
                                                                 const protocol::request&, protocol::ms)>;

enum class mode {
  full,            // both must do the same
  observed,        // the same, on locks with observed expiry
  short_form,      // the server does the same or nothing: `command` makes the short form
  express,         // the same: `command` makes the express form
  together,        // several requests at once: `batch_command` makes the command
  renewals,        // the same, and all are renewals
  all_or_nothing,  // the server carries out the command and answers, or refuses and has changed nothing
};

/// The two sides that must agree. Mutations replace one of them by something that is wrong.
struct sides {
  command_function command = protocol::command;
  batch_command_function batch_command = protocol::batch_command;
  model_function model = [](const auto& d, const auto& r, protocol::ms now) { return protocol::transition(d, r, now); };
  std::function<std::optional<protocol::transition_result>(const std::optional<protocol::document>&,
                                                           const protocol::request&, protocol::ms)>
      express_model = protocol::express;
  bool refusal_counts = true;  // a command that the server refuses makes a difference
  mode how = mode::full;
};

/// Runs scenarios on a server and through the model.
class comparison {
 public:
  explicit comparison(sides what = {});
  /// What differs, for each scenario: empty if nothing does. Every field of the document and of the reply counts.
  std::vector<std::string> differences(const std::vector<scenario>& scenarios);
  /// How many short or express forms did something, so far.
  [[nodiscard]] int carried_out() const { return carried_out_; }

 private:
  sides sides_;
  int carried_out_ = 0;
  std::vector<connection> connections_;
};

struct search_result {
  int cases = 0;           // that were tried
  std::uint64_t seed = 0;  // of the last one: a search that begins with it tries it first
  std::string difference;  // the first one, empty if there was none
  std::optional<rc::Shrinkable<scenario>> where;
};

/// Tries up to `most` random scenarios, until two sides differ.
search_result search(comparison& compare, const rc::Gen<scenario>& scenarios, int most, std::uint64_t seed);

/// $DLOCK_TEST_SEED, which repeats a run, or a random one.
std::uint64_t seed();

/// A smaller scenario that still makes a difference, and says which.
std::string shrink(comparison& compare, rc::Shrinkable<scenario> where);

}  // namespace dlock::testing
