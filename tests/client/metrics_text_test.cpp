// The text of metrics, as Prometheus reads it.
#include <dlock/metrics.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace dlock {
namespace {

using namespace std::chrono_literals;

metrics_snapshot something() {
  metrics_snapshot m;
  lock_metrics orders{.what = lock_metrics::kind::exclusive, .label = "order"};
  orders.acquired = 3;
  orders.busy = 1;
  orders.waited.counts = {2, 0, 1};
  orders.waited.sum = std::chrono::microseconds{2500};
  orders.waiting = 4;
  orders.held = 2;
  orders.expired = 1;
  lock_metrics odd{.what = lock_metrics::kind::permits, .label = "\"a\\b\"\n\xff{}"};
  odd.acquired = 1;
  odd.held_for.counts.back() = 1;
  odd.held_for.sum = 20'000s;
  m.locks = {orders, odd};
  command_metrics enqueue{.name = "enqueue"};
  enqueue.answered = 7;
  enqueue.in_doubt = 1;
  enqueue.took.counts = {0, 7};
  enqueue.took.sum = 5ms;
  m.commands = {enqueue};
  m.renewed = 9;
  m.left_at_renewal.counts[8] = 9;
  m.left_at_renewal.sum = 20s;
  m.least_left_at_renewal = 1834ms;
  m.elections_led = 1;
  return m;
}

/// A text, read as the format says: each metric has its help and type before its samples, which stand together.
struct parsed {
  std::map<std::string, std::string> types;  // by metric
  std::map<std::string, double> samples;     // by name and labels
  std::vector<std::string> order;            // of the samples

  explicit parsed(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n'));
    static const std::regex help(R"(# HELP ([a-z_]+) \S.*\.)"), type(R"(# TYPE ([a-z_]+) (counter|gauge|histogram))"),
        sample(R"re(([a-z_]+)(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)+\})? ([0-9]+(\.[0-9]+)?))re");
    std::istringstream lines(text);
    std::string line, metric;
    std::smatch got;
    std::string helped;
    while (std::getline(lines, line)) {
      if (std::regex_match(line, got, help)) {
        helped = got[1];
        EXPECT_FALSE(types.contains(helped)) << "twice: " << line;
      } else if (std::regex_match(line, got, type)) {
        metric = got[1];
        EXPECT_EQ(metric, helped);
        types[metric] = got[2];
      } else if (std::regex_match(line, got, sample)) {
        const std::string name = got[1];
        std::set<std::string> names{metric};
        if (types[metric] == "histogram") names = {metric + "_bucket", metric + "_sum", metric + "_count"};
        EXPECT_TRUE(names.contains(name)) << line << " after " << metric;
        EXPECT_EQ(types[metric] == "counter", name.ends_with("_total")) << line;
        const auto key = name + std::string(got[2]);
        EXPECT_TRUE(samples.emplace(key, std::stod(got[5])).second) << "twice: " << line;
        order.push_back(key);
      } else {
        ADD_FAILURE() << "not in the format: " << line;
      }
    }
  }
};

TEST(MetricsText, IsInTheFormat) {
  const parsed p(to_prometheus(something()));
  EXPECT_EQ(p.types.size(), 14U);
  const parsed empty(to_prometheus({}));
  EXPECT_EQ(empty.types.size(), 13U) << "without a renewal there is no least";
}

TEST(MetricsText, HasTheNumbers) {
  auto p = parsed(to_prometheus(something())).samples;
  const std::string order = "{kind=\"exclusive\",lock=\"order\"";
  EXPECT_EQ(p.at("dlock_client_acquisitions_total" + order + ",outcome=\"acquired\"}"), 3);
  EXPECT_EQ(p.at("dlock_client_acquisitions_total" + order + ",outcome=\"busy\"}"), 1);
  EXPECT_EQ(p.at("dlock_client_waiting" + order + "}"), 4);
  EXPECT_EQ(p.at("dlock_client_held" + order + "}"), 2);
  EXPECT_EQ(p.at("dlock_client_losses_total" + order + ",reason=\"expired\"}"), 1);
  EXPECT_EQ(p.at("dlock_client_renewals_total{result=\"renewed\"}"), 9);
  EXPECT_EQ(p.at("dlock_client_renewal_least_validity_left_seconds"), 1.834);
  EXPECT_EQ(p.at("dlock_client_commands_total{command=\"enqueue\",result=\"answered\"}"), 7);
  EXPECT_EQ(p.at("dlock_client_commands_in_doubt_total{command=\"enqueue\"}"), 1);
  EXPECT_EQ(p.at("dlock_client_command_seconds_sum{command=\"enqueue\"}"), 0.005);
  EXPECT_EQ(p.at("dlock_client_notifications_up"), 1);
  EXPECT_EQ(p.at("dlock_client_elections_led"), 1);
  auto down = something();
  down.notifications_up = false;
  EXPECT_EQ(parsed(to_prometheus(down)).samples.at("dlock_client_notifications_up"), 0);
}

TEST(MetricsText, ItsHistogramsAreCumulative) {
  const parsed p(to_prometheus(something()));
  std::vector<std::pair<std::string, double>> buckets;
  const std::string name = "dlock_client_wait_seconds_bucket{kind=\"exclusive\",lock=\"order\",le=\"";
  for (const auto& key : p.order) {
    if (key.starts_with(name)) buckets.emplace_back(key.substr(name.size()), p.samples.at(key));
  }
  ASSERT_EQ(buckets.size(), duration_histogram::bounds.size() + 1);
  EXPECT_EQ(buckets[0], std::pair(std::string("0.0003\"}"), 2.0));
  EXPECT_EQ(buckets[1], std::pair(std::string("0.001\"}"), 2.0));
  EXPECT_EQ(buckets[2], std::pair(std::string("0.003\"}"), 3.0));
  EXPECT_EQ(buckets[15], std::pair(std::string("10000\"}"), 3.0));
  EXPECT_EQ(buckets[16], std::pair(std::string("+Inf\"}"), 3.0));
  const std::string rest = "{kind=\"exclusive\",lock=\"order\"}";
  EXPECT_EQ(p.samples.at("dlock_client_wait_seconds_count" + rest), 3);
  EXPECT_EQ(p.samples.at("dlock_client_wait_seconds_sum" + rest), 0.0025);
}

TEST(MetricsText, PassesPromtool) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "there is no promtool";
  auto* const promtool = popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  std::fputs(to_prometheus(something()).c_str(), promtool);
  EXPECT_EQ(pclose(promtool), 0);
}

TEST(MetricsText, LabelsOfUsersAreEscaped) {
  const parsed p(to_prometheus(something()));
  EXPECT_TRUE(p.samples.contains(R"(dlock_client_held{kind="permits",lock="\"a\\b\"\\x0a\\xff{}"})"));
}

}  // namespace
}  // namespace dlock
