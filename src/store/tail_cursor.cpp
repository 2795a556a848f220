#include "store/tail_cursor.hpp"

#include <string_view>
#include <utility>

#include "protocol/read.hpp"
#include "store/failure.hpp"
#include "store/history.hpp"

namespace dlock {
namespace {

bson kill_command(const std::string& coll, std::int64_t id) {
  auto ids = make_bson();
  append(ids.get(), "0", id);
  auto command = make_bson();
  append(command.get(), "killCursors", coll);
  append_array(command.get(), "cursors", ids.get());
  return command;
}

bson sent_to(std::uint32_t server) {
  auto out = make_bson();
  bson_append_int32(out.get(), "serverId", -1, static_cast<std::int32_t>(server));
  return out;
}

}  // namespace

tail_cursor::tail_cursor(mongoc_client_t* client, const redactor& redact, std::uint32_t server, std::string db,
                         std::string coll)
    : client_(client), redact_(redact), name_{server, std::move(db), std::move(coll), 0}, with_(sent_to(server)) {
  const std::unique_ptr<mongoc_session_opt_t, decltype(&mongoc_session_opts_destroy)> options(
      mongoc_session_opts_new(), mongoc_session_opts_destroy);
  mongoc_session_opts_set_causal_consistency(options.get(), false);
  bson_error_t why;
  session_.reset(
      mongoc_client_start_session(client_, options.get(), &why));  // an old standalone has no sessions, and needs none
  if (session_) (void)mongoc_client_session_append(session_.get(), with_.get(), &why);
}

tail_cursor::~tail_cursor() {
  if (!alive() || broken_) return;
  server_reply reply;
  (void)run(kill_command(name_.coll, name_.id).get(), reply.out());
}

answer tail_cursor::open(const bson_t* filter, server_reply& reply) {
  auto find = find_command(name_.coll, filter);
  append_bool(find.get(), "tailable", true);
  append_bool(find.get(), "awaitData", true);
  answer a = run(find.get(), reply.out());
  if (a.what == answer::kind::replied) name_.id = cursor_id(reply.get());
  return a;
}

answer tail_cursor::more(std::chrono::milliseconds wait, bson_t* reply) {
  auto command = make_bson();
  append(command.get(), "getMore", name_.id);
  append(command.get(), "collection", name_.coll);
  append(command.get(), "maxTimeMS", std::int64_t{wait.count()});
  answer a = run(command.get(), reply);
  broken_ = a.what != answer::kind::replied && a.server_code == 0;  // otherwise the connection is as good as before
  return a;
}

bool tail_cursor::is_left_behind() const {
  const server_description now{mongoc_client_get_server_description(client_, name_.server)};
  if (!now) return true;
  const std::string_view type = mongoc_server_description_type(now.get());
  return type != "RSPrimary" && type != "Mongos" && type != "Standalone" && type != "LoadBalancer";
}

std::optional<std::int64_t> tail_cursor::server_time() const {
  const server_description now{mongoc_client_get_server_description(client_, name_.server)};
  return now ? seconds_at(now.get()) : std::nullopt;
}

void tail_cursor::kill(mongoc_client_t* client, const name& which) {
  bson_error_t why;
  server_reply reply;
  (void)mongoc_client_command_with_opts(client, which.db.c_str(), kill_command(which.coll, which.id).get(), nullptr,
                                        sent_to(which.server).get(), reply.out(), &why);
}

answer tail_cursor::run(const bson_t* command, bson_t* reply) const {
  bson_error_t why;
  if (!mongoc_client_command_with_opts(client_, name_.db.c_str(), command, nullptr, with_.get(), reply, &why)) {
    return failure(why, redact_);
  }
  return ok_answer();
}

bson find_command(const std::string& coll, const bson_t* filter) {
  auto command = make_bson();
  append(command.get(), "find", coll);
  append(command.get(), "filter", filter);
  return command;
}

std::int64_t cursor_id(const bson_t* reply) {
  std::int64_t id = 0;
  protocol::read_document(reply, "cursor", [&](const bson_t* c) { id = protocol::read_number(c, "id"); });
  return id;
}

}  // namespace dlock
