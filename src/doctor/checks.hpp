#pragma once

#include <vector>

#include <dlock/doctor.hpp>

#include "store/facts.hpp"

/// The checks: each judges a part of the facts, and says at least one line about it. Pure.
namespace dlock::doctor {

// The servers.
void check_members(const facts& f, std::vector<diagnosis>& out);
void check_majority(const facts& f, std::vector<diagnosis>& out);
void check_topology(const facts& f, std::vector<diagnosis>& out);
void check_versions(const facts& f, std::vector<diagnosis>& out);
void check_clocks(const facts& f, std::vector<diagnosis>& out);
void check_this_clock(const facts& f, std::vector<diagnosis>& out);

// This client.
void check_url(const facts& f, std::vector<diagnosis>& out);
void check_pool(const facts& f, std::vector<diagnosis>& out);
void check_tls(const facts& f, std::vector<diagnosis>& out);
void check_driver(const facts& f, std::vector<diagnosis>& out);

// Rights.
void check_rights(const facts& f, std::vector<diagnosis>& out);
void check_more_rights(const facts& f, std::vector<diagnosis>& out);

// Collections.
void check_index(const facts& f, std::vector<diagnosis>& out);
void check_channel(const facts& f, std::vector<diagnosis>& out);
void check_foreign(const facts& f, std::vector<diagnosis>& out);
void check_numbers(const facts& f, std::vector<diagnosis>& out);
void check_overdue(const facts& f, std::vector<diagnosis>& out);
void check_sizes(const facts& f, std::vector<diagnosis>& out);

/// All of them. If there is no primary, only those of the servers and of this client.
[[nodiscard]] std::vector<diagnosis> judged(const facts& f);

}  // namespace dlock::doctor
