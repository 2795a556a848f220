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

/// The notification channel: who has been granted a lock is told in the inbox of its client, a part of a capped
/// collection. Nothing of it can be relied on: messages are lost, come late, or again when the inbox opens again.
class inboxes {
 public:
  inboxes(agenda& events, chance& luck, coverage& seen);

  /// That client listens from now on, and when it hears anything, its process is told that it does.
  void follow(const std::shared_ptr<process>& who);
  [[nodiscard]] bool is_open(const std::string& client) const;
  void tell(const std::string& client, const protocol::grant& g);

  /// Its cursor dies; another one will be opened after so long.
  void close(const std::string& client, tick for_so_long);

  /// Decides what becomes of each message.
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
