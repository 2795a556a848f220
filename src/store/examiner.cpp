#include "store/examiner.hpp"

#include <strings.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include <dlock/clock.hpp>

#include "protocol/command_parts.hpp"
#include "protocol/read.hpp"
#include "store/failure.hpp"
#include "store/feeds_facts.hpp"
#include "store/members.hpp"
#include "store/tail_cursor.hpp"
#include "util/thread.hpp"

namespace dlock {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWait{1200};         // a single wait for the network
constexpr milliseconds kSurveyLimit{1000};  // for all documents
constexpr std::uint32_t kFew = 4;           // connections
constexpr int kNoNamespace = 26;

looked looked_at(const answer& a) {
  looked out;
  if (a.what == answer::kind::replied) {
    out.what = looked::end::done;
    return out;
  }
  out.what = a.what == answer::kind::refused ? looked::end::refused : looked::end::failed;
  out.why = a.why;
  out.code = a.code;
  return out;
}

/// With what to do.
looked contact_of(const answer& a, const mongo_pool& pool) {
  looked out = looked_at(a);
  if (!out.done()) out.advice = advice(a, pool.uri());
  return out;
}

answer busy() {
  answer a;
  a.why = "all connections are busy";
  return a;
}

/// A primary, or why there is none.
answer find_primary(mongo_pool& pool) {
  answer a = pool.open();
  if (a.what != answer::kind::replied) return a;
  const mongo_pool::borrowed own(pool);
  if (own.get() == nullptr) return busy();
  bson_error_t why;
  const server_description primary{mongoc_client_select_server(own.get(), true, nullptr, &why)};
  if (primary) return a;
  a = failure(why, pool.redact());
  if (std::string seen = pool.problem(); !seen.empty()) a.why = std::move(seen);
  return at_first_contact(std::move(a), pool.uri(), pool.heard());
}

login_facts login_of(const mongo_pool& pool, mongoc_client_t* client) {
  auto command = protocol::single("connectionStatus", std::int64_t{1});
  append_bool(command.get(), "showPrivileges", true);
  server_reply reply;
  login_facts out;
  out.look = contact_of(pool.run(client, "admin", command.get(), reply.out()), pool);
  if (out.look.done()) read_login(reply.get(), out);
  return out;
}

/// A thread that is waited for, also if something is thrown meanwhile.
struct joined {
  std::thread thread;
  ~joined() {
    if (thread.joinable()) thread.join();
  }
};

bool is_here(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1" || host.starts_with('/');
}

}  // namespace

url_facts facts_of(const mongoc_uri_t* uri) {
  // The driver's own names, as its list of options has them.
  constexpr const char* kIgnored[] = {"w",    "journal",     "wtimeoutms",         "slaveok",
                                      "safe", "retrywrites", "maxstalenessseconds"};
  url_facts out;
  out.tls = mongoc_uri_get_tls(uri);
  for (const char* any : {MONGOC_URI_TLSINSECURE, MONGOC_URI_TLSALLOWINVALIDCERTIFICATES}) {
    if (out.tls && mongoc_uri_get_option_as_bool(uri, any, false)) out.unverified = true;
  }
  out.direct = mongoc_uri_get_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, false);
  out.max_pool_size = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 0);
  bson_iter_t it;
  bson_iter_init(&it, mongoc_uri_get_options(uri));
  while (bson_iter_next(&it)) {
    const char* key = bson_iter_key(&it);
    if (std::any_of(std::begin(kIgnored), std::end(kIgnored), [&](auto* o) { return strcasecmp(o, key) == 0; })) {
      out.ignored.emplace_back(key);
    }
  }
  if (mongoc_read_prefs_get_mode(mongoc_uri_get_read_prefs_t(uri)) != MONGOC_READ_PRIMARY) {
    out.ignored.emplace_back(MONGOC_URI_READPREFERENCE);
  }
  if (mongoc_read_concern_get_level(mongoc_uri_get_read_concern(uri)) != nullptr) {
    out.ignored.emplace_back(MONGOC_URI_READCONCERNLEVEL);
  }
  for (const auto* h = mongoc_uri_get_hosts(uri); h != nullptr; h = h->next) {
    if (!is_here(h->host)) out.remote_hosts.emplace_back(h->host_and_port);
  }
  if (const char* service = mongoc_uri_get_srv_hostname(uri)) out.remote_hosts.emplace_back(service);
  return out;
}

void read_login(const bson_t* status, login_facts& out) {
  protocol::read_document(status, "authInfo", [&](const bson_t* info) {
    protocol::for_each_document(info, "authenticatedUsers", [&](const bson_t* user) {
      out.user = protocol::read_string(user, "user");
      out.db = protocol::read_string(user, "db");
    });
    protocol::for_each_document(info, "authenticatedUserPrivileges", [&](const bson_t* each) {
      privilege& p = out.privileges.emplace_back();
      protocol::read_document(each, "resource", [&](const bson_t* resource) {
        p.anything = protocol::read_flag(resource, "anyResource", false);
        p.cluster = protocol::read_flag(resource, "cluster", false);
        p.db = protocol::read_string(resource, "db");
        p.coll = protocol::read_string(resource, "collection");
      });
      protocol::read_document(each, "actions", [&](const bson_t* actions) {
        bson_iter_t it;
        if (!bson_iter_init(&it, actions)) return;
        while (bson_iter_next(&it)) {
          if (BSON_ITER_HOLDS_UTF8(&it)) p.actions.emplace_back(bson_iter_utf8(&it, nullptr));
        }
      });
    });
  });
}

void read_indexes(const bson_t* reply, index_facts& out) {
  protocol::read_document(reply, "cursor", [&](const bson_t* cursor) {
    protocol::for_each_document(cursor, "firstBatch", [&](const bson_t* index) {
      protocol::read_document(index, "key", [&](const bson_t* key) {
        bson_iter_t first, seconds;
        if (!bson_iter_init(&first, key) || !bson_iter_next(&first) || std::strcmp(bson_iter_key(&first), "et") != 0) {
          return;
        }
        et_index& found = out.indexes.emplace_back();
        found.name = protocol::read_string(index, "name");
        if (protocol::find_field(index, "expireAfterSeconds", seconds) && BSON_ITER_HOLDS_NUMBER(&seconds)) {
          found.seconds = protocol::read_number(index, "expireAfterSeconds");
        }
      });
    });
  });
}

examiner::examiner(const client_options& o, bool own_channel)
    : db_(o.db),
      coll_(o.coll),
      channel_(o.notif_channel),
      grace_(o.grace),
      clock_skew_(o.clock_skew),
      locks_(std::make_shared<mongo_pool>(o.url, "url", kWait, kFew)),
      notices_(own_channel ? std::make_shared<mongo_pool>(*o.notif_url, "notif_url", kWait, kFew) : locks_) {
  const auto uri = parse_connection_string(*o.notif_url, "notif_url");
  const char* db = mongoc_uri_get_database(uri.get());
  notif_db_ = db != nullptr ? db : "mongo_dlock_notif";
}

facts examiner::read() {
  facts out;
  read_all(out);
  return out;
}

/// Each thread fills parts of its own.
void examiner::read_all(facts& out) {
  out.db = db_;
  out.coll = coll_;
  out.notif_db = notif_db_;
  out.channel = channel_;
  out.grace = grace_;
  out.clock_skew = clock_skew_;
  out.driver = mongoc_get_version();
  out.now = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  out.url = facts_of(locks_->uri());
  joined notices, members;
  if (notices_ != locks_) notices.thread = thread_without_signals("dlock-notices", [&] { read_notices(out); });
  out.contact = contact_of(find_primary(*locks_), *locks_);
  // After the contact, because the primary names the others.
  const bool knows = out.contact.done();
  members.thread = thread_without_signals("dlock-members", [this, &out, knows] {
    out.members = ask_members(*locks_, knows ? known_members(*locks_) : members_in(locks_->uri()));
  });
  if (knows) {
    const mongo_pool::borrowed own(*locks_);
    if (own.get() != nullptr) read_locks(own.get(), out);
    if (notices_ == locks_) read_notices(out);
  }
}

void examiner::read_locks(mongoc_client_t* client, facts& out) const {
  out.login = login_of(*locks_, client);
  if (!out.login.look.done()) {
    out.contact = out.login.look;  // a login that is not valid shows only now
    return;
  }
  read_index(client, out);
  survey_locks(client, out);
}

void examiner::read_index(mongoc_client_t* client, facts& out) const {
  server_reply reply;
  const auto command = protocol::single("listIndexes", coll_);
  const answer a = locks_->run(client, db_, command.get(), reply.out());
  out.index.look = looked_at(a);
  if (a.server_code == kNoNamespace) out.index.look.what = looked::end::done;
  if (a.what != answer::kind::replied) return;
  out.index.collection = true;
  read_indexes(reply.get(), out.index);
}

void examiner::survey_locks(mongoc_client_t* client, facts& out) const {
  std::int64_t grace = out.grace.count();
  for (const auto& each : out.index.indexes) grace = each.seconds.value_or(grace);
  auto options = make_bson();
  bson_append_int32(options.get(), "batchSize", -1, 1000);
  append(options.get(), "maxTimeMS", std::int64_t{kSurveyLimit.count()});
  const std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)> locks(
      mongoc_client_get_collection(client, db_.c_str(), coll_.c_str()), mongoc_collection_destroy);
  const auto stages = survey::pipeline();
  const std::unique_ptr<mongoc_cursor_t, decltype(&mongoc_cursor_destroy)> found(
      mongoc_collection_aggregate(locks.get(), MONGOC_QUERY_NONE, stages.get(), options.get(), nullptr),
      mongoc_cursor_destroy);
  const auto end = boot_clock::now() + kSurveyLimit;
  const bson_t* summary = nullptr;
  while (mongoc_cursor_next(found.get(), &summary)) {
    out.locks.add(summary, grace * 1000);
    if (out.locks.seen % 1000 == 0 && boot_clock::now() >= end) {
      out.locks.whole = false;
      break;
    }
  }
  bson_error_t why;
  out.surveyed.what = looked::end::done;
  if (!mongoc_cursor_error(found.get(), &why)) return;
  if (out.locks.seen > 0) {
    out.locks.whole = false;
  } else {
    out.surveyed = looked_at(failure(why, locks_->redact()));
  }
}

void examiner::read_notices(facts& out) const {
  out.feeds.contact = contact_of(find_primary(*notices_), *notices_);
  if (!out.feeds.contact.done()) return;
  const mongo_pool::borrowed own(*notices_);
  if (own.get() == nullptr) return;
  out.notices_login = login_of(*notices_, own.get());
  if (!out.notices_login.look.done()) {
    out.feeds.contact = out.notices_login.look;
    return;
  }
  out.feeds.look = looked_at(read_feeds({*notices_, own.get(), notif_db_}, channel_, out.feeds));
}

looked examiner::remove(const std::string& id) {
  if (answer a = locks_->open(); a.what != answer::kind::replied) return looked_at(a);
  const mongo_pool::borrowed own(*locks_);
  if (own.get() == nullptr) return {};
  auto free = protocol::single("_id", id);
  for (const char* list : {"holders", "waiters"}) {
    append(free.get(), list, protocol::single("$size", std::int64_t{0}).get());
  }
  auto one = protocol::single("q", free.get());
  bson_append_int32(one.get(), "limit", -1, 1);
  auto all = protocol::single("0", one.get());
  auto command = protocol::single("delete", coll_);
  append_array(command.get(), "deletes", all.get());
  server_reply reply;
  looked out = looked_at(locks_->run(own.get(), db_, command.get(), reply.out()));
  if (out.done() && protocol::read_number(reply.get(), "n") != 1) out.what = looked::end::failed;
  return out;
}

}  // namespace dlock
