#include "doctor/checks.hpp"

namespace dlock::doctor {

std::vector<diagnosis> judged(const facts& f) {
  std::vector<diagnosis> out;
  for (const auto check : {check_members, check_majority, check_topology, check_versions, check_clocks,
                           check_this_clock, check_url, check_pool, check_tls, check_driver}) {
    check(f, out);
  }
  if (!f.contact.done()) return out;
  for (const auto check : {check_rights, check_more_rights, check_index, check_channel, check_foreign, check_numbers,
                           check_overdue, check_sizes}) {
    check(f, out);
  }
  return out;
}

}  // namespace dlock::doctor
