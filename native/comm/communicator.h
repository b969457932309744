#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "comm/engine.h"
#include "comm/error.h"
#include "comm/flight_recorder.h"
#include "comm/watch.h"

namespace scmoe::comm {

struct CommunicatorOptions {
  std::string group = "world";
  WatchOptions watch;        // host empty: no death notices, a dead rank shows as a broken connection or a time-out
  std::string recordFolder;  // empty: no file on failure
  size_t recordCapacity = 256;
  /// After a broken connection: how long to wait for a notice that says why.
  Milliseconds noticeGrace{1000};
  /// How long close waits for the other ranks to close as well.
  Milliseconds closeGrace{2000};
  /// Called on the communicator's thread when work `sequence` has ended, well or not.
  std::function<void(uint64_t sequence)> onDone;
};

/// Collectives in the order in which they were started, on one thread of its own. The first failure is the last thing
/// that happens: work in progress, work that waits and all later work fail with its reason.
class Communicator {
 public:
  Communicator(std::unique_ptr<Engine> engine, CommunicatorOptions options);
  /// Aborts what is going on and joins the thread. The other ranks hear that this one is gone, unless it was closed.
  ~Communicator();

  Engine& engine() { return *engine_; }

  /// Queues a collective; the first has to be a connect, the last may be a close.
  /// @returns its sequence number. @throws CommError after a failure or a close.
  uint64_t start(Request request);

  /// Blocks until the work has ended. @throws CommError with the reason where it failed.
  void wait(uint64_t sequence);
  bool isDone(uint64_t sequence) const;

  /// Forgets the result of finished work: after it, wait() and isDone() know nothing of it.
  void forget(uint64_t sequence);

  /// Fails everything, here and (through the watch) on the other ranks. From any thread.
  void abort(const std::string& text);

  /// The failure's text, or nothing.
  std::optional<CommError> failure() const;

  std::string flightRecord() const;

 private:
  struct Work {
    uint64_t sequence;
    Request request;
    bool done = false;
    std::optional<CommError> error;
    Deadline overdue = Deadline::max();
  };
  enum class Origin { kOwn, kNotice };

  void run();
  void execute(Work& work);
  void connect(Deadline deadline);
  void close(const Work& work);
  bool fail(const CommError& error, Origin origin);
  void settle(const std::shared_ptr<Work>& current);
  void finish(const std::shared_ptr<Work>& work, const std::optional<CommError>& error);
  CommError serverLost(const std::string& text) const;
  CommError inContext(const Work& work, const CommError& error) const;
  void dump(const CommError& error) const;
  std::string whoAmI() const;

  const CommunicatorOptions options_;
  const std::unique_ptr<Engine> engine_;
  FlightRecorder recorder_;
  std::unique_ptr<Watch> watch_;

  mutable std::mutex mutex_;
  std::condition_variable queued_;    // the thread waits here
  std::condition_variable finished_;  // wait() waits here
  std::deque<std::shared_ptr<Work>> queue_;
  std::deque<std::shared_ptr<Work>> known_;  // queued, running, or ended and not yet forgotten
  uint64_t nextSequence_ = 0;
  bool watching_ = false;  // the thread's own
  bool closing_ = false;
  bool closed_ = false;
  bool stopping_ = false;
  std::optional<CommError> failure_;
  Origin origin_ = Origin::kOwn;
  std::thread thread_;
};

}  // namespace scmoe::comm
