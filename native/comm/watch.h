#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "comm/request.h"

namespace scmoe::comm {

struct WatchOptions {
  std::string host;  // empty: no watch
  int port = 0;
  std::string token;
  std::string group;
  int rank = 0;
  int size = 1;
  int serverRank = -1;  // the rank whose process the server runs in; -1: none of the group
  /// The server counts as gone after this long without a sign of life.
  Milliseconds silence{10000};
};

/// A connection to the rendezvous server that hears when a rank of the group dies or gives up. It has a thread of its
/// own, because the rank's other threads may both be blocked at that moment: one in wait(), one in a transfer.
///
/// Lines, in both directions:
///   scmoe-watch 1 <token> <group> <rank> <size>     ->   ok | error <text>
///   ping every second
///   dead <rank> <text>, abort <rank> <text>         from the server
///   abort <text>, bye                               from the rank; a text as of packAbort (abort_notice.h)
class Watch {
 public:
  enum class Event { kDead, kAbort, kServerLost };
  using Listener = std::function<void(Event event, int rank, const std::string& text)>;

  /// The listener is called on the watch's thread.
  Watch(WatchOptions options, Listener listener);
  ~Watch();  // without a bye: the server tells the others that this rank is gone

  /// Connects and enters the group. @throws CommError with the server's reason.
  void connect(Deadline deadline);

  /// Tells the others that this rank gives up, by `packAbort`.
  void sendAbort(const std::string& text) noexcept;

  /// Leaves in peace.
  void bye() noexcept;

 private:
  void run();
  bool handleLine(const std::string& line);
  bool receive(std::string& pending);
  void send(const std::string& text) noexcept;
  void stop() noexcept;

  const WatchOptions options_;
  const Listener listener_;
  int socket_ = -1;
  int wake_ = -1;
  std::string pending_;
  std::mutex sendMutex_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace scmoe::comm
