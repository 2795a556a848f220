#include "verbs.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <dlock/clock.hpp>
#include <dlock/doctor.hpp>

#include "arguments.hpp"
#include "certificate.hpp"
#include "doctor_report.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "output.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

std::vector<option> option_table(doctor_options& out, connection_arguments& connection) {
  return connection.table(
      {{0, "write", "", "", "also acquire a lock of its own, hand it over to a second\nclient, and release it",
        [&](const std::string&) { out.write = true; }},
       {0, "json", "", "", "print a JSON object", [&](const std::string&) { out.json = true; }}},
      {{0, "clock_skew", "", "DURATION", "the clock_skew that your clients use. Default: 500ms",
        [&](const std::string& v) {
          out.client.clock_skew = parse_duration("--clock_skew", v, {.bare_seconds = false, .zero = true});
        }}});
}

}  // namespace

doctor_options parse_doctor(const std::vector<std::string>& arguments) {
  doctor_options out;
  connection_arguments connection(out);
  const operands operands = parse_arguments("doctor", option_table(out, connection), arguments, 0);
  if (out.help) return out;
  refuse_operands("doctor", operands, "see 'dlock doctor --help'");
  connection.finish();
  return out;
}

manual doctor_manual() {
  doctor_options out;
  connection_arguments connection(out);
  std::string notes(help_on_servers);
  notes +=
      "\n"
      "Without --write, nothing is changed, and it takes at most 5 seconds, also if a member is down.\n"
      "Give it the --grace and --clock_skew of your clients. --connect-timeout does not matter.\n";
  return {
      .verb = "doctor",
      .operands = "[OPTIONS]",
      .summary = "find what is wrong with servers, rights and collections",
      .usages = {"[OPTIONS]"},
      .intro =
          "Examines what the locks depend on: members, clocks, versions, rights, TLS, the TTL index, the "
          "notifications,\n"
          "the documents. It prints a line for each check: what was seen, what follows from it, and how to mend it.\n"
          "A finding is something that is wrong. A hint is worth knowing.\n",
      .options = option_table(out, connection),
      .notes = std::move(notes),
      .statuses = {{"0", "nothing is wrong; there may be hints"},
                   {"1", "there are findings"},
                   {"125", "dlock cannot look, or itself failed"}},
  };
}

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_look{4800};  // without --write
constexpr milliseconds longest_wait{1500};  // for certificates

void judge_certificates(dlock::examination& seen, milliseconds limit) {
  std::vector<std::string> hosts;
  for (const auto& each : seen.members) {
    if (seen.tls && each.reachable) hosts.push_back(each.host);
  }
  const auto lives = lives_of_certificates(hosts, limit);
  for (std::size_t i = 0; i < hosts.size(); ++i) seen.diagnoses.push_back(judge_certificate(hosts[i], lives[i]));
}

}  // namespace

int cmd_doctor(const std::vector<std::string>& arguments, process_title) {
  const doctor_options options = parse_doctor(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(doctor_manual()));
  fill_standard_streams();
  const auto begin = dlock::boot_clock::now();
  dlock::examination seen = dlock::examine(options.client_with_url(), {.write = options.write});
  const auto left = std::chrono::floor<milliseconds>(begin + longest_look - dlock::boot_clock::now());
  judge_certificates(seen, options.write ? longest_wait : std::clamp(left, milliseconds(0), longest_wait));
  const int status = worst_of(seen) == dlock::severity::finding ? exit_nothing : exit_ok;
  // By _exit, because the driver's threads take half a second to end.
  _exit(print_and_return(status, options.json ? doctor_json(seen) : doctor_text(seen)));
}

}  // namespace dlock::cli
