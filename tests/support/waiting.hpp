#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <utility>

#include <dlock/clock.hpp>
#include <dlock/error.hpp>

namespace dlock::testing {

/// How long `f` took.
template <typename F>
std::chrono::milliseconds time_of(F&& f) {
  const auto before = boot_clock::now();
  std::forward<F>(f)();
  return std::chrono::ceil<std::chrono::milliseconds>(boot_clock::now() - before);
}

/// What `f` throws.
template <typename F>
error error_of(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const error& e) {
    return e;
  }
  ADD_FAILURE() << "no error";
  return {errc::server, ""};
}

/// `options`, but with a change.
template <typename Options, typename Change>
Options changed(Options options, const Change& change) {
  change(options);
  return options;
}

/// Repeats `condition` until it is so.
template <typename F>
bool eventually(F&& condition, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  const auto end = boot_clock::now() + limit;
  while (!condition()) {
    if (boot_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace dlock::testing
