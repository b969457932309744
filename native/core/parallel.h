#pragma once
#include <omp.h>

#include <cstdint>
#include <exception>

#include "core/signals.h"

namespace scmoe {

/// Threads of the one OpenMP team that this process uses; oneDNN runs on the same team.
int threads();
void setThreads(int count);
/// Has a thread that is not JavaScript's ask for as many threads: OpenMP's number is each thread's own.
void joinTeam();

/// While it lives, what the calling thread asks of a library (oneDNN) runs on this thread alone.
class LibrariesAlone {
 public:
  LibrariesAlone() : before_(omp_get_max_threads()) {
    if (before_ > 1) omp_set_num_threads(1);
  }
  ~LibrariesAlone() {
    if (before_ > 1) omp_set_num_threads(before_);
  }
  LibrariesAlone(const LibrariesAlone&) = delete;
  LibrariesAlone& operator=(const LibrariesAlone&) = delete;

 private:
  const int before_;
};

/// Calls body(begin, end) on disjoint ranges that cover [0, count). A range holds at least `grain` items, so small
/// work stays on the calling thread. The split depends on count, grain and the thread count alone: results repeat. What
/// a body throws is thrown on the calling thread when all have ended, one of them where there are several.
template <typename Body>
void parallelFor(int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  int64_t parts = (count + grain - 1) / grain;
  const int64_t team = threads();
  if (parts > team) parts = team;
  if (parts <= 1) {
    body(int64_t{0}, count);
    return;
  }
  std::exception_ptr failure;
#pragma omp parallel for schedule(static, 1) num_threads(parts)
  for (int64_t part = 0; part < parts; ++part) {
    if (omp_get_thread_num() > 0) holdSignalsForever();
    try {
      body(count * part / parts, count * (part + 1) / parts);
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

/// Items of `bytesPerItem` that make a piece worth handing to another thread (32 KiB of traffic).
inline int64_t grainFor(int64_t bytesPerItem) { return bytesPerItem > 0 ? 32768 / bytesPerItem + 1 : 32768; }

}  // namespace scmoe
