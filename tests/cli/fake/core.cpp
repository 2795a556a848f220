#include "core.hpp"

#include <set>

namespace dlock::detail {

using std::chrono::milliseconds;

void runtime::announce(const char* what, const std::string& id, std::int64_t token) const {
  const std::string line = std::string(what) + '\t' + id + '\t' + std::to_string(token) + '\t' + who() + '\n';
  std::ofstream(directory / "events", std::ios::app) << line << std::flush;  // in one write
}

void runtime::connect() const {
  const auto deadline = boot_clock::now() + options.connect_timeout;
  while (is("outage")) {
    if (boot_clock::now() >= deadline)
      throw error(errc::unavailable, "no contact with the server", {.retryable = true});
    std::this_thread::sleep_for(milliseconds(5));
  }
}

void runtime::reach(boot_clock::time_point deadline, const std::stop_token& stop) const {
  while ((is("outage") || is("silent")) && !stop.stop_requested()) {
    if (boot_clock::now() >= deadline) throw error(errc::unavailable, "no answer from the server", {.retryable = true});
    std::this_thread::sleep_for(milliseconds(5));
  }
}

int runtime::newest(const std::string& id) const {
  int number = 0;
  while (std::filesystem::exists(file(id, number + 1))) ++number;
  return number;
}

document runtime::read(const std::string& id, int number) const {
  std::ifstream in(file(id, number));
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return parse_document(text.str());
}

std::vector<std::string> runtime::ids() const {
  std::set<std::string> found;
  for (const auto& each : std::filesystem::directory_iterator(directory)) {
    const std::string name = each.path().filename();
    if (name.starts_with("lock-")) found.insert(name.substr(5, name.rfind('.') - 5));
  }
  return {found.begin(), found.end()};
}

void runtime::in_background(std::function<void()> job) {
  {
    const std::lock_guard hold(mutex_);
    ++jobs_;
  }
  std::thread([this, job = std::move(job)] {
    job();
    const std::lock_guard hold(mutex_);
    --jobs_;
    idle_.notify_all();
  }).detach();
}

void runtime::close() {
  std::unique_lock hold(mutex_);
  idle_.wait_for(hold, std::chrono::seconds(1), [&] { return jobs_ == 0; });
}

}  // namespace dlock::detail
