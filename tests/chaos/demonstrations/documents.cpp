#include <cstdlib>
#include <stdexcept>

#include "demonstrations.hpp"
#include "protocol/bson.hpp"
#include "store/mongo_store.hpp"
#include "util/identity.hpp"

namespace dlock::testing {
namespace {

using protocol::ms;
using protocol::operation;
using protocol::reply;
using protocol::request;

constexpr ms kStart = 1'000'000'000'000;

/// A lock of its own, and a clock that stands where it is told to.
class place {
 public:
  /// `brief`: whatever has a short form is asked in short first.
  explicit place(bool brief)
      : brief_(brief),
        pool_(std::make_shared<mongo_pool>(std::getenv("DLOCK_TEST_URL"), "url", std::chrono::seconds(20), 4)),
        lock_(fresh_uuid()) {
    if (pool_->open().what != answer::kind::replied) throw std::runtime_error("no server");
  }

  [[nodiscard]] request exclusive(operation op, const char* id) const {
    request r;
    r.op = op;
    r.lock = lock_;
    r.id = id;
    r.delta = 2000;
    r.term = 1000;
    r.life = 3000;
    r.brief = brief_;
    return r;
  }
  [[nodiscard]] request weight(operation op, const char* id, std::int64_t w, std::int64_t cap) const {
    auto r = exclusive(op, id);
    r.what = {.exclusive = false, .weight = w};
    r.cap = cap;
    return r;
  }

  /// At `at` ms after the beginning.
  [[nodiscard]] answer answer_at(ms at, const request& r) const {
    mongo_settings settings{.db = "dlock_planted", .coll = "locks"};
    settings.now_expression = R"({"$date": {"$numberLong": ")" + std::to_string(kStart + at) + R"("}})";
    return mongo_store(pool_, settings).apply(r, lane::normal);
  }
  reply at(ms when, const request& r) const {
    const auto a = answer_at(when, r);
    if (a.what != answer::kind::replied) throw std::runtime_error("no answer: " + a.why);
    return a.reply;
  }
  [[nodiscard]] mongo_pool& pool() const { return *pool_; }

 private:
  bool brief_;
  std::shared_ptr<mongo_pool> pool_;
  std::string lock_;
};

bool takes_what_one_member_says(const place& p) {
  auto concern = make_bson();
  append(concern.get(), "w", std::int64_t{50});  // more members than any set has
  append(concern.get(), "wtimeout", std::int64_t{1});
  auto c = make_bson();
  append(c.get(), "update", "locks");
  auto one = make_bson();
  append(one.get(), "q", make_bson().get());
  auto set = make_bson();
  append(set.get(), "x", std::int64_t{1});
  auto change = make_bson();
  append(change.get(), "$set", set.get());
  append(one.get(), "u", change.get());
  auto list = make_bson();
  append(list.get(), "0", one.get());
  append_array(c.get(), "updates", list.get());
  append(c.get(), "writeConcern", concern.get());
  const mongo_pool::borrowed own(p.pool());
  server_reply told;
  return p.pool().run(own.get(), "dlock_planted_others", c.get(), told.out()).what == answer::kind::replied;
}

bool renews_somebody_else(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  return p.at(10, p.exclusive(operation::renew, "b")).found;
}

bool brings_back(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  (void)p.at(5000, p.exclusive(operation::try_, "b"));
  return p.at(5010, p.exclusive(operation::renew, "a")).mine.has_value();
}

bool releases_somebody_else(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  (void)p.at(10, p.exclusive(operation::release, "b"));
  return !p.at(20, p.exclusive(operation::renew, "a")).mine;
}

bool drops_its_heir(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  (void)p.at(10, p.exclusive(operation::enqueue, "b"));
  (void)p.at(20, p.exclusive(operation::release, "a"));
  return !p.at(30, p.exclusive(operation::heartbeat, "b")).mine;
}

bool does_not_ask_the_server_for_the_time(const place& p) {
  return p.at(0, p.exclusive(operation::try_, "a")).mine->since != kStart;
}

bool takes_over_early(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  return p.at(1500, p.exclusive(operation::try_, "b")).mine.has_value();
}

bool shortens(const place& p) {
  const auto before = p.at(0, p.exclusive(operation::try_, "a")).mine->until;
  return p.at(10, p.exclusive(operation::renew, "a")).mine->until < before;
}

bool begins_tokens_again(const place& p) {
  const auto first = p.at(0, p.exclusive(operation::try_, "a")).fence;
  (void)p.at(10, p.exclusive(operation::release, "a"));
  return p.at(20, p.exclusive(operation::try_, "b")).fence <= first;
}

bool lets_a_stranger_beat(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  return p.at(10, p.exclusive(operation::heartbeat, "b")).place >= 0;
}

bool trusts_its_heir(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  (void)p.at(10, p.exclusive(operation::enqueue, "b"));
  const auto heir = p.at(20, p.exclusive(operation::release, "a")).heirs.at(0);
  return heir.until > heir.since + 2000;
}

bool lets_a_late_copy_undo(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  auto first = p.exclusive(operation::amend, "a"), second = first;
  first.value = "first";
  first.seq = 1;
  second.value = "second";
  second.seq = 2;
  (void)p.at(10, first);
  (void)p.at(20, second);
  return p.at(30, first).mine->value == "first";
}

bool serves_the_last_first(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  (void)p.at(10, p.exclusive(operation::enqueue, "b"));
  return p.at(20, p.exclusive(operation::enqueue, "c")).place == 0;
}

bool lets_a_try_pass(const place& p) {
  (void)p.at(0, p.weight(operation::try_, "a", 1, 0));
  (void)p.at(10, p.exclusive(operation::enqueue, "b"));
  const auto r = p.at(20, p.weight(operation::try_, "c", 1, 0));
  if (p.at(30, p.exclusive(operation::heartbeat, "b")).place != 0) throw std::runtime_error("the waiter is gone");
  if (p.at(40, p.exclusive(operation::try_, "d")).queue != 1) throw std::runtime_error("a try stays in the queue");
  return r.mine.has_value();
}

bool lets_readers_pass(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  (void)p.at(10, p.exclusive(operation::enqueue, "b"));
  return p.at(20, p.weight(operation::enqueue, "c", 1, 0)).place == 0;
}

bool lets_a_writer_in_beside_readers(const place& p) {
  (void)p.at(0, p.weight(operation::try_, "a", 1, 0));
  return p.at(10, p.exclusive(operation::try_, "b")).mine.has_value();
}

bool has_one_permit_more(const place& p) {
  (void)p.at(0, p.weight(operation::try_, "a", 2, 2));
  return p.at(10, p.weight(operation::try_, "b", 1, 2)).mine.has_value();
}

bool leaks(const place& p) {
  (void)p.at(0, p.weight(operation::try_, "a", 2, 3));
  (void)p.at(10, p.weight(operation::release, "a", 2, 3));
  return !p.at(100'000, p.weight(operation::try_, "b", 3, 3)).mine;
}

bool does_not_look_before_it_takes(const place& p) {
  (void)p.at(0, p.exclusive(operation::try_, "a"));
  return p.at(10, p.exclusive(operation::enqueue, "b")).mine.has_value();
}

bool evaluates_what_users_write(const place& p) {
  auto r = p.exclusive(operation::try_, "a");
  r.value = "$$nothing";
  const auto a = p.answer_at(0, r);
  if (a.what == answer::kind::no_answer) throw std::runtime_error("no answer: " + a.why);
  return a.what == answer::kind::refused;
}

/// The short form of a command must neither hide nor add a bug.
std::function<bool()> in_both_forms(bool (*has_it)(const place&)) {
  return [has_it] {
    const bool in_full = has_it(place(false)), in_short = has_it(place(true));
    if (in_full != in_short) throw std::runtime_error(in_full ? "only in the full form" : "only in the short form");
    return in_full;
  };
}

}  // namespace

demonstrations of_documents() {
  return {
      {"ignore-write-concern-error", in_both_forms(takes_what_one_member_says)},
      {"renew-no-owner", in_both_forms(renews_somebody_else)},
      {"renew-revives", in_both_forms(brings_back)},
      {"release-no-owner", in_both_forms(releases_somebody_else)},
      {"release-drops-heirs", in_both_forms(drops_its_heir)},
      {"client-clock-expiry", in_both_forms(does_not_ask_the_server_for_the_time)},
      {"off-by-one-takeover", in_both_forms(takes_over_early)},
      {"until-backwards", in_both_forms(shortens)},
      {"token-reset", in_both_forms(begins_tokens_again)},
      {"heartbeat-appends", in_both_forms(lets_a_stranger_beat)},
      {"heir-for-ever", in_both_forms(trusts_its_heir)},
      {"amend-unnumbered", in_both_forms(lets_a_late_copy_undo)},
      {"lifo", in_both_forms(serves_the_last_first)},
      {"try-barges", in_both_forms(lets_a_try_pass)},
      {"readers-pass-writers", in_both_forms(lets_readers_pass)},
      {"writer-beside-readers", in_both_forms(lets_a_writer_in_beside_readers)},
      {"one-permit-more", in_both_forms(has_one_permit_more)},
      {"semaphore-release-leaks", in_both_forms(leaks)},
      {"short-form-blind", [] { return does_not_look_before_it_takes(place(true)); }},
      {"missing-literal", in_both_forms(evaluates_what_users_write)},
  };
}

}  // namespace dlock::testing
