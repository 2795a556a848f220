#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/event.hpp"
#include "simulator/agenda.hpp"
#include "simulator/chance.hpp"
#include "simulator/network.hpp"

namespace dlock::simulator {

class process;

/// The notification channel: who has been granted a lock is told in the inbox of its client. Nothing of it can be
/// relied on: messages are lost, come late, or when the inbox opens again.
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
    std::vector<protocol::grant> kept;  // for when it opens again
  };
  void open(const std::string& client);
  void deliver(const std::string& client, const protocol::grant& g);

  agenda& events_;
  chance& luck_;
  coverage& seen_;
  std::map<std::string, inbox> all_;
};

}  // namespace dlock::simulator
