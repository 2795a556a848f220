#include "protocol/plausible.hpp"

#include <vector>

namespace dlock::protocol {

std::string defect(const document& d, ms now) {
  if (d.fence < 0 || d.fence >= end_of_tokens(now)) return "fence";
  if (d.rev < 0 || d.rev >= token_limit) return "rev";
  return {};
}

void drop_strange_tokens(reply& r) {
  std::erase_if(r.heirs, [&](const heir& h) { return !is_token(h.fence, r.now); });
  if (r.first && !is_token(r.first->fence, r.now)) r.first->fence = 0;
}

void drop_strange_tokens(document& d, ms now) {
  for (auto& h : d.holders) {
    if (!is_token(h.fence, now)) h.fence = 0;
  }
}

}  // namespace dlock::protocol
