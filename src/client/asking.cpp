// Commands of their own, one at a time: what is neither an acquisition nor a release.
#include "client/answering.hpp"
#include "client/call.hpp"
#include "client/client_core.hpp"
#include "engine/backoff.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

constexpr ms kLongestPause = 500;

}  // namespace

protocol::reply client_core::ask(protocol::request r, const std::string& doing, bool in_doubt, std::optional<ms> ends) {
  check_usable(doing, in_doubt);
  const auto until = ends.value_or(now() + options_.operation_timeout.count());
  auto c = std::make_shared<call>(env_);
  const std::stop_callback on_close(closing_.get_token(), [c] { c->stop(); });
  answer last;
  last.why = "still waiting for it";
  for (engine::backoff pause{kLongestPause};;) {
    send(c, r);
    if (c->wait(until) != call::woken::by_answer) {
      c->abandon();
      check_usable(doing, true);
      fail(doing, last, true);
    }
    last = c->take_answer();
    in_doubt = in_doubt || last.in_doubt;
    if (last.what == answer::kind::replied) {
      const auto& told = last.reply;
      if (!told.valid && !told.other_expiry) fail_not_a_lock(doing, options_, r.lock, told.defect);
      floors_.saw(r.lock, told.fence);
      return told;
    }
    if (last.what == answer::kind::refused || now() + pause.peek() >= until) fail(doing, last, in_doubt);
    if (c->wait(now() + pause.next()) == call::woken::by_stop) check_usable(doing, in_doubt);
  }
}

std::vector<protocol::sight> client_core::read(protocol::look l, const std::string& doing) {
  check_usable(doing);
  const auto until = now() + options_.operation_timeout.count();
  for (engine::backoff pause{kLongestPause};;) {
    auto c = std::make_shared<call>(env_);
    auto seen = std::make_shared<std::vector<protocol::sight>>();
    const std::stop_callback on_close(closing_.get_token(), [c] { c->stop(); });
    const bool posted = io_->post([c, seen, s = store_, l] {
      auto a = s->read(l);
      const std::lock_guard lock(c->guard);
      *seen = std::move(a.seen);
      c->result = std::move(a);
      c->changed.notify_all();
    });
    answer a;
    a.why = "still waiting for it";
    if (posted && c->wait(until) == call::woken::by_answer) {
      a = c->take_answer();
      const std::lock_guard lock(c->guard);
      if (a.what == answer::kind::replied) return std::move(*seen);
    }
    check_usable(doing);
    if (a.what == answer::kind::refused || now() + pause.peek() >= until) fail(doing, a, false);
    (void)c->wait(now() + pause.next());
  }
}

client_core::amended client_core::amend(lease_record& record, protocol::request r, const std::string& doing) {
  using phase = lease_record::phase;
  const auto ended = [&] {
    if (record.now() == phase::held) {  // over, and the watch has not come to it yet
      keeper_->forget(record);
      record.lose(*notices_, loss_reason::expired, "its lease ended");
    }
    return record.now() == phase::lost ? amended::lost : amended::not_held;
  };
  check_process(doing);
  if (!record.held(now())) return ended();
  r.op = protocol::operation::amend;
  const auto seq = r.seq = record.next_amendment();
  const bool proclaims = r.what.exclusive;
  if (!proclaims) record.may_be_shared();
  const auto told = ask(std::move(r), doing);
  if (!record.held(now())) return ended();
  if (told.mine && !told.mine->revoked) {
    // A later one of this lease came after it: then it is done, too.
    if (told.mine->seq < seq || told.mine->seq > record.amendments()) {
      throw error(errc::not_a_lock, doing +
                                        ": nothing was changed, because the entry of this lease was edited by hand; "
                                        "release the lock and acquire it again");
    }
    if (proclaims) bus_->publish(announcement_of(record, true));  // so that observers look
    return amended::done;
  }
  keeper_->forget(record);
  record.lose(*notices_, loss_reason::removed, no_longer_ours);
  return amended::lost;
}

bool client_core::revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once) {
  const std::string doing = "cannot revoke lock " + in_quotes(lock);
  auto r = blank_request(lock);
  r.id = h.id;
  r.op = protocol::operation::revoke;
  r.observed = observed;
  if (!ask(r, doing).found) return false;  // it has let go meanwhile; a cancel could not tell
  bus_->revoke(h.client, {lock, h.id, *options_.who});
  // What was kept after a release is nobody's: there is nobody to wait for. Else a tombstone: a request of its own that
  // is still on its way must not bring it back.
  const bool kept = h.is_kept();
  if (!at_once && !kept) return true;
  const auto told = ask(cancel_of(std::move(r), !kept), doing, true);
  if (protocol::is_token(h.fence, told.now)) bus_->publish({lock, false, h.fence, h.who, told.now});
  return true;
}

}  // namespace dlock::detail
