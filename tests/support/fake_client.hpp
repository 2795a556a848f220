#pragma once

#include <memory>
#include <utility>

#include <dlock/client.hpp>

#include "client/validate.hpp"
#include "runtime/runtime.hpp"
#include "support/environments.hpp"
#include "support/fake_store.hpp"

namespace dlock::detail {

/// The friend that dlock::client has for tests: makes one on any store.
struct testing {
  static client make(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
                     std::size_t threads, std::shared_ptr<environment> env) {
    auto checked = validated(std::move(options));
    auto log = logger::make(checked.log);
    return client(std::make_shared<runtime>(std::move(checked), std::move(where), std::move(notices),
                                            std::make_shared<worker_pool>(threads), std::move(log), std::move(env)));
  }
};

}  // namespace dlock::detail

namespace dlock::testing {

/// A store in memory whose clock is an hour away from that of its client.
[[nodiscard]] inline std::shared_ptr<fake_store> running_store(
    std::shared_ptr<environment> env = std::make_shared<real_environment>()) {
  return std::make_shared<fake_store>([env = std::move(env)] { return env->now_ms() + 3'600'000; });
}

[[nodiscard]] inline client fake_client(std::shared_ptr<store> where, client_options options = {},
                                        std::size_t threads = 16, std::shared_ptr<channel> notices = nullptr,
                                        std::shared_ptr<environment> env = std::make_shared<real_environment>()) {
  return detail::testing::make(std::move(options), std::move(where), std::move(notices), threads, std::move(env));
}

}  // namespace dlock::testing
