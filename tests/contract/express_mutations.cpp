// Mutations of the express form.
#include "contract/pipeline_mutations.hpp"
#include "protocol/express.hpp"

namespace dlock::testing {

using namespace protocol;

namespace {

mutation in_express(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(as_written(from), as_written(to), express_command), .how = mode::express}};
}
mutation express_key(const char* name, const std::string& from, const std::string& to) {
  return {name, {.command = with_text(from, to, express_command), .how = mode::express}};
}

}  // namespace

std::vector<mutation> of_the_express_form() {
  return {
      in_express("a waiter is overlooked", R"("$waiters")", "[]"),
      in_express("a tombstone is overlooked", R"("$gone")", "[]"),
      in_express("mongo-dlock is overlooked", R"("$mine")", R"("$ct")"),
      express_key("a holder is overlooked", R"("holders" : { "$size" : { "$numberLong" : "0" } }, )", ""),
      express_key("another holder is overlooked", R"("holders" : { "$size" : { "$numberLong" : "1" } }, )", ""),
      {"somebody else's holder is released or renewed",
       {.command =
            [](request r, const command_options& options) {
              const std::string mine = "\"holders.id\" : " + as_written("\"" + std::string("?") + "\"");
              r.id = "?";
              return replaced(express_command(r, options).get(), mine, R"("holders.id" : { "$exists" : true })");
            },
        .how = mode::express}},
      express_key("a revoked holder is renewed", R"("holders.revoked" : { "$exists" : false }, )", ""),
      in_express("a holder that has expired is renewed", R"({"$max": "$holders.until"})",
                 R"({"$literal": {"$date": {"$numberLong": "9999999999999"}}})"),
      in_express("what was admitted is forgotten", R"({"$type": "$admitted"})", R"("missing")"),
      express_key("what no server has written is taken for a fence", R"({ "$numberLong" : "31535990000" })",
                  R"({ "$numberLong" : "1000000000000000" })"),
      express_key("a rev may be as high as it likes", R"(, "$lt" : { "$numberLong" : "9007199254740000" })", ""),
      express_key("a rev may be below zero", R"("$gte" : { "$numberInt" : "0" }, )", ""),
      express_key("the token is behind the clock", R"({ "$numberInt" : "1" } ] } ] }, { "$numberInt" : "-3" })",
                  R"({ "$numberInt" : "100000" } ] } ] }, { "$numberInt" : "-3" })"),
      express_key("the token is the last one again", R"({ "$add" : [ { "$numberInt" : "1000" },)",
                  R"({ "$add" : [ { "$numberInt" : "0" },)"),
      express_key("the revision stays", R"({ "$add" : [ "$rev", { "$numberLong" : "1" } ] })", R"("$rev")"),
      express_key("the lock is not marked", R"("lockd" : { "$numberInt" : "1" }, )", ""),
      express_key("nobody counts it as ours", R"("mine" : { "$date")", R"("mines" : { "$date")"),
      express_key("the capacity is lost", R"("cap" : "$cap", )", ""),
      express_key("when the capacity was changed is forgotten", R"("resized" : "$resized", )", ""),
      express_key("the value is lost", R"("value" : )", R"("values" : )"),
      express_key("et has no end", R"("et" : { "$add" : [)", R"("et" : { "$max" : [)"),
      express_key("another capacity is overlooked", R"("long", "long", "missing", "long" ])",
                  R"("long", "long", "missing", { "$type" : "$cap" } ])"),
      express_key("a renewal may shorten",
                  R"("holders.until" : { "$max" : [ { "$add" : [ { "$max" : "$holders.until" })",
                  R"("holders.until" : { "$max" : [ { "$add" : [ { "$min" : "$none" })"),
      express_key("an heir that has renewed counts as not told", R"("holders.announced" : true)",
                  R"("holders.announced" : false)"),
  };
}

}  // namespace dlock::testing
