// What anybody may write into the notification database.
#include "fuzz.hpp"
#include "protocol/event.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dlock::protocol;
  bson_t b;
  if (!bson_init_static(&b, data, size)) return 0;
  if (const auto g = parse_grant(&b)) {
    require(is_token(g->fence, g->since), "a grant has a possible token");
    require(parse_grant(grant_document("me", *g).get()) == g, "a grant comes back");
  }
  if (const auto r = parse_revocation(&b)) {
    require(parse_revocation(revocation_document("me", *r).get()) == r, "a revocation comes back");
  }
  if (const auto r = parse_recall(&b)) {
    require(parse_recall(recall_document("me", *r).get()) == r, "a recall comes back");
  }
  if (const auto a = parse_announcement(&b)) {
    require(a->token == 0 || is_token(a->token, a->at), "an announcement has a possible token");
    require(parse_announcement(announcement_document(*a).get()) == a, "an announcement comes back");
  }
  (void)is_gap(&b);
  return 0;
}
