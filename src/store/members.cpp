#include "store/members.hpp"

#include <cctype>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

#include <dlock/clock.hpp>

#include "protocol/command_parts.hpp"
#include "protocol/read.hpp"
#include "store/failure.hpp"
#include "util/worker_pool.hpp"

namespace dlock {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

/// For a member's own steps. Shorter than the whole, so that the caller gets the reason rather than a time-out.
constexpr std::int32_t kStepLimit = 1200;
constexpr int kCommandNotFound = 59;

/// One moment by both clocks of this machine. The offsets of all members refer to it, so a wall clock that is set
/// meanwhile does not make them differ.
struct moment {
  boot_clock::time_point boot;
  std::chrono::system_clock::time_point wall;
  boot_clock::duration doubt = boot_clock::duration::max();  // how far the two readings may be apart
};

/// This thread may lose the processor between two readings. So it tries some times.
moment this_moment() {
  moment best{};
  for (int i = 0; i < 5; ++i) {
    const auto before = boot_clock::now();
    const auto wall = std::chrono::system_clock::now();
    const auto half = (boot_clock::now() - before) / 2;
    if (half < best.doubt) best = {before + half, wall, half};
  }
  return best;
}

/// A URL for this member alone, without a login.
uri_handle uri_of_member(const mongoc_uri_t* like, const std::string& host) {
  std::string written = host;
  if (host.starts_with('/')) {  // a socket in the file system
    written.clear();
    for (const char c : host) written += c == '/' ? std::string("%2F") : std::string(1, c);
  }
  uri_handle uri{mongoc_uri_new(("mongodb://" + written + "/").c_str())};
  if (!uri) return uri;
  bson_iter_t it;
  bson_iter_init(&it, mongoc_uri_get_options(like));
  while (bson_iter_next(&it)) {
    const char* key = bson_iter_key(&it);
    if (!std::string_view(key).starts_with("tls")) continue;
    if (BSON_ITER_HOLDS_BOOL(&it)) mongoc_uri_set_option_as_bool(uri.get(), key, bson_iter_bool(&it));
    if (BSON_ITER_HOLDS_UTF8(&it)) mongoc_uri_set_option_as_utf8(uri.get(), key, bson_iter_utf8(&it, nullptr));
  }
  if (mongoc_uri_get_tls(like)) mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_TLS, true);
  mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_DIRECTCONNECTION, true);
  mongoc_uri_set_option_as_utf8(uri.get(), MONGOC_URI_APPNAME, "dlock");
  for (const char* time :
       {MONGOC_URI_CONNECTTIMEOUTMS, MONGOC_URI_SOCKETTIMEOUTMS, MONGOC_URI_SERVERSELECTIONTIMEOUTMS}) {
    mongoc_uri_set_option_as_int32(uri.get(), time, kStepLimit);
  }
  return uri;
}

/// One member's connection.
class member_connection {
 public:
  member_connection(const mongoc_uri_t* uri, const redactor& redact)
      : client_(uri != nullptr ? mongoc_client_new_from_uri(uri) : nullptr), redact_(redact) {
    if (client_) mongoc_client_set_error_api(client_.get(), MONGOC_ERROR_API_VERSION_2);
  }

  answer run(const char* command, bson_t* reply) {
    if (!client_) return refusal(errc::invalid_argument, "the driver cannot use this address");
    bson_error_t why;
    const auto request = protocol::single(command, std::int64_t{1});
    if (mongoc_client_command_simple(client_.get(), "admin", request.get(), nullptr, reply, &why)) return ok_answer();
    return failure(why, redact_);
  }

  /// MongoDB before 4.4.2 knows it by another name only.
  answer hello(bson_t* reply) {
    answer a = run(hello_, reply);
    if (a.server_code != kCommandNotFound) return a;
    hello_ = "isMaster";
    return run(hello_, reply);
  }

 private:
  std::unique_ptr<mongoc_client_t, client_deleter> client_;
  const redactor& redact_;
  const char* hello_ = "hello";
};

/// The clock of the member when the reply was made: about half way between sending and receiving.
void take_clock(member_info& out, const bson_t* hello, boot_clock::time_point sent, boot_clock::time_point received,
                const moment& reference) {
  const auto local = protocol::read_date(hello, "localTime");
  const auto took = duration_cast<microseconds>(received - sent);
  if (!local || (out.clock_precision.count() != 0 && took >= out.round_trip)) return;
  constexpr microseconds kHalfUnit{500};  // localTime is in whole milliseconds, rounded down
  const auto here = reference.wall +
                    duration_cast<std::chrono::system_clock::duration>(sent + (received - sent) / 2 - reference.boot);
  const microseconds there = std::chrono::milliseconds(*local) + kHalfUnit;
  out.round_trip = took;
  out.clock_offset = there - duration_cast<microseconds>(here.time_since_epoch());
  constexpr microseconds kRounding{3};
  out.clock_precision = took / 2 + kHalfUnit + duration_cast<microseconds>(reference.doubt) + kRounding;
}

member_info ask_member(const mongoc_uri_t* uri, const redactor& redact, std::string host, const moment& reference) {
  member_info out;
  out.host = std::move(host);
  member_connection to(uri, redact);
  server_reply build;
  answer a = to.run("buildInfo", build.out());  // opens the connection, so that hello is measured without that
  const bool told = a.what == answer::kind::replied;
  for (int i = 0; i < 2 && (told || a.server_code != 0); ++i) {
    server_reply reply;
    const auto sent = boot_clock::now();
    if (answer b = to.hello(reply.out()); b.what != answer::kind::replied) {
      out.problem = b.why;
      return out;
    }
    take_clock(out, reply.get(), sent, boot_clock::now(), reference);
    out.reachable = true;
    out.state = state_in(reply.get());
    if (told) out.version = protocol::read_string(build.get(), "version");
    if (out.version.empty()) out.version = version_in(reply.get());
  }
  if (!out.reachable) out.problem = a.why;
  return out;
}

/// What the threads of one call share. They may outlive it.
struct inquiry {
  std::mutex guard;
  std::condition_variable changed;
  std::vector<member_info> found;
  std::size_t missing = 0;

  void found_out(std::size_t index, member_info m) {
    const std::lock_guard lock(guard);
    found[index] = std::move(m);
    --missing;
    changed.notify_all();
  }
};

}  // namespace

member_state state_in(const bson_t* hello) {
  const auto says = [&](const char* field) { return protocol::read_flag(hello, field, false); };
  const bool in_set = !protocol::read_string(hello, "setName").empty();
  if (protocol::read_string(hello, "msg") == "isdbgrid") return member_state::mongos;
  if (says("arbiterOnly")) return member_state::arbiter;
  if (says("isWritablePrimary") || says("ismaster")) return in_set ? member_state::primary : member_state::standalone;
  if (says("secondary")) return member_state::secondary;
  return member_state::other;
}

std::string version_in(const bson_t* hello) {
  constexpr std::pair<std::int64_t, const char*> kVersions[] = {
      {6, "3.6"},  {7, "4.0"},  {8, "4.2"},  {9, "4.4"},  {13, "5.0"}, {14, "5.1"}, {15, "5.2"},
      {16, "5.3"}, {17, "6.0"}, {18, "6.1"}, {19, "6.2"}, {20, "6.3"}, {21, "7.0"}, {22, "7.1"},
      {23, "7.2"}, {24, "7.3"}, {25, "8.0"}, {26, "8.1"}, {27, "8.2"}};
  const auto wire = protocol::read_number(hello, "maxWireVersion");
  for (const auto& [number, version] : kVersions) {
    if (number == wire) return version;
  }
  return {};
}

std::vector<std::string> members_in(const mongoc_uri_t* uri) {
  std::vector<std::string> out;
  for (const auto* h = mongoc_uri_get_hosts(uri); h != nullptr; h = h->next) out.emplace_back(h->host_and_port);
  return out;
}

std::vector<std::string> members_in(const bson_t* hello) {
  std::vector<std::string> out;
  for (const char* kind : {"hosts", "passives", "arbiters"}) {
    protocol::read_document(hello, kind, [&](const bson_t* hosts) {
      bson_iter_t it;
      if (!bson_iter_init(&it, hosts)) return;
      while (bson_iter_next(&it)) {
        if (!BSON_ITER_HOLDS_UTF8(&it)) continue;
        std::string& host = out.emplace_back(bson_iter_utf8(&it, nullptr));
        for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));  // as the driver does
      }
    });
  }
  return out;
}

std::vector<std::string> known_members(mongo_pool& pool) {
  // The driver does not tell of servers that are down. But those that are up name the others.
  std::set<std::string> out;
  bool named = mongoc_uri_get_option_as_bool(pool.uri(), MONGOC_URI_DIRECTCONNECTION, false);
  const bool all = !named;
  const mongo_pool::borrowed own(pool);
  if (own.get() != nullptr) {
    std::size_t size = 0;
    mongoc_server_description_t** const known = mongoc_client_get_server_descriptions(own.get(), &size);
    for (std::size_t i = 0; i < size; ++i) {
      out.emplace(mongoc_server_description_host(known[i])->host_and_port);
      if (!all) continue;
      const auto others = members_in(mongoc_server_description_hello_response(known[i]));
      named = named || !others.empty();
      out.insert(others.begin(), others.end());
    }
    mongoc_server_descriptions_destroy_all(known, size);
  }
  if (out.empty() || !named) {
    const auto given = members_in(pool.uri());
    out.insert(given.begin(), given.end());
  }
  return {out.begin(), out.end()};
}

std::vector<member_info> ask_members(const mongo_pool& like, const std::vector<std::string>& hosts) {
  const auto all = std::make_shared<inquiry>();
  for (const auto& host : hosts) {
    member_info& m = all->found.emplace_back();
    m.host = host;
    m.problem = "no answer within " + std::to_string(members_limit.count()) + " ms";
  }
  all->missing = hosts.size();
  const moment reference = this_moment();
  worker_pool threads(worker_pool::unlimited, "dlock-member");
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::shared_ptr<mongoc_uri_t> uri{uri_of_member(like.uri(), hosts[i])};
    const bool posted = threads.post([all, i, uri, redact = like.redact(), host = hosts[i], reference] {
      all->found_out(i, ask_member(uri.get(), redact, host, reference));
    });
    if (posted) continue;
    member_info m;
    m.host = hosts[i];
    m.problem = "no thread can be started to ask it";
    all->found_out(i, std::move(m));
  }
  std::vector<member_info> out;
  {
    std::unique_lock lock(all->guard);
    (void)all->changed.wait_for(lock, members_limit, [&] { return all->missing == 0; });
    out = all->found;
  }
  threads.stop(std::chrono::milliseconds{0});  // who still waits for a member is not waited for
  return out;
}

}  // namespace dlock
