#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/bson.hpp"

namespace dlock {

/// One look over all documents of a collection: what is wrong with them. Pure: others read them.
struct survey {
  static constexpr std::size_t examples = 3;  // of each kind of problem that are named
  /// A document that still exists so long (in ms) after its time was not removed by the TTL index, whose thread runs
  /// each minute.
  static constexpr std::int64_t patience = 10 * 60'000;

  struct one {
    std::string id;
    std::int64_t number = 0;
    std::string field = {};
  };
  std::int64_t seen = 0;
  bool whole = true;              // false: there was no time for all of them
  std::int64_t foreign = 0;       // documents that are not locks
  std::vector<one> foreign_ones;  // "": its _id is not a string
  std::int64_t defects = 0;       // locks with a number that no server has written; `field` has it
  std::vector<one> defect_ones;
  std::int64_t overdue = 0;       // locks that the TTL index should have removed
  std::int64_t overdue_held = 0;  // of these: still with a holder
  std::vector<one> overdue_ones;  // number: since when, in ms
  one largest, longest;           // number: bytes; waiters

  /// The stages of the aggregation. It makes a small document for each document of the collection.
  [[nodiscard]] static bson pipeline();
  /// Takes one of these. `grace`: of the TTL index, in ms.
  void add(const bson_t* summary, std::int64_t grace);
};

}  // namespace dlock
