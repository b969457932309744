#include "comm/nccl/poll.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "comm/error.h"

namespace scmoe::comm {

namespace {
constexpr int kYields = 50;
constexpr std::chrono::microseconds kShortest{10}, kLongest{500};
}  // namespace

Poll::Poll(const std::atomic<bool>& aborted, Deadline deadline, std::function<void()> look)
    : aborted_(aborted), deadline_(deadline), look_(std::move(look)) {}

void Poll::pause() {
  if (aborted_) throw CommError(FailureKind::kAborted, "aborted");
  if (look_) look_();
  if (Clock::now() >= deadline_) throw CommError(FailureKind::kTimeout, "it did not end in time");
  if (pauses_++ < kYields) return std::this_thread::yield();
  // A tenth of the time that it has taken: late by little, and a core that others can use.
  std::this_thread::sleep_for(std::min(kLongest, kShortest * (1 + (pauses_ - kYields) / 10)));
}

}  // namespace scmoe::comm
