#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "comm/request.h"

namespace gloo {
class Context;
namespace transport {
class UnboundBuffer;
}
}  // namespace gloo

namespace scmoe::comm {

/// One message of an exchange: memory and the rank at the other end. Empty ones are left out on both sides.
struct Message {
  int peer;
  void* data;
  size_t bytes;
};

/// A Gloo connection between every two ranks, and the one thing that is done with it: a set of receives and sends that
/// all run at the same time. Built without a store: addresses() goes out and everybody's come back by other means.
class GlooMesh {
 public:
  /// Listens for the other ranks. @param host address or name of this machine to listen on.
  /// @param connectTimeout how long connect() may wait for one rank. @throws CommError
  GlooMesh(int rank, int size, const std::string& host, Milliseconds connectTimeout);
  ~GlooMesh();

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Where each other rank reaches this one, as bytes for connect() on the others.
  std::vector<uint8_t> addresses() const;

  /// @param everybody addresses() of every rank, by rank. Blocks. @throws CommError (timeout, connection)
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

  Buffer* track(std::unique_ptr<Buffer> buffer, std::vector<Pending>& list, int peer);
  void await(std::vector<Pending>& receives, std::vector<Pending>& sends, Deadline deadline);
  [[noreturn]] void failed(std::vector<Pending>& receives, std::vector<Pending>& sends, const std::string& reason,
                           int peer, bool timedOut);

  const int rank_;
  const int size_;
  std::shared_ptr<::gloo::Context> context_;
  std::mutex mutex_;
  std::unordered_set<Buffer*> live_;  // what abort() has to wake
  std::atomic<bool> aborted_{false};
  std::atomic<bool> connecting_{false};
};

}  // namespace scmoe::comm
