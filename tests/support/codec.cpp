#include "support/codec.hpp"

#include <algorithm>
#include <ostream>
#include <set>
#include <stdexcept>

namespace dlock::testing {
namespace {

using protocol::claim;
using protocol::document;
using protocol::holder;
using protocol::lockd_flag;
using protocol::ms;
using protocol::tombstone;
using protocol::waiter;

void append_date(bson_t* to, const char* key, ms at) {
  bson_append_date_time(to, key, -1, at);
}

void append_claim(bson_t* to, const claim& c) {
  if (c.exclusive) {
    append_bool(to, "exclusive", true);
  } else {
    append(to, "weight", c.weight);
  }
}

template <typename Entry>
void append_beat(bson_t* to, const Entry& e) {
  if (e.beat != 0) append(to, "beat", e.beat);
  if (e.span != 0) append(to, "span", e.span);
}

bson entry(const holder& h) {
  auto b = make_bson();
  append(b.get(), "id", h.id);
  append_claim(b.get(), h.what);
  append(b.get(), "delta", h.delta);
  append_date(b.get(), "since", h.since);
  append_date(b.get(), "until", h.until);
  append(b.get(), "fence", h.fence);
  append(b.get(), "who", h.who);
  append(b.get(), "client", h.client);
  append_bool(b.get(), "announced", h.announced);
  if (h.revoked) append_bool(b.get(), "revoked", true);
  if (!h.value.empty()) append(b.get(), "value", h.value);
  if (h.seq != 0) append(b.get(), "seq", h.seq);
  append_beat(b.get(), h);
  return b;
}

bson entry(const waiter& w) {
  auto b = make_bson();
  append(b.get(), "id", w.id);
  append_claim(b.get(), w.what);
  append(b.get(), "delta", w.delta);
  append(b.get(), "term", w.term);
  append_date(b.get(), "seen", w.seen);
  append_date(b.get(), "until", w.until);
  append(b.get(), "who", w.who);
  append(b.get(), "client", w.client);
  append_date(b.get(), "since", w.since);
  if (!w.value.empty()) append(b.get(), "value", w.value);
  append_beat(b.get(), w);
  return b;
}

bson entry(const tombstone& t) {
  auto b = make_bson();
  append(b.get(), "id", t.id);
  append_date(b.get(), "until", t.until);
  return b;
}

template <typename Entry>
void append_list(bson_t* to, const char* key, const std::vector<Entry>& entries) {
  auto list = make_bson();
  int i = 0;
  for (const auto& e : entries) append(list.get(), std::to_string(i++), entry(e).get());
  append_array(to, key, list.get());
}

/// The fields of one (sub)document. Every field must be asked for: done() complains about the rest.
class fields {
 public:
  fields(const bson_t* b, std::string where) : b_(b), where_(std::move(where)) {}

  bool find(const char* key, bson_type_t type, bson_iter_t& it) {
    if (!bson_iter_init_find(&it, b_, key)) return false;
    known_.insert(key);
    if (bson_iter_type(&it) != type) fail(key, "is of another type");
    return true;
  }
  std::int64_t number(const char* key) {
    bson_iter_t it;
    return need(key, find(key, BSON_TYPE_INT64, it)) ? bson_iter_int64(&it) : 0;
  }
  std::int64_t number_or_zero(const char* key) {
    bson_iter_t it;
    return find(key, BSON_TYPE_INT64, it) ? bson_iter_int64(&it) : 0;
  }
  std::optional<ms> maybe_date(const char* key) {
    bson_iter_t it;
    return find(key, BSON_TYPE_DATE_TIME, it) ? std::optional(bson_iter_date_time(&it)) : std::nullopt;
  }
  ms date(const char* key) {
    const auto d = maybe_date(key);
    need(key, d.has_value());
    return d.value_or(0);
  }
  bool boolean(const char* key) {
    bson_iter_t it;
    return need(key, find(key, BSON_TYPE_BOOL, it)) && bson_iter_bool(&it);
  }
  bool flag(const char* key) {
    bson_iter_t it;
    return find(key, BSON_TYPE_BOOL, it) && bson_iter_bool(&it);
  }
  std::string string_or_empty(const char* key) {
    bson_iter_t it;
    return find(key, BSON_TYPE_UTF8, it) ? string(key) : std::string();
  }
  std::string string(const char* key) {
    bson_iter_t it;
    need(key, find(key, BSON_TYPE_UTF8, it));
    std::uint32_t length = 0;
    const char* utf8 = bson_iter_utf8(&it, &length);
    return {utf8, length};
  }
  claim what() {
    bson_iter_t it;
    claim c;
    c.exclusive = find("exclusive", BSON_TYPE_BOOL, it);
    if (c.exclusive && !bson_iter_bool(&it)) fail("exclusive", "is false");
    if (!c.exclusive) c.weight = number("weight");
    return c;
  }
  template <typename Entry, typename Read>
  void list(const char* key, std::vector<Entry>& out, Read read) {
    bson_iter_t it, element;
    if (!find(key, BSON_TYPE_ARRAY, it)) return;
    bson_iter_recurse(&it, &element);
    while (bson_iter_next(&element)) {
      const std::uint8_t* data = nullptr;
      std::uint32_t length = 0;
      if (!BSON_ITER_HOLDS_DOCUMENT(&element)) fail(key, "has an element that is no document");
      bson_iter_document(&element, &length, &data);
      bson_t sub;
      bson_init_static(&sub, data, length);
      fields f(&sub, where_ + key + ".");
      out.push_back(read(f));
      f.done();
    }
  }
  lockd_flag lockd() {
    bson_iter_t it;
    if (!bson_iter_init_find(&it, b_, "lockd")) return lockd_flag::absent;
    known_.insert("lockd");
    if (BSON_ITER_HOLDS_BOOL(&it)) return bson_iter_bool(&it) ? lockd_flag::yes : lockd_flag::no;
    if (!BSON_ITER_HOLDS_INT32(&it) || bson_iter_int32(&it) != 1) fail("lockd", "is neither a bool nor 1");
    return lockd_flag::one;
  }
  /// An int32 above zero; 0 if it is missing.
  std::size_t count(const char* key) {
    bson_iter_t it;
    if (!bson_iter_init_find(&it, b_, key)) return 0;
    known_.insert(key);
    if (!BSON_ITER_HOLDS_INT32(&it) || bson_iter_int32(&it) < 1) fail(key, "is no int32 above 0");
    return static_cast<std::size_t>(bson_iter_int32(&it));
  }
  void skip(const char* key) { known_.insert(key); }
  void done() const {
    bson_iter_t it;
    bson_iter_init(&it, b_);
    while (bson_iter_next(&it)) {
      if (!known_.contains(bson_iter_key(&it))) fail(bson_iter_key(&it), "should not be there");
    }
  }

 private:
  bool need(const char* key, bool there) const {
    if (!there) fail(key, "is missing");
    return there;
  }
  [[noreturn]] void fail(const char* key, const char* what) const {
    throw std::runtime_error(where_ + key + " " + what + " in " + to_json(b_));
  }

  const bson_t* b_;
  std::string where_;
  std::set<std::string> known_;
};

holder read_holder(fields& f) {
  return {f.string("id"),
          f.what(),
          f.number("delta"),
          f.date("since"),
          f.date("until"),
          f.number("fence"),
          f.string("who"),
          f.string("client"),
          f.boolean("announced"),
          f.flag("revoked"),
          f.string_or_empty("value"),
          f.number_or_zero("seq"),
          f.number_or_zero("beat"),
          f.number_or_zero("span")};
}

waiter read_waiter(fields& f) {
  return {f.string("id"),           f.what(),
          f.number("delta"),        f.number("term"),
          f.date("seen"),           f.date("until"),
          f.string("who"),          f.string("client"),
          f.date("since"),          f.string_or_empty("value"),
          f.number_or_zero("beat"), f.number_or_zero("span")};
}

}  // namespace

bson encode(const std::string& id, const document& d, bool sparse, const std::vector<waiter>& admitted) {
  auto b = make_bson();
  append(b.get(), "_id", id);
  if (!sparse || d.fence != 0) append(b.get(), "fence", d.fence);
  if (!sparse || d.rev != 0) append(b.get(), "rev", d.rev);
  if (d.cap != 0) append(b.get(), "cap", d.cap);
  if (d.resized != 0) append(b.get(), "resized", d.resized);
  auto waiters = admitted;
  waiters.insert(waiters.end(), d.waiters.begin(), d.waiters.end());
  if (!sparse || !d.holders.empty() || !waiters.empty() || !d.gone.empty()) {
    append_list(b.get(), "holders", d.holders);
    append_list(b.get(), "waiters", waiters);
    append_list(b.get(), "gone", d.gone);
  }
  if (!admitted.empty()) bson_append_int32(b.get(), "admitted", -1, static_cast<int>(admitted.size()));
  if (d.lockd == lockd_flag::one) bson_append_int32(b.get(), "lockd", -1, 1);
  if (d.lockd == lockd_flag::yes || d.lockd == lockd_flag::no)
    append_bool(b.get(), "lockd", d.lockd == lockd_flag::yes);
  if (d.ct) append_date(b.get(), "ct", *d.ct);
  if (d.et) append_date(b.get(), "et", *d.et);
  if (d.mine) append_date(b.get(), "mine", *d.mine);
  if (d.observed) append_bool(b.get(), "observed", true);
  return b;
}

document decode(const bson_t* stored) {
  fields f(stored, "");
  document d;
  f.skip("_id");
  f.skip("done");  // what the last of several requests at once left for its answer
  d.fence = f.number_or_zero("fence");
  d.rev = f.number_or_zero("rev");
  d.cap = f.number_or_zero("cap");
  d.resized = f.number_or_zero("resized");
  f.list("holders", d.holders, read_holder);
  f.list("waiters", d.waiters, read_waiter);
  const auto admitted = f.count("admitted");
  d.waiters.erase(d.waiters.begin(),
                  d.waiters.begin() + static_cast<std::ptrdiff_t>(std::min(d.waiters.size(), admitted)));
  f.list("gone", d.gone, [](fields& g) { return tombstone{g.string("id"), g.date("until")}; });
  d.lockd = f.lockd();
  d.ct = f.maybe_date("ct");
  d.et = f.maybe_date("et");
  d.mine = f.maybe_date("mine");
  d.observed = f.flag("observed");
  f.done();
  return d;
}

}  // namespace dlock::testing

namespace dlock::protocol {
namespace {

std::ostream& operator<<(std::ostream& out, const claim& c) {
  return c.exclusive ? out << "exclusive" : out << "weight " << c.weight;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const document& d) {
  return out << testing::to_json(testing::encode("", d, true).get());
}

std::ostream& operator<<(std::ostream& out, const request& r) {
  if (r.observed) out << "(observed) ";
  for (const auto& p : r.expire) out << "expires " << p.id << "/" << p.beat << ", ";
  return out << name_of(r.op) << " of " << r.id << " on " << r.lock << ": " << r.what << ", cap " << r.cap << ", delta "
             << r.delta << ", life " << r.life << ", term " << r.term << ", skew " << r.skew << ", keep " << r.keep
             << ", tomb " << r.tomb << ", floor " << r.floor << ", seq " << r.seq << ", resized " << r.resized
             << ", who " << r.who << ", client " << r.client << ", value " << r.value;
}

std::ostream& operator<<(std::ostream& out, const reply& r) {
  if (!r.found) out << "(not found) ";
  if (!r.valid) out << (r.other_expiry ? "(of other expiry) " : "(not a lock) ") << r.defect << ' ';
  out << "now " << r.now << ", rev " << r.rev << ", fence " << r.fence << ", cap " << r.cap << ", resized " << r.resized
      << ", place " << r.place << ", dead " << r.dead << ", holders " << r.holders << ", queue " << r.queue;
  if (r.mine) out << ", mine " << testing::to_json(testing::encode("", {.holders = {*r.mine}}, true).get());
  if (r.first) out << ", first " << r.first->who << "/" << r.first->fence << "/" << r.first->until;
  if (r.next_end) out << ", next_end " << *r.next_end;
  if (r.head_until) out << ", head_until " << *r.head_until;
  if (r.foreign_until) out << ", foreign_until " << *r.foreign_until;
  for (const auto& h : r.heirs)
    out << ", heir " << h.id << "/" << h.client << "/" << h.fence << "/" << h.since << "/" << h.until;
  for (const auto& s : r.signs) out << ", sign " << s.id << "/" << s.beat << "/" << s.span;
  return out;
}

}  // namespace dlock::protocol
