#include "history.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <dlock/error.hpp>
#include <system_error>
#include <utility>

#include "clock.hpp"

namespace chaos {

history::history(const std::string& path, std::string process)
    : process_(std::move(process)), fd_(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot write the history " + path);
}

history::~history() {
  close(fd_);
}

void history::write(const char* event, const json& fields) {
  json line{{"t", monotonic_ns()}, {"p", process_}, {"e", event}};
  line.update(fields);
  // An id may be anything; what is not UTF-8 must not end the run.
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
  if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::system_error(errno, std::generic_category(), "cannot write the history");
  }
}

recorded_call::recorded_call(history& into, json fields) : into_(into), number_(++into.calls_) {
  json all{{"c", number_}};
  all.update(fields);
  into_.write("call", all);
  starved_ = starved_ns();  // outside of the time that is taken: the thread may wait for a processor just here
  began_ = monotonic_ns();
}

void recorded_call::queued() {
  if (std::exchange(queued_, true)) return;
  const auto before = monotonic_ns(), starved = starved_ns();
  into_.write("queued", {{"c", number_}});
  starved_ += starved_ns() - starved;
  wrote_ += monotonic_ns() - before;
}

void recorded_call::returned(const char* what, json more) {
  const auto took = monotonic_ns() - began_ - wrote_;
  const auto starved = starved_ns() - starved_;
  json all{{"c", number_}, {"what", what}, {"took", took / 1'000'000}, {"starved", starved / 1'000'000}};
  all.update(more);
  into_.write("return", all);
}

void recorded_call::failed(const std::exception& e) {
  const auto* ours = dynamic_cast<const dlock::error*>(&e);
  returned("error", {{"in_doubt", ours == nullptr || ours->in_doubt()},
                     {"code", ours != nullptr ? dlock::to_string(ours->code()) : "?"},
                     {"why", e.what()}});
}

}  // namespace chaos
