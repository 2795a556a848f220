#include "live_locks.hpp"

#include <algorithm>
#include <utility>

#include <dlock/error.hpp>
#include <dlock/version.hpp>
#include <nlohmann/json.hpp>

#include "lock_json.hpp"
#include "secrets.hpp"
#include "text.hpp"
#include "timestamp.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;
using json = nlohmann::ordered_json;

constexpr milliseconds shortest_pause{1000};  // between the begins of two reads
constexpr milliseconds longest_pause{4000};
constexpr int share_of_time = 20;  // between these two, reads take one part in so many of the time
constexpr milliseconds pause_of_looks{50};
constexpr int looks_between_reads = 10;
constexpr milliseconds contact_limit{5000};
constexpr milliseconds longest_read{4000};  // viewers hear nothing meanwhile
constexpr milliseconds longest_answer{10000};
constexpr std::size_t most_locks = 50'000;  // a viewer gets all of them in one piece, and a stream has a limit

std::string event_of(const char* name, std::string_view data) {
  return std::string("event: ") + name + "\ndata: " + std::string(data) + "\n\n";
}

std::string dumped(const json& value) {
  constexpr bool ascii = true;
  return value.dump(-1, ' ', ascii, json::error_handler_t::replace);
}

std::string joined(const std::vector<std::string>& texts) {
  std::size_t size = 2;
  for (const std::string& each : texts) size += each.size() + 1;
  std::string out = "[";
  out.reserve(size);
  for (const std::string& each : texts) {
    if (out.size() > 1) out += ',';
    out += each;
  }
  return out + "]";
}

template <class Duration>
json in_s(const std::optional<Duration>& time) {
  return time ? json(std::chrono::duration<double>(*time).count()) : json(nullptr);
}

json to_json(const seen_grant& one) {
  return {{"at", iso(one.at)},
          {"who", one.who.empty() ? json(nullptr) : json(one.who)},
          {"foreign", one.token == 0},
          {"token", one.token == 0 ? json(nullptr) : json(one.token)},
          {"waited", in_s(one.waited)},
          {"held", in_s(one.held)},
          {"lost", one.lost}};
}

http_reply json_reply(std::string body) {
  return {.type = "application/json", .body = std::make_shared<const std::string>(std::move(body))};
}

}  // namespace

live_locks::live_locks(live_options options)
    : options_(std::move(options)), listening_since_(std::chrono::system_clock::now()) {
  options_.client.connect_timeout = std::min(options_.client.connect_timeout, contact_limit);
  options_.client.operation_timeout = longest_read;
}

live_locks::~live_locks() {
  {
    const std::lock_guard lock(mutex_);
    wishes_.stop = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<std::string> live_locks::connect() {
  try {
    contact();
  } catch (const dlock::error& problem) {
    if (!problem.retryable()) throw;
    fail(problem);
    return problem.what();
  }
  return {};
}

void live_locks::start() {
  thread_ = std::thread([this] { run(); });
}

void live_locks::add_viewer(std::shared_ptr<http_stream> viewer) {
  {
    const std::lock_guard lock(mutex_);
    wishes_.viewers.push_back(std::move(viewer));
  }
  woken_.notify_all();
}

void live_locks::answer_lock(const std::string& id, http_answer answer) {
  answer.or_else(longest_answer, text_reply(503, "the database does not answer\n"));
  {
    const std::lock_guard lock(mutex_);
    wishes_.questions.push_back({.id = id, .answer = std::move(answer)});
  }
  woken_.notify_all();
}

void live_locks::answer_locks(http_answer answer) {
  answer.or_else(longest_answer, text_reply(503, "the database does not answer\n"));
  {
    const std::lock_guard lock(mutex_);
    wishes_.questions.push_back({.id = {}, .answer = std::move(answer)});
  }
  woken_.notify_all();
}

void live_locks::hear(const dlock::lock_event& event) {
  if (!event.id.starts_with(options_.prefix)) return;
  constexpr std::size_t enough = looks_between_reads;  // the next read sees the others
  {
    const std::lock_guard lock(mutex_);
    grants_.add(event);
    if (event.what != dlock::lock_event::kind::gap && wishes_.named.size() < enough) wishes_.named.insert(event.id);
  }
  woken_.notify_all();
}

void live_locks::contact() {
  client_.emplace(options_.client);
  events_ = client_->subscribe_all([this](const dlock::lock_event& event) { hear(event); });
}

bool live_locks::may_look() const {
  return problem_.empty() && looks_left_ > 0;
}

live_locks::wishes live_locks::wait() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (viewers_.empty()) wishes_.named.clear();
    const bool look = may_look() && !wishes_.named.empty();
    const clock::time_point now = clock::now();
    const bool due = (!viewers_.empty() && now >= next_read_) || (look && now >= next_look_);
    if (wishes_.stop || !wishes_.viewers.empty() || !wishes_.questions.empty() || due) {
      wishes out = std::exchange(wishes_, {});
      if (now < next_look_) std::swap(out.named, wishes_.named);
      return out;
    }
    if (viewers_.empty()) {
      woken_.wait(lock);
    } else {
      woken_.wait_until(lock, look ? std::min(next_read_, next_look_) : next_read_);
    }
  }
}

void live_locks::run() {
  for (;;) {
    wishes wanted = wait();
    if (wanted.stop) return;
    const bool all = std::any_of(wanted.questions.begin(), wanted.questions.end(), [](auto& each) { return !each.id; });
    const bool wants_all = all || !viewers_.empty() || !wanted.viewers.empty();
    if (wants_all && clock::now() >= next_read_) {
      read_all();
      send(state_piece());
    } else if (may_look()) {
      look_at(wanted.named);
    }
    admit(std::move(wanted.viewers));
    for (const question& each : wanted.questions) reply(each);
  }
}

void live_locks::read_all() {
  const clock::time_point begin = clock::now();
  try {
    if (!client_) contact();
    std::vector<dlock::lock_state> locks = client_->list(options_.prefix);
    if (locks.size() > most_locks) {
      throw failure("there are " + std::to_string(locks.size()) + " locks, and this page shows at most " +
                    std::to_string(most_locks) + "; start dlock serve with --prefix");
    }
    const lock_changes changes = locks_.replace(std::move(locks));
    const bool first = !read_at_;
    problem_.clear();
    read_at_ = clock::now();
    if (first || changes.any()) send(changes_piece(changes, first));
    const clock::duration fair = share_of_time * (*read_at_ - begin);
    next_read_ = begin + std::clamp<clock::duration>(fair, shortest_pause, longest_pause);
  } catch (const std::exception& problem) {
    fail(problem);
    next_read_ = clock::now() + shortest_pause;
  }
  looks_left_ = looks_between_reads;
}

void live_locks::look_at(const std::set<std::string>& ids) {
  for (const std::string& id : ids) {
    if (!may_look()) return;
    --looks_left_;
    try {
      const lock_changes changes = locks_.replace(id, client_->inspect(id));
      if (changes.any()) send(changes_piece(changes, false));
    } catch (const std::exception&) {
      return;  // the next read says what is wrong
    }
  }
  next_look_ = clock::now() + pause_of_looks;
}

void live_locks::admit(std::vector<std::shared_ptr<http_stream>> viewers) {
  if (viewers.empty()) return;
  const piece about = about_piece();
  const piece state = state_piece();
  const piece all = read_at_ ? changes_piece(locks_.all(), true) : nullptr;
  for (std::shared_ptr<http_stream>& each : viewers) {
    if (each->send(about) && (!all || each->send(all)) && each->send(state)) viewers_.push_back(std::move(each));
  }
}

void live_locks::send(const piece& text) {
  std::erase_if(viewers_, [&](const auto& each) { return !each->send(text); });
}

std::string live_locks::lock_reply(const std::string& id) {
  const std::optional<dlock::lock_state> lock = client_->inspect(id);
  std::string runs = "null";
  try {
    runs = runs_line(client_->history(id));
  } catch (const dlock::error& problem) {
    if (problem.code() != dlock::errc::not_authorized) throw;  // it is a right of its own
  }
  json grants = json::array();
  {
    const std::lock_guard guard(mutex_);
    for (const seen_grant& each : grants_.of(id)) grants.push_back(to_json(each));
  }
  return "{\"lock\":" + (lock ? lock_line(*lock) : "null") + ",\"runs\":" + runs + ",\"grants\":" + dumped(grants) +
         ",\"listening_since\":\"" + iso(listening_since_) + "\"}\n";
}

void live_locks::reply(const question& asked) {
  if (!asked.id) {
    if (problem_.empty()) return asked.answer(json_reply(joined(locks_.all().locks) + "\n"));
    return asked.answer(text_reply(503, problem_ + "\n"));
  }
  // In an outage only one question waits for its end. The others get their answer from that one's.
  if (!problem_.empty() && clock::now() < next_read_) return asked.answer(text_reply(503, problem_ + "\n"));
  try {
    if (!client_) contact();
    asked.answer(json_reply(lock_reply(*asked.id)));
    problem_.clear();
  } catch (const dlock::error& problem) {
    const bool wrong = problem.code() == dlock::errc::invalid_argument || problem.code() == dlock::errc::not_a_lock;
    if (wrong) return asked.answer(text_reply(400, without_secrets(problem.what()) + "\n"));
    fail(problem);
    next_read_ = clock::now() + shortest_pause;
    asked.answer(text_reply(503, problem_ + "\n"));
  }
}

live_locks::piece live_locks::changes_piece(const lock_changes& changes, bool full) const {
  const auto at = locks_.at();
  std::string data = std::string("{\"full\":") + (full ? "true" : "false");
  data += ",\"at\":" + (at ? "\"" + iso(*at) + "\"" : "null") + ",\"locks\":" + joined(changes.locks);
  data += ",\"gone\":" + joined(changes.gone) + "}";
  return std::make_shared<const std::string>(event_of("locks", data));
}

live_locks::piece live_locks::about_piece() const {
  const json about{{"version", dlock::version()},
                   {"collection", options_.client.db + "." + options_.client.coll},
                   {"prefix", options_.prefix},
                   {"long_hold", options_.long_hold.count()},
                   {"long_wait", options_.long_wait.count()}};
  return std::make_shared<const std::string>(event_of("about", dumped(about)));
}

live_locks::piece live_locks::state_piece() const {
  const auto at = locks_.at();
  json state{
      {"at", at ? json(iso(*at)) : json(nullptr)}, {"age", nullptr}, {"problem", nullptr}, {"events_problem", nullptr}};
  if (read_at_) state["age"] = std::chrono::duration<double>(clock::now() - *read_at_).count();
  if (!problem_.empty()) state["problem"] = problem_;
  if (client_) {
    const dlock::notification_status events = client_->notifications();
    if (events.now == dlock::notification_status::state::failing) state["events_problem"] = events.problem;
  }
  return std::make_shared<const std::string>(event_of("state", dumped(state)));
}

void live_locks::fail(const std::exception& problem) {
  problem_ = without_secrets(printable(problem.what()));
}

}  // namespace dlock::cli
