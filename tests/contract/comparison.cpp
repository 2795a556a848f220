#include "contract/comparison.hpp"

#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "protocol/express.hpp"
#include "protocol/reply.hpp"
#include "protocol/short_form.hpp"
#include "support/codec.hpp"

namespace dlock::testing {
namespace {

constexpr std::size_t kConnections = 4;  // so that several commands wait for the journal together
constexpr int kBatch = 400;

/// One for the whole process: making and dropping takes longer than many a search.
const std::string& database() {
  static const scratch_database db("dlock_comparison");
  return db.name();
}

std::string fresh_collection() {
  static std::atomic<int> number = 0;
  return "batch" + std::to_string(number++);
}

bson stored(const scenario& s) {
  auto b = make_bson();
  if (s.not_a_lock.empty()) {
    auto whole = encode(s.request.lock, *s.before, s.sparse, s.admitted);
    if (!s.emptied) return whole;
    bson_copy_to_excluding_noinit(whole.get(), b.get(), "waiters", nullptr);
    append_array(b.get(), "waiters", make_bson().get());
    return b;
  }
  append(b.get(), "_id", s.request.lock);
  bson_concat(b.get(), from_json(s.not_a_lock).get());
  return b;
}

std::string time_expression(protocol::ms now) {
  return R"({"$date":{"$numberLong":")" + std::to_string(now) + "\"}}";
}

std::string id_of(const bson_t* b) {
  bson_iter_t it;
  return bson_iter_init_find(&it, b, "_id") ? bson_iter_utf8(&it, nullptr) : "";
}

template <typename T>
std::string text(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

std::string text(const std::optional<protocol::document>& d) {
  return d ? text(*d) : "no document";
}

struct observed {
  connection::outcome answer;
  bson after;  // null: no document
};

/// Some look for a holder of ours, or a capacity, and may not find one in what is no lock.
bool may_miss(const protocol::request& r) {
  return protocol::targets_holder(r) || r.op == protocol::operation::resize;
}

std::string compare_other(const scenario& s, const observed& o) {
  if (!o.after || !bson_equal(stored(s).get(), o.after.get())) return "a document that is no lock was changed";
  auto got = protocol::parse_reply(o.answer.reply.get(), s.request.observed);
  got.defect.clear();  // it may have one besides
  const protocol::reply expected{.found = true, .valid = false, .now = s.now};
  if (got == expected || (may_miss(s.request) && got == protocol::reply{})) return "";
  return "reply:\n  model  " + text(expected) + "\n  server " + text(got);
}

std::string compare_both(const observed& o, const protocol::transition_result& expected, const protocol::reply& got) {
  std::string out;
  try {
    const auto after = o.after ? std::optional(decode(o.after.get())) : std::nullopt;
    if (after != expected.after)
      out += "document:\n  model  " + text(expected.after) + "\n  server " + text(after) + "\n";
  } catch (const std::runtime_error& e) {
    out += std::string("document: ") + e.what() + "\n";
  }
  if (got != expected.answer) out += "reply:\n  model  " + text(expected.answer) + "\n  server " + text(got) + "\n";
  return out;
}

std::string compare(const scenario& s, const observed& o, const sides& what) {
  if (!o.answer.ok) return what.refusal_counts ? "the server refused: " + o.answer.error : "";
  if (!s.not_a_lock.empty()) return compare_other(s, o);
  auto expected = what.model(s.before, s.request, s.now);
  auto got = protocol::parse_reply(o.answer.reply.get(), s.request.observed);
  // Some look for a holder, or a capacity, and may find it in a lock of the other expiry, or in none, or not.
  if (!got.valid && may_miss(s.request) && expected.answer == protocol::reply{}) got = {};
  return compare_both(o, expected, got);
}

/// Those who were admitted may stay where they are, but not many of them.
bool too_many_admitted(const bson_t* after) {
  bson_iter_t it;
  if (!bson_iter_init_find(&it, after, "admitted")) return false;
  const auto admitted = bson_iter_as_int64(&it);
  bson_iter_t entries;
  std::int64_t stored = 0;
  if (bson_iter_init_find(&it, after, "waiters") && bson_iter_recurse(&it, &entries)) {
    while (bson_iter_next(&entries)) ++stored;
  }
  return admitted * 8 >= stored;
}

/// The short form and the express form do what the full one does, or nothing.
std::string compare_short(const scenario& s, const observed& o, const sides& what, int& carried_out) {
  if (!o.answer.ok) return what.refusal_counts ? "the server refused: " + o.answer.error : "";
  const auto got = what.how == mode::express ? protocol::parse_express_reply(o.answer.reply.get(), s.request)
                                             : protocol::parse_short_reply(o.answer.reply.get(), s.request);
  const bool existed = s.before || !s.not_a_lock.empty();
  if (what.how == mode::express && s.not_a_lock.empty()) {
    const auto model = what.express_model(s.before, s.request, s.now);
    if (got.has_value() != model.has_value() && !s.sparse && s.admitted.empty()) {
      return got ? "the model would not have done it" : "the model would have done it";
    }
    if (got && model) {
      if (auto difference = compare_both(o, *model, *got); !difference.empty())
        return "as the express model: " + difference;
    }
  }
  if (!got) {
    const bool unchanged = existed ? o.after && bson_equal(stored(s).get(), o.after.get()) : !o.after;
    return unchanged ? "" : "changed, although it was another case";
  }
  if (!s.not_a_lock.empty()) return "a document that is no lock was taken for one";
  ++carried_out;
  if (s.request.op == protocol::operation::release && too_many_admitted(o.after.get()))
    return "too many stay at the head of the queue";
  auto expected = what.model(s.before, s.request, s.now);
  // An entry that was admitted and is still stored is not in the model.
  expected.answer.calm = expected.after && s.admitted.empty() && protocol::is_calm(*expected.after, s.request);
  return compare_both(o, expected, *got);
}

protocol::batch all_of(const scenario& s) {
  protocol::batch all{s.request};
  all.insert(all.end(), s.more.begin(), s.more.end());
  return all;
}

std::string compare_together(const scenario& s, const observed& o, const sides& what) {
  if (!o.answer.ok) return what.refusal_counts ? "the server refused: " + o.answer.error : "";
  const auto all = all_of(s);
  const auto got = protocol::parse_batch_reply(o.answer.reply.get(), all);
  std::string out;
  if (!s.not_a_lock.empty()) {
    if (!o.after || !bson_equal(stored(s).get(), o.after.get())) return "a document that is no lock was changed";
    for (const auto& r : got) out += r.found && r.valid ? "a document that is no lock was taken for one\n" : "";
    return out;
  }
  const auto expected = protocol::transition(s.before, all, s.now);
  for (std::size_t i = 0; i < all.size(); ++i) out += compare_both(o, {expected.after, expected.answers[i]}, got[i]);
  return out;
}

std::string all_or_nothing(const scenario& s, const observed& o) {
  if (o.answer.ok) return "";
  return o.after && bson_equal(stored(s).get(), o.after.get()) ? "" : "carried out, but refused: " + o.answer.error;
}

}  // namespace

comparison::comparison(sides what) : sides_(std::move(what)) {
  for (std::size_t i = 0; i < kConnections; ++i) connections_.emplace_back();
}

std::vector<std::string> comparison::differences(const std::vector<scenario>& given) {
  // Every scenario gets a lock of its own; the number comes last, so that ids still begin with `$`.
  auto scenarios = given;
  const std::string coll = fresh_collection();
  std::vector<bson> documents;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    auto& s = scenarios[i];
    s.request.lock += "#" + std::to_string(i);
    for (auto& r : s.more) r.lock = s.request.lock;
    if (s.before || !s.not_a_lock.empty()) documents.push_back(stored(s));
  }
  connections_[0].insert(database(), coll, documents);

  std::vector<observed> seen(scenarios.size());
  std::vector<std::jthread> threads;
  const std::size_t width = std::min(kConnections, scenarios.size());
  for (std::size_t t = 0; t < width; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < scenarios.size(); i += width) {
        const auto& s = scenarios[i];
        const protocol::command_options options{.coll = coll, .now = time_expression(s.now)};
        const bool many = sides_.how == mode::together || sides_.how == mode::renewals;
        const auto c = many ? sides_.batch_command(all_of(s), options) : sides_.command(s.request, options);
        seen[i].answer = connections_[t].run(database(), c.get());
      }
    });
  }
  threads.clear();

  std::map<std::string, bson> after;
  for (auto& d : connections_[0].find_all(database(), coll, make_bson().get())) after[id_of(d.get())] = std::move(d);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    seen[i].after = std::move(after[scenarios[i].request.lock]);
    const auto& s = scenarios[i];
    switch (sides_.how) {
      case mode::full:
      case mode::observed:
        out.push_back(compare(s, seen[i], sides_));
        break;
      case mode::short_form:
      case mode::express:
        out.push_back(compare_short(s, seen[i], sides_, carried_out_));
        break;
      case mode::together:
      case mode::renewals:
        out.push_back(compare_together(s, seen[i], sides_));
        break;
      case mode::all_or_nothing:
        out.push_back(all_or_nothing(s, seen[i]));
        break;
    }
  }
  return out;
}

std::uint64_t seed() {
  const char* given = std::getenv("DLOCK_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

search_result search(comparison& compare, const rc::Gen<scenario>& gen, int most, std::uint64_t seed) {
  search_result out;
  constexpr int kSize = 100;
  // Short batches first: most mutations are caught at once.
  for (int size = 50; out.cases < most; size = kBatch) {
    std::vector<rc::Shrinkable<scenario>> shrinkables;
    std::vector<scenario> scenarios;
    for (int i = 0; i < std::min(size, most - out.cases); ++i) {
      shrinkables.push_back(gen(rc::Random(seed + static_cast<std::uint64_t>(out.cases + i)), kSize));
      scenarios.push_back(shrinkables.back().value());
    }
    const auto differences = compare.differences(scenarios);
    for (std::size_t i = 0; i < differences.size(); ++i) {
      out.seed = seed + static_cast<std::uint64_t>(out.cases++);
      if (differences[i].empty()) continue;
      out.difference = differences[i];
      out.where = shrinkables[i];
      return out;
    }
  }
  return out;
}

std::string shrink(comparison& compare, rc::Shrinkable<scenario> where) {
  const auto difference = [&](const scenario& s) { return compare.differences({s}).front(); };
  scenario smallest = where.value();
  std::string why = difference(smallest);
  // The first smaller one that still differs; from there again. Bounded: a good hint is enough.
  for (int tries = 0; tries < 500;) {
    auto shrinks = where.shrinks();
    bool smaller = false;
    while (auto next = shrinks.next()) {
      if (++tries >= 500) break;
      const auto d = difference(next->value());
      if (d.empty()) continue;
      where = *next;
      smallest = next->value();
      why = d;
      smaller = true;
      break;
    }
    if (!smaller) break;
  }
  return text(smallest) + "\n" + why;
}

}  // namespace dlock::testing
