#include <dlock/metrics.hpp>

#include <string_view>
#include <utility>

#include <dlock/client.hpp>
#include <dlock/text.hpp>

#include "runtime/runtime.hpp"

namespace dlock {
namespace {

using std::chrono::microseconds;
using lock_kind = lock_metrics::kind;

/// In seconds, as Prometheus wants it: "0.0003", "10000". It does not depend on the locale.
std::string as_seconds(microseconds d) {
  constexpr std::int64_t kSecond = 1'000'000;
  std::string text = std::to_string(d.count() / kSecond);
  const auto rest = d.count() % kSecond;
  if (rest == 0) return text;
  const auto digits = std::to_string(kSecond + rest).substr(1);
  return text + "." + digits.substr(0, digits.find_last_not_of('0') + 1);
}

/// Makes a label's value printable, and escapes it for the text format.
std::string escaped(std::string_view label) {
  std::string out;
  for (const char c : printable(label)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// Writes one metric after the other.
class writer_of_text {
 public:
  /// The samples of this metric follow.
  void metric(const std::string& name, const char* type, const char* help) {
    name_ = "dlock_client_" + name;
    out_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
  }
  void sample(const std::string& labels, const std::string& value, const char* suffix = "") {
    out_ += name_ + suffix + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
  }
  void sample(const std::string& labels, std::uint64_t value) { sample(labels, std::to_string(value)); }
  void histogram(const std::string& labels, const duration_histogram& h) {
    const std::string before = labels.empty() ? "" : labels + ",";
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
      below += h.counts[i];
      const auto end = i < h.bounds.size() ? as_seconds(h.bounds[i]) : "+Inf";
      sample(before + "le=\"" + end + "\"", std::to_string(below), "_bucket");
    }
    sample(labels, as_seconds(h.sum), "_sum");
    sample(labels, std::to_string(below), "_count");
  }
  [[nodiscard]] std::string text() && { return std::move(out_); }

 private:
  std::string name_, out_;
};

std::string labels_of(const lock_metrics& m) {
  return "kind=\"" + std::string(to_string(m.what)) + "\"" +
         (m.label.empty() ? "" : ",lock=\"" + escaped(m.label) + "\"");
}

void write_locks(writer_of_text& to, const std::vector<lock_metrics>& all) {
  to.metric("acquisitions_total", "counter", "Calls that acquire a lock, by how they ended.");
  for (const auto& m : all) {
    const auto sample = [&](const char* outcome, std::uint64_t n) {
      to.sample(labels_of(m) + ",outcome=\"" + outcome + "\"", n);
    };
    sample("acquired", m.acquired);
    sample("busy", m.busy);
    sample("timed_out", m.timed_out);
    sample("cancelled", m.cancelled);
    sample("failed", m.failed);
  }
  to.metric("wait_seconds", "histogram", "Time from the beginning of a call to its grant.");
  for (const auto& m : all) to.histogram(labels_of(m), m.waited);
  to.metric("waiting", "gauge", "Calls that acquire a lock and have not ended.");
  for (const auto& m : all) to.sample(labels_of(m), m.waiting);
  to.metric("held", "gauge", "Leases that are held.");
  for (const auto& m : all) to.sample(labels_of(m), m.held);
  to.metric("hold_seconds", "histogram", "Time from a grant to the release or the loss.");
  for (const auto& m : all) to.histogram(labels_of(m), m.held_for);
  to.metric("losses_total", "counter", "Leases that were lost, by the reason.");
  for (const auto& m : all) {
    const auto sample = [&](const char* reason, std::uint64_t n) {
      to.sample(labels_of(m) + ",reason=\"" + reason + "\"", n);
    };
    sample("expired", m.expired);
    sample("removed", m.removed);
    sample("revoked", m.revoked);
    sample("found_at_release", m.found_at_release);
  }
}

void write_renewals(writer_of_text& to, const metrics_snapshot& m) {
  to.metric("renewals_total", "counter", "Renewals of leases, by what became of them.");
  to.sample("result=\"renewed\"", m.renewed);
  to.sample("result=\"failed\"", m.renewals_failed);
  to.sample("result=\"too_late\"", m.renewals_too_late);
  to.sample("result=\"lost\"", m.renewals_lost);
  to.metric("renewal_validity_left_seconds", "histogram", "What was left of a lease when its renewal was answered.");
  to.histogram("", m.left_at_renewal);
  if (!m.least_left_at_renewal) return;
  to.metric("renewal_least_validity_left_seconds", "gauge", "The least that was left of a lease at a renewal.");
  to.sample("", as_seconds(*m.least_left_at_renewal));
}

void write_commands(writer_of_text& to, const std::vector<command_metrics>& all) {
  to.metric("commands_total", "counter", "Commands to the server, by what became of them.");
  const auto name = [](const command_metrics& m) { return "command=\"" + m.name + "\""; };
  for (const auto& m : all) {
    to.sample(name(m) + ",result=\"answered\"", m.answered);
    to.sample(name(m) + ",result=\"no_answer\"", m.no_answer);
    to.sample(name(m) + ",result=\"refused\"", m.refused);
  }
  to.metric("commands_in_doubt_total", "counter", "Commands without a clear answer that may have been executed.");
  for (const auto& m : all) to.sample(name(m), m.in_doubt);
  to.metric("command_seconds", "histogram", "Time from the sending of a command to its answer.");
  for (const auto& m : all) to.histogram(name(m), m.took);
}

}  // namespace

std::uint64_t duration_histogram::count() const noexcept {
  std::uint64_t all = 0;
  for (const auto n : counts) all += n;
  return all;
}

const char* to_string(lock_kind value) noexcept {
  switch (value) {
    case lock_kind::exclusive:
      return "exclusive";
    case lock_kind::shared:
      return "shared";
    case lock_kind::permits:
      return "permits";
    case lock_kind::election:
      return "election";
  }
  return "unknown";
}

std::string to_prometheus(const metrics_snapshot& m) {
  writer_of_text to;
  write_locks(to, m.locks);
  write_renewals(to, m);
  write_commands(to, m.commands);
  to.metric("notifications_up", "gauge", "1 unless a part of the notifications fails.");
  to.sample("", std::uint64_t{m.notifications_up ? 1U : 0U});
  to.metric("elections_led", "gauge", "Elections that this client leads.");
  to.sample("", m.elections_led);
  return std::move(to).text();
}

metrics_snapshot client::metrics() const {
  return core().metrics();
}

}  // namespace dlock
