// What a server may answer, whatever somebody wrote into the collection.
#include "fuzz.hpp"
#include "protocol/batch.hpp"
#include "protocol/lookup.hpp"
#include "protocol/reply.hpp"

namespace {

void require_tokens(const dlock::protocol::reply& r) {
  using dlock::protocol::is_token;
  require(!r.first || r.first->fence == 0 || is_token(r.first->fence, r.now), "the first holder has a possible token");
  for (const auto& h : r.heirs) require(is_token(h.fence, r.now), "an heir has a possible token");
  require(r.place >= -1 && r.holders >= 0 && r.queue >= 0, "a number of entries is one");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dlock::protocol;
  bson_t b;
  if (!bson_init_static(&b, data, size)) return 0;
  const auto s = parse_snapshot(&b);
  require(!s.valid || (s.what.fence >= 0 && s.what.fence < end_of_tokens(s.now)), "a lock has a possible token");
  for (const auto& h : s.what.holders)
    require(!s.valid || h.fence == 0 || is_token(h.fence, s.now), "its holders have possible tokens, or none");
  for (const bool observed : {false, true}) {
    const auto r = parse_reply(&b, observed);
    require(!r.found || !r.valid || (r.fence >= 0 && r.fence < end_of_tokens(r.now)), "a reply has a possible token");
    require(!r.found || !r.valid || (r.rev >= 0 && r.rev < token_limit), "a reply has a possible revision");
    require_tokens(r);
  }
  for (const auto op : {operation::enqueue, operation::release}) {
    const request r{.op = op, .lock = "job", .id = "a1"};
    if (const auto brief = parse_short_reply(&b, r)) require_tokens(*brief);
    const auto together = parse_batch_reply(&b, {r, r});
    require(together.size() == 2, "a batch has a reply for each request");
    for (const auto& one : together) require_tokens(one);
  }
  return 0;
}
