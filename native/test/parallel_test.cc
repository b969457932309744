#include "core/parallel.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "test/check.h"
#include "test/with_threads.h"

using namespace scmoe;
using testing::WithThreads;

namespace {

/// Restores the team however the test ends.
}  // namespace

TEST(every_item_is_visited_once) {
  for (int team : {1, 2, 3, 8}) {
    const WithThreads with(team);
    for (int64_t count : {1, 2, 7, 64, 1000}) {
      for (int64_t grain : {0, 1, 3, 5000}) {
        std::vector<std::atomic<int>> visits(count);
        parallelFor(count, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++visits[i];
        });
        for (const auto& visit : visits) CHECK(visit == 1);
      }
    }
  }
}

TEST(an_empty_range_calls_nothing) {
  parallelFor(0, 1, [](int64_t, int64_t) { throw testing::Failure("called"); });
  parallelFor(-1, 1, [](int64_t, int64_t) { throw testing::Failure("called"); });
}

TEST(work_below_the_grain_is_one_call_on_the_calling_thread) {
  const WithThreads with(4);
  std::vector<std::pair<int64_t, int64_t>> calls;
  parallelFor(100, 100, [&](int64_t begin, int64_t end) { calls.emplace_back(begin, end); });
  CHECK(calls.size() == 1 && calls[0].first == 0 && calls[0].second == 100);
}

TEST(a_nested_loop_stays_on_its_thread) {
  const WithThreads with(2);
  std::atomic<int> inner{0};
  parallelFor(2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) parallelFor(10, 1, [&](int64_t b, int64_t e) { inner += int(e - b); });
  });
  CHECK(inner == 20);
}

TEST(what_a_body_throws_reaches_the_caller) {
  const WithThreads with(2);
  bool caught = false;
  try {
    parallelFor(2, 1, [](int64_t begin, int64_t) {
      if (begin == 1) throw Error("from the second part");
    });
  } catch (const Error& error) {
    caught = std::string(error.what()) == "from the second part";
  }
  CHECK(caught);
}

TEST(threads_of_the_team_take_no_signals) {
  const WithThreads with(2);
  std::atomic<int> blocked{0};
  parallelFor(2, 1, [&](int64_t, int64_t) {
    sigset_t current;
    pthread_sigmask(SIG_BLOCK, nullptr, &current);
    blocked += sigismember(&current, SIGINT) && !sigismember(&current, SIGSEGV);
  });
  CHECK(blocked == 1);
}

TEST(a_team_has_at_least_one_thread) {
  const WithThreads with(0);
  CHECK(threads() == 1);
}
