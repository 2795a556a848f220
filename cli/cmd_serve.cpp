#include "verbs.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "http_server.hpp"
#include "listening.hpp"
#include "live_locks.hpp"
#include "output.hpp"
#include "page_files.hpp"
#include "signals.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

constexpr const char* usual_address = "127.0.0.1:9171";
constexpr std::string_view about_listen = "where to serve the page. Default: 127.0.0.1:9171";

std::vector<option> serve_table(serve_options& out, listening_arguments& listening, connection_arguments& connection) {
  std::vector<option> first = listening.table(about_listen);
  std::vector<option> own{
      {0, "prefix", "", "P", "only locks whose ID begins with P", [&](const std::string& v) { out.prefix = v; }},
      {0, "long-hold", "", "DURATION", "a lock needs attention if it is held for longer. Default: 1d",
       [&](const std::string& v) { out.long_hold = parse_duration("--long-hold", v); }},
      {0, "long-wait", "", "DURATION", "a lock needs attention if somebody waits for longer.\nDefault: 1h",
       [&](const std::string& v) { out.long_wait = parse_duration("--long-wait", v); }}};
  first.insert(first.end(), own.begin(), own.end());
  return connection.table(std::move(first));
}

const page_file* find_page(std::string_view path) {
  const std::span<const page_file> files = page_files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const page_file& each) { return each.path == path; });
  return found == files.end() ? nullptr : &*found;
}

void handle(live_locks& locks, const http_request& request, const http_answer& answer) {
  if (const page_file* const file = find_page(request.path)) {
    return answer({.type = std::string(file->type), .body = std::make_shared<const std::string>(file->text)});
  }
  if (request.path == "/api/stream") {
    auto stream = answer.stream({.type = "text/event-stream"});
    if (stream) locks.add_viewer(std::move(stream));
    return;
  }
  if (request.path == "/api/locks") return locks.answer_locks(answer);
  if (request.path == "/api/lock") {
    const auto id = request.query.find("id");
    if (id == request.query.end()) return answer(text_reply(400, "which lock? /api/lock?id=ID\n"));
    return locks.answer_lock(id->second, answer);
  }
  answer(text_reply(404, "there is no such page\n"));
}

serve_options parse(const std::vector<std::string>& arguments, listening_arguments& listening) {
  serve_options out;
  connection_arguments connection(out);
  const operands operands = parse_arguments("serve", serve_table(out, listening, connection), arguments, 0);
  if (out.help) return out;
  refuse_operands("serve", operands, "use --prefix");
  check_utf8("the prefix", out.prefix, 1000);
  out.http = listening.finish();
  out.http.is_public = [](const std::string& path) { return find_page(path) != nullptr; };
  connection.finish();
  return out;
}

}  // namespace

serve_options parse_serve(const std::vector<std::string>& arguments) {
  listening_arguments listening(usual_address);
  return parse(arguments, listening);
}

manual serve_manual() {
  serve_options out;
  listening_arguments listening(usual_address);
  connection_arguments connection(out);
  return {
      .verb = "serve",
      .operands = "[OPTIONS]",
      .summary = "show all locks on a live page, for a browser",
      .usages = {"[OPTIONS]"},
      .intro =
          "Serves a page that shows all locks: holders, queues, times of waiting and holding, and what is expired,\n"
          "revoked or stuck. It follows each change. It is read-only.\n",
      .options = serve_table(out, listening, connection),
      .notes =
          std::string(help_on_listening) + "\n" + std::string(help_on_servers) +
          "\n"
          "All viewers share one read of the locks, once a second at most, and none without viewers. The page shows\n"
          "the times of waiting and holding since dlock was started.\n",
      .statuses = {{"0", "INT or TERM has ended dlock"}, {"125", "dlock itself failed"}},
  };
}

int cmd_serve(const std::vector<std::string>& arguments, process_title) {
  listening_arguments listening(usual_address);
  const serve_options options = parse(arguments, listening);
  if (options.help) return print_and_return(exit_ok, help_text(serve_manual()));
  fill_standard_streams();
  signals caught{false};  // before any thread
  live_locks locks({.client = options.client_with_url(),
                    .prefix = options.prefix,
                    .long_hold = options.long_hold,
                    .long_wait = options.long_wait});
  http_server server(options.http,
                     [&locks](const http_request& request, http_answer answer) { handle(locks, request, answer); });
  if (const auto problem = locks.connect()) complain(*problem + "; trying again");
  locks.start();
  listening.announce(server, "/");
  serve_until_signal(caught, server);
}

}  // namespace dlock::cli
