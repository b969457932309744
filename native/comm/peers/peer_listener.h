#pragma once
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comm/peers/handshake.h"
#include "comm/peers/socket.h"

namespace scmoe::comm {

/// Where the other ranks of a group connect to this one. A thread of its own answers everybody at once, however long
/// this rank takes until it asks for its peers, so that strangers never fill the queue that ranks wait in. Who has not
/// shown the token in time is closed; beyond a number of such guests the oldest goes.
class PeerListener {
 public:
  /// Listens at a free port. @param host address or name of this machine. @throws Error with the system's reason
  PeerListener(PeerIdentity self, const std::string& host);
  ~PeerListener();

  /// For dialPeer() on the other ranks.
  std::vector<uint8_t> address() const { return addressOf(listening_); }

  /// The connection of a rank that has shown the token. Blocks. @throws CommError (timeout, aborted)
  Socket take(int peer, Deadline deadline);

  /// Wakes take(). From any thread.
  void abort() noexcept;

 private:
  /// A connection that has yet to show the token.
  struct Guest {
    Socket socket;
    std::string from;
    std::string nonce;
    std::string said;
    Deadline until;
  };

  void run();
  void accept();
  bool serve(Guest& guest);
  void admit(Guest& guest);
  void turnAway(const std::string& from, const std::string& why);
  std::string strangers() const;

  const PeerIdentity self_;
  const Socket listening_;
  Wake stop_;
  std::list<Guest> guests_;  // of the thread; the oldest first

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, Socket> arrived_;  // an empty one has been taken
  bool aborted_ = false;
  uint64_t turnedAway_ = 0;
  std::string lastTurnedAway_;

  std::thread thread_;
};

}  // namespace scmoe::comm
