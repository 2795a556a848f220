#include "store/mongo_channel.hpp"

#include <algorithm>

#include "protocol/command_parts.hpp"
#include "protocol/event.hpp"
#include "protocol/read.hpp"
#include "store/failure.hpp"
#include "store/history.hpp"

namespace dlock {
namespace {

using protocol::read_document;

constexpr int kNamespaceExists = 48;
constexpr int kBadValue = 2;  // the answer to a tailable cursor on a collection that is not capped
constexpr std::chrono::milliseconds kLongestAwait{2500};
/// How many of the newest documents are read to learn which clocks their authors use.
constexpr std::int64_t kNewest = 100;

answer lost(std::string why) {
  answer a;
  a.why = std::move(why);
  return a;
}

void append_w1(bson_t* command) {
  auto concern = make_bson();
  append(concern.get(), "w", std::int64_t{1});
  append(command, "writeConcern", concern.get());
}

template <typename Use>
void for_each_in_batch(const bson_t* reply, const char* batch, Use use) {
  read_document(reply, "cursor", [&](const bson_t* c) { protocol::for_each_document(c, batch, use); });
}

std::vector<bson> keep_alive() {
  std::vector<bson> out;
  out.push_back(protocol::keep_alive_document());
  return out;
}

}  // namespace

mongo_channel::mongo_channel(std::shared_ptr<mongo_pool> pool, std::string db, log_callback log)
    : pool_(std::move(pool)), db_(std::move(db)), log_(std::move(log)) {}

answer mongo_channel::run(mongoc_client_t* client, const bson_t* command, bson_t* reply) const {
  return pool_->run(client, db_, command, reply);
}

/// Creates the collection, if this process does not know it. An insert would create one that is not capped.
answer mongo_channel::make(mongoc_client_t* client, const feed& what) {
  {
    const std::lock_guard lock(guard_);
    if (made_.contains(what.coll)) return ok_answer();
  }
  auto command = make_bson();
  append(command.get(), "create", what.coll);
  append_bool(command.get(), "capped", true);
  append(command.get(), "size", what.size);
  append_w1(command.get());
  server_reply reply;
  answer a = run(client, command.get(), reply.out());
  if (a.server_code == kNamespaceExists) a = ok_answer();
  if (a.code == errc::not_authorized && exists(client, what.coll)) a = ok_answer();  // somebody else created it
  if (a.what != answer::kind::replied) return a;
  const std::lock_guard lock(guard_);
  made_.insert(what.coll);
  return a;
}

/// This form of the command needs only a right on the collection itself.
bool mongo_channel::exists(mongoc_client_t* client, const std::string& coll) const {
  auto command = make_bson();
  append(command.get(), "listCollections", std::int64_t{1});
  append(command.get(), "filter", protocol::single("name", coll).get());
  append_bool(command.get(), "nameOnly", true);
  append_bool(command.get(), "authorizedCollections", true);
  server_reply reply;
  if (run(client, command.get(), reply.out()).what != answer::kind::replied) return false;
  bool there = false;
  for_each_in_batch(reply.get(), "firstBatch", [&](const bson_t*) { there = true; });
  return there;
}

void mongo_channel::forget(const std::string& coll) {
  const std::lock_guard lock(guard_);
  made_.erase(coll);
}

/// If somebody drops the collection while others insert, an insert creates it again, but not capped. It is converted to
/// a capped one if it holds no documents of others.
answer mongo_channel::make_capped(mongoc_client_t* client, const feed& what) {
  auto missing = make_bson();
  append_bool(missing.get(), "$exists", false);
  auto strange = make_bson();
  for (const char* ours : {"event", "dummy", "to"}) append(strange.get(), ours, missing.get());
  auto find = find_command(what.coll, strange.get());
  append(find.get(), "limit", std::int64_t{1});
  server_reply found;
  if (answer a = run(client, find.get(), found.out()); a.what != answer::kind::replied) return a;
  bool others = false;
  for_each_in_batch(found.get(), "firstBatch", [&](const bson_t*) { others = true; });
  const std::string name = db_ + "." + what.coll;
  if (others) {
    return refusal(errc::configuration, name +
                                            " is not a capped collection, and holds documents that are no events; "
                                            "drop it, or choose another notif_channel");
  }
  auto command = make_bson();
  append(command.get(), "convertToCapped", what.coll);
  append(command.get(), "size", what.size);
  append_w1(command.get());
  server_reply reply;
  answer a = run(client, command.get(), reply.out());
  if (a.what == answer::kind::replied && log_) log_(log_level::warning, name + " was not capped; it is now");
  return a;
}

answer mongo_channel::insert(mongoc_client_t* client, const std::string& coll,
                             const std::vector<bson>& documents) const {
  auto list = make_bson();
  for (std::size_t i = 0; i < documents.size(); ++i) append(list.get(), std::to_string(i), documents[i].get());
  auto command = make_bson();
  append(command.get(), "insert", coll);
  append_array(command.get(), "documents", list.get());
  append_w1(command.get());
  server_reply reply;
  answer a = run(client, command.get(), reply.out());
  // If there are several, some may have been inserted, whatever the error says about the last one.
  if (a.what != answer::kind::replied && a.server_code != 0 && documents.size() > 1) a.in_doubt = true;
  if (a.what != answer::kind::replied) return a;
  bson_iter_t it, errors;
  if (bson_iter_init_find(&it, reply.get(), "writeErrors") && bson_iter_recurse(&it, &errors) &&
      bson_iter_next(&errors)) {
    std::string why = "the server refused the insert";
    read_document(errors, [&](const bson_t* e) { why = protocol::read_string(e, "errmsg"); });
    a = refusal(errc::server, pool_->redact()(why));
    a.in_doubt = documents.size() > 1;
  }
  return a;
}

answer mongo_channel::insert(const feed& where, const std::vector<bson>& documents) {
  if (documents.empty()) return ok_answer();
  if (answer a = pool_->open(); a.what != answer::kind::replied) return a;
  const mongo_pool::borrowed own(*pool_);
  if (own.get() == nullptr) return lost("all connections are busy");
  answer a = make(own.get(), where);
  if (a.what == answer::kind::replied) a = insert(own.get(), where.coll, documents);
  if (a.what != answer::kind::replied) forget(where.coll);
  return a;
}

/// The ids of the newest documents, newest first.
answer mongo_channel::find_newest(mongoc_client_t* client, const std::string& coll, std::vector<bson>& ids) const {
  auto backwards = make_bson();
  append(backwards.get(), "$natural", std::int64_t{-1});
  auto only_id = make_bson();
  append(only_id.get(), "_id", std::int64_t{1});
  auto find = find_command(coll, make_bson().get());
  append(find.get(), "sort", backwards.get());
  append(find.get(), "projection", only_id.get());
  append(find.get(), "limit", kNewest);
  server_reply reply;
  answer a = run(client, find.get(), reply.out());
  ids.clear();
  for_each_in_batch(reply.get(), "firstBatch", [&](const bson_t* d) { ids.push_back(id_of(d)); });
  return a;
}

/// Finds where a feed of all documents begins: after `from`, if that document still exists, else at the newest
/// document.
answer mongo_channel::find_place(mongoc_client_t* client, const feed& what, place& from, const callbacks& to,
                                 std::vector<bson>& newest) {
  if (answer a = find_newest(client, what.coll, newest); a.what != answer::kind::replied) return a;
  if (from.last) {
    bool there = std::any_of(newest.begin(), newest.end(),
                             [&](const auto& id) { return bson_equal(id.get(), from.last.get()); });
    if (!there) {
      auto find = find_command(what.coll, from.last.get());
      append(find.get(), "limit", std::int64_t{1});
      server_reply reply;
      if (answer a = run(client, find.get(), reply.out()); a.what != answer::kind::replied) return a;
      for_each_in_batch(reply.get(), "firstBatch", [&](const bson_t*) { there = true; });
      newest.emplace_back(bson_copy(from.last.get()));  // older than all of these
    }
    if (there) return ok_answer();
    to.gap();
    from.last.reset();
    newest.pop_back();
  }
  if (newest.empty()) {
    if (answer a = insert(client, what.coll, keep_alive()); a.what != answer::kind::replied) return a;
    if (answer a = find_newest(client, what.coll, newest); a.what != answer::kind::replied) return a;
  }
  if (newest.empty()) return lost("what was just written to the channel is gone");
  from.last.reset(bson_copy(newest.front().get()));
  return ok_answer();
}

/// A follower whose cursor can be ended by interrupt().
class mongo_channel::listed {
 public:
  listed(mongo_channel& owner, const place& who, const tail_cursor& c) : owner_(owner), who_(&who) {
    const std::lock_guard lock(owner_.guard_);
    owner_.followers_[who_] = c.which();
  }
  listed(const listed&) = delete;
  listed& operator=(const listed&) = delete;
  ~listed() {
    const std::lock_guard lock(owner_.guard_);
    owner_.followers_.erase(who_);
  }

 private:
  mongo_channel& owner_;
  const place* who_;
};

/// Opens a cursor on the primary, and makes sure that it stays open. First repairs a collection that is empty or not
/// capped.
answer mongo_channel::open(tail_cursor& c, mongoc_client_t* client, const feed& what, const bson_t* filter,
                           server_reply& reply, bool& mended) {
  answer a;
  for (int tries = 0; tries < 3; ++tries) {
    a = c.open(filter, reply);
    if (a.what == answer::kind::replied && c.alive()) return a;
    mended = true;
    if (a.server_code == kBadValue) {
      a = make_capped(client, what);
    } else if (a.what == answer::kind::replied) {  // empty, or what we look for was just overwritten
      a = insert(client, what.coll, keep_alive());
    }
    if (a.what != answer::kind::replied) return a;
  }
  return lost("the server closes the cursor at once");
}

answer mongo_channel::follow(const feed& what, place& from, const callbacks& to, std::stop_token stop) {
  if (answer a = pool_->open(); a.what != answer::kind::replied) return a;
  const mongo_pool::borrowed own(*pool_);
  mongoc_client_t* client = own.get();
  if (client == nullptr) return lost("all connections are busy");
  forget(what.coll);  // make() must check whether it still exists
  if (answer a = make(client, what); a.what != answer::kind::replied) return a;

  const bool all = what.to.empty();
  std::vector<bson> newest;
  if (all) {
    if (answer a = find_place(client, what, from, to, newest); a.what != answer::kind::replied) return a;
  }

  bson_error_t why;
  const server_description primary{mongoc_client_select_server(client, true, nullptr, &why)};
  if (!primary) return failure(why, pool_->redact());
  const auto server = mongoc_server_description_id(primary.get());
  const auto now = seconds_at(primary.get());
  const auto begin = all && now ? begin_of_news(newest, *now) : 0;
  auto filter = begin > 0 ? not_before(begin) : make_bson();
  if (!all) append(filter.get(), "to", what.to);

  tail_cursor c(client, pool_->redact(), server, db_, what.coll);
  server_reply batch;
  bool mended = false;
  if (answer a = open(c, client, what, filter.get(), batch, mended); a.what != answer::kind::replied) return a;
  if (all && mended) {  // the place to begin at may have been in a collection that was just dropped
    if (answer a = find_place(client, what, from, to, newest); a.what != answer::kind::replied) return a;
  }
  const listed here(*this, from, c);
  to.opened();
  const auto await = std::min(kLongestAwait, pool_->io_limit() / 2);
  bool passed = !all;  // whether the place to begin at is behind us
  for (const char* name = "firstBatch"; !stop.stop_requested(); name = "nextBatch") {
    bool any = false;
    for_each_in_batch(batch.get(), name, [&](const bson_t* document) {
      any = true;
      auto id = id_of(document);
      if (passed) {
        from.last = std::move(id);
        to.heard(document);
      } else if (bson_equal(id.get(), from.last.get())) {
        passed = true;
      }
    });
    if (!any && !passed) {  // it was overwritten meanwhile
      passed = true;
      to.gap();
    }
    if (cursor_id(batch.get()) == 0) return lost("the server closed the cursor");
    if (!any && c.is_left_behind()) return lost("the primary has moved");
    if (begin > 0 && is_behind(c.server_time(), begin)) return lost("the server's clock was set back");
    answer a = c.more(await, batch.out());
    if (a.what != answer::kind::replied) return stop.stop_requested() ? ok_answer() : a;
  }
  return ok_answer();
}

void mongo_channel::interrupt(const place& who) {
  tail_cursor::name which;
  {
    const std::lock_guard lock(guard_);
    const auto it = followers_.find(&who);
    if (it == followers_.end()) return;
    which = it->second;
  }
  const mongo_pool::borrowed own(*pool_);
  if (own.get() == nullptr) return;
  tail_cursor::kill(own.get(), which);
  (void)insert(own.get(), which.coll, keep_alive());  // a getMore that waits for documents notices only when one comes
}

}  // namespace dlock
