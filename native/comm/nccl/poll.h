#pragma once
#include <atomic>
#include <functional>

#include "comm/request.h"

namespace scmoe::comm {

/// Between two looks at what is not ready yet: sleeps, longer the longer it takes, and ends the wait where it is
/// pointless. NCCL and the driver would block for ever, so nothing ever waits inside them.
class Poll {
 public:
  /// @param look called each time: throws where the library has reported an error meanwhile
  Poll(const std::atomic<bool>& aborted, Deadline deadline, std::function<void()> look = {});

  /// @throws CommError (aborted, timeout), or what `look` throws
  void pause();

  /// Something has come to its end: the next wait begins with short pauses.
  void rested() { pauses_ = 0; }

  template <typename Ready>
  void until(const Ready& ready) {
    rested();
    while (!ready()) pause();
  }

 private:
  const std::atomic<bool>& aborted_;
  const Deadline deadline_;
  const std::function<void()> look_;
  int pauses_ = 0;
};

}  // namespace scmoe::comm
