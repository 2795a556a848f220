#include "http_answer.hpp"

namespace dlock::cli {

namespace {

constexpr std::size_t most_unsent = 32U << 20U;  // of one stream

}  // namespace

void http_answer::exchange::answer(http_reply reply) {
  const std::lock_guard lock(guard_);
  if (!who_) return;
  const auto who = std::exchange(who_, nullptr);
  who->post([who, reply = std::move(reply)]() mutable { who->reply(std::move(reply)); });
}

void http_answer::exchange::give_up() {
  const std::lock_guard lock(guard_);
  who_.reset();
}

void http_answer::exchange::or_else(std::chrono::milliseconds limit, http_reply otherwise) {
  const std::lock_guard lock(guard_);
  if (!who_) return;
  who_->post([who = who_, limit, of = shared_from_this(), otherwise = std::move(otherwise)]() mutable {
    who->answer_after(limit, std::move(of), std::move(otherwise));
  });
}

std::shared_ptr<http_stream> http_answer::exchange::stream(http_reply head) {
  const std::lock_guard lock(guard_);
  if (!who_) return nullptr;
  const auto sender = std::make_shared<http_sender>(who_);
  const std::shared_ptr<const std::string> first = std::move(head.body);
  who_->post([who = who_, sender, head = std::move(head)]() mutable {
    who->begin_stream(std::move(head), std::move(sender));
  });
  who_.reset();
  if (first) (void)sender->send(first);
  return sender;
}

bool http_sender::send(std::shared_ptr<const std::string> piece) {
  const std::lock_guard lock(guard_);
  if (!who_) return false;
  if (!piece) return true;
  if (waiting_ + piece->size() > most_unsent) {
    const auto who = std::exchange(who_, nullptr);
    who->post([who] { who->close(); });
    return false;
  }
  waiting_ += piece->size();
  who_->post([who = who_, piece = std::move(piece)]() mutable { who->push(std::move(piece)); });
  return true;
}

void http_sender::close() {
  const std::lock_guard lock(guard_);
  if (!who_) return;
  const auto who = std::exchange(who_, nullptr);
  who->post([who] { who->end_stream(); });
}

bool http_sender::is_open() const {
  const std::lock_guard lock(guard_);
  return who_ != nullptr;
}

void http_sender::give_up() {
  const std::lock_guard lock(guard_);
  who_.reset();
}

http_reply text_reply(int status, std::string text) {
  http_reply out{.status = status};
  out.body = std::make_shared<const std::string>(std::move(text));
  return out;
}

void http_answer::operator()(http_reply reply) const {
  of_->answer(std::move(reply));
}

void http_answer::or_else(std::chrono::milliseconds limit, http_reply otherwise) const {
  of_->or_else(limit, std::move(otherwise));
}

std::shared_ptr<http_stream> http_answer::stream(http_reply head) const {
  return of_->stream(std::move(head));
}

}  // namespace dlock::cli
