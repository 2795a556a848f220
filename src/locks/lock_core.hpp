#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dlock/acquire_all.hpp>

#include "client/validate.hpp"
#include "runtime/lease_state.hpp"
#include "runtime/runtime.hpp"

namespace dlock::detail {

/// One participant of one lock. It has at most one acquisition that is in progress or held. All kinds of locks are
/// built on it: a kind is a capacity, and a weight for each way to acquire it.
class lock_core {
 public:
  /// `cap`: the capacity of a semaphore, else 0. `election`: to hold it is to lead.
  lock_core(std::shared_ptr<runtime> c, lock_settings s, std::int64_t cap = 0, bool election = false)
      : core(std::move(c)), settings(std::move(s)), capacity(cap), elects(election) {}
  lock_core(const lock_core&) = delete;
  lock_core& operator=(const lock_core&) = delete;
  ~lock_core() { drop(core); }

  std::shared_ptr<runtime> core;
  const lock_settings settings;
  const std::int64_t capacity;
  const bool elects;

  /// `weight` 0: exclusive. `value`: what the holder publishes; none: the note of the settings.
  [[nodiscard]] acquisition acquire(std::int64_t weight, const wait_options& options, std::string value = {});
  /// The same without waiting. `done` is called on a thread of the library, once. Throws error if nothing was begun.
  static void acquire(const std::shared_ptr<lock_core>& lock, std::int64_t weight, const wait_options& options,
                      acquire_callback done, std::string value = {});
  /// Releases what is held, if anything is held.
  [[nodiscard]] release_result release();
  /// Changes what this participant holds: see runtime::amend.
  [[nodiscard]] runtime::amended amend(std::optional<std::int64_t> weight, std::optional<std::string> value,
                                       const std::string& doing);

 private:
  class attempt;
  [[nodiscard]] protocol::acquire_plan plan(std::int64_t weight, const wait_options& options, std::string value);
  [[nodiscard]] bool begin();
  void end(std::shared_ptr<lease_state> acquired);
  [[nodiscard]] std::shared_ptr<lease_state> current();

  std::mutex guard_;
  bool acquiring_ = false;
  std::shared_ptr<lease_state> current_;
};

/// Gives the kinds of locks access to private parts of the public handles.
struct claimed {
  [[nodiscard]] static lock_core& lock_of(const claim& c) { return *c.lock_; }
  [[nodiscard]] static std::int64_t weight_of(const claim& c) { return c.weight_; }
  /// `in_background`: its destructor does not wait.
  [[nodiscard]] static lease make_lease(std::shared_ptr<runtime> core, std::shared_ptr<lease_state> record,
                                        bool in_background = false);
  /// `leases`: one for each of `locks`.
  [[nodiscard]] static lease_set make_set(const std::vector<claim>& locks, std::vector<lease> leases);
  /// Releases all of them and waits for the answers, until `until` at most for all together. A release that is not
  /// answered by then goes on in the background.
  static void give_back(std::vector<lease>& all, protocol::ms until) noexcept;
};

}  // namespace dlock::detail
