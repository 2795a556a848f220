#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dlock/error.hpp>
#include <dlock/members.hpp>

#include "store/survey.hpp"

/// What examine() reads of a deployment before it judges. Plain values, so that the judgement can be tested without a
/// server.
namespace dlock {

/// How an attempt to read something has ended.
struct looked {
  enum class end {
    done,
    refused,  // the server refused it: a right is missing, or the login is not valid
    failed,   // no answer
    skipped,  // it was not tried, because something before it failed
  };
  end what = end::skipped;
  std::string why;          // one line, without secrets; "" if done
  std::string advice = {};  // what to do about it, for a contact that failed
  errc code = errc::unavailable;
  [[nodiscard]] bool done() const { return what == end::done; }
};

/// What a user may do with one resource.
struct privilege {
  bool anything = false;  // with everything
  bool cluster = false;   // with the servers, not with data
  std::string db, coll;   // "": each one
  std::vector<std::string> actions;
};

/// Who has logged in.
struct login_facts {
  looked look;
  std::string user, db;  // "": nobody
  std::vector<privilege> privileges;
};

/// An index whose first field is `et`.
struct et_index {
  std::string name;
  std::optional<std::int64_t> seconds;  // none: not a TTL index
};

struct index_facts {
  looked look;
  bool collection = false;  // it exists
  std::vector<et_index> indexes;
};

/// The notification channel, and the inboxes.
struct channel_facts {
  looked contact;  // with the server of the notifications
  looked look;
  bool there = false;
  bool capped = true;
  std::size_t inboxes = 0;
  std::size_t unseen = 0;             // of which it is not known whether they are capped
  std::vector<std::string> uncapped;  // inboxes
};

/// What the URL says.
struct url_facts {
  bool tls = false;
  bool unverified = false;  // TLS, but any certificate will do
  bool direct = false;
  std::int64_t max_pool_size = 0;         // 0: not given
  std::vector<std::string> ignored;       // options that have no effect
  std::vector<std::string> remote_hosts;  // that are not this machine
};

struct facts {
  std::string db, coll, notif_db, channel;
  std::chrono::milliseconds clock_skew{500};
  std::chrono::seconds grace{60};
  bool observed = false;  // expiry
  std::string driver;     // libmongoc's version
  std::int64_t now = 0;   // this machine's wall clock, in ms since 1970
  url_facts url;
  looked contact;  // with the primary
  std::vector<member_info> members;
  login_facts login;
  login_facts notices_login;  // on the server of the notifications
  index_facts index;
  channel_facts feeds;
  looked surveyed;
  survey locks;
};

}  // namespace dlock
