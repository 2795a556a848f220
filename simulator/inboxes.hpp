#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "protocol/event.hpp"
#include "simulator/agenda.hpp"
#include "simulator/capped.hpp"
#include "simulator/chance.hpp"
#include "simulator/network.hpp"

namespace dlock::simulator {

class process;

/// The notification channel. A client that was granted a lock is told in its inbox, which is a part of a capped
/// collection. Messages are not reliable: they can be lost, come late, or come again when the inbox opens again.
class inboxes {
 public:
  inboxes(agenda& events, chance& luck, coverage& seen);

  /// From now on, this client listens. Its process is told when the inbox opens, and gets the messages.
  void follow(const std::shared_ptr<process>& who);
  [[nodiscard]] bool is_open(const std::string& client) const;
  void tell(const std::string& client, const protocol::grant& g);

  /// The cursor of this client dies. Another one is opened after this time.
  void close(const std::string& client, tick for_so_long);

  /// Decides what happens to each message.
  std::function<fate(const protocol::grant&)> to_heir;

 private:
  struct inbox {
    std::weak_ptr<process> owner;
    bool open = false;
    capped<protocol::grant> told;
    capped<protocol::grant>::number read = 0;
  };
  void open(const std::string& client);
  static void read(inbox& box, const std::shared_ptr<process>& who);

  agenda& events_;
  chance& luck_;
  coverage& seen_;
  std::map<std::string, inbox> all_;
};

}  // namespace dlock::simulator
