#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "comm/flight_recorder.h"
#include "comm/request.h"

namespace scmoe::comm {

/// How far a collective has come, told while it runs.
using Progress = std::function<void(WorkState state, const std::vector<int>& missing)>;

/// The seam between a communicator and what moves its data. One thread, the communicator's, makes every call except
/// abort(); so an engine needs no locks but for that one.
class Engine {
 public:
  virtual ~Engine() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Whether it takes requests whose memory is a device's.
  virtual bool readsDevice() const { return false; }

  /// Connects to all ranks. @throws CommError; the engine is of no more use then.
  virtual void connect(Deadline deadline) = 0;

  /// Runs one collective to its end. Checks first that all ranks mean the same one (`sequence` counts them).
  /// @throws CommError (timeout, mismatch, connection); the engine is of no more use then.
  virtual void run(const Request& request, uint64_t sequence, Deadline deadline, const Progress& progress) = 0;

  /// Waits until the other ranks leave as well, or until the deadline: nothing that this rank has sent gets lost then.
  virtual void leave(uint64_t sequence, Deadline deadline) noexcept = 0;

  /// Makes a call in progress, and every later one, throw soon. From any thread, any number of times.
  virtual void abort() noexcept = 0;

  /// Closes all connections.
  virtual void disconnect() noexcept = 0;
};

}  // namespace scmoe::comm
