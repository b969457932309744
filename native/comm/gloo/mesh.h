#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "comm/peers/peer_listener.h"
#include "comm/request.h"

namespace gloo::transport {
class UnboundBuffer;
}

namespace scmoe::comm {

/// One message of an exchange: memory and the rank at the other end. Empty ones are left out on both sides.
struct Message {
  int peer;
  void* data;
  size_t bytes;
};

class GivenContext;

/// A Gloo connection between every two ranks, and the one thing that is done with it: a set of receives and sends that
/// all run at the same time. Built without a store: address() goes out and everybody's come back by other means. Gloo
/// is given connections on which both ranks have shown the run's token, and makes none itself.
class GlooMesh {
 public:
  /// Listens for the other ranks. @param host address or name of this machine to listen on. @throws CommError
  GlooMesh(PeerIdentity self, const std::string& host);
  ~GlooMesh();

  int rank() const { return self_.rank; }
  int size() const { return self_.size; }

  /// Where the other ranks reach this one, as bytes for connect() on the others.
  std::vector<uint8_t> address() const;

  /// Nobody can connect to this rank afterwards.
  /// @param everybody address() of every rank, by rank. Blocks. @throws CommError (timeout, connection)
  void connect(const std::vector<std::vector<uint8_t>>& everybody, Deadline deadline);

  /// Posts all receives, then all sends, then waits for all: the link is busy both ways from the start.
  /// `slot` tells apart exchanges on the same connections; both ends use the same.
  /// `meanwhile` runs once everything is posted, while the link is at work.
  /// @throws CommError naming the ranks that were still to come. Data is then undefined.
  void exchange(const std::vector<Message>& receives, const std::vector<Message>& sends, uint64_t slot,
                Deadline deadline, const std::function<void()>& meanwhile = {});

  /// Wakes an exchange or a connect in progress; later ones fail at once. From any thread.
  void abort() noexcept;
  void disconnect() noexcept;

 private:
  using Buffer = ::gloo::transport::UnboundBuffer;
  struct Pending;

  void stopListening();
  Buffer* track(std::unique_ptr<Buffer> buffer, std::vector<Pending>& list, int peer);
  void await(std::vector<Pending>& receives, std::vector<Pending>& sends, Deadline deadline);
  [[noreturn]] void failed(std::vector<Pending>& receives, std::vector<Pending>& sends, const std::string& reason,
                           int peer, bool timedOut);

  const PeerIdentity self_;
  std::shared_ptr<GivenContext> context_;
  std::unique_ptr<PeerListener> listener_;  // until all are connected
  Wake wake_;
  std::mutex mutex_;
  std::unordered_set<Buffer*> live_;  // what abort() has to wake
  std::atomic<bool> aborted_{false};
};

}  // namespace scmoe::comm
