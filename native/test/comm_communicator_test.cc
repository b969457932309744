#include "comm/communicator.h"

#include <atomic>
#include <fstream>
#include <sstream>

#include "test/check.h"

using namespace scmoe::comm;

namespace {

/// An engine whose collectives end when they are told to, or fail.
class FakeEngine final : public Engine {
 public:
  int rank() const override { return 1; }
  int size() const override { return 3; }
  void connect(Deadline) override {}
  void run(const Request& request, uint64_t sequence, Deadline deadline, const Progress& progress) override {
    progress(WorkState::kWaitingForRanks, {0, 2});
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait_until(lock, deadline, [&] { return released > sequence || aborted; });
    ran.push_back(request.operation);
    if (aborted) throw CommError(FailureKind::kAborted, "aborted");
    if (released <= sequence) throw CommError(FailureKind::kTimeout, "rank 2 did not take part in time", {2});
  }
  void leave(uint64_t, Deadline) noexcept override { left = true; }
  void abort() noexcept override {
    std::lock_guard<std::mutex> lock(mutex);
    aborted = true;
    changed.notify_all();
  }
  void disconnect() noexcept override { disconnected = true; }

  void release(uint64_t upTo) {
    std::lock_guard<std::mutex> lock(mutex);
    released = upTo + 1;
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  uint64_t released = 0;
  bool aborted = false;
  std::atomic<bool> left{false}, disconnected{false};
  std::vector<Operation> ran;
};

Request requestOf(Operation operation, int timeoutMs = 20000) {
  Request request;
  request.operation = operation;
  request.timeout = Milliseconds(timeoutMs);
  return request;
}

template <typename Body>
CommError errorOf(const Body& body) {
  try {
    body();
  } catch (const CommError& error) {
    return error;
  }
  throw scmoe::testing::Failure("expected a CommError");
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(collectives_run_in_the_order_in_which_they_were_started) {
  std::atomic<int> ended{0};
  CommunicatorOptions options;
  options.onDone = [&](uint64_t) { ++ended; };
  auto owned = std::make_unique<FakeEngine>();
  FakeEngine& engine = *owned;
  auto open = std::make_unique<Communicator>(std::move(owned), std::move(options));
  Communicator& communicator = *open;
  const uint64_t connect = communicator.start(requestOf(Operation::kConnect));
  const uint64_t first = communicator.start(requestOf(Operation::kAllReduce));
  const uint64_t second = communicator.start(requestOf(Operation::kBarrier));
  CHECK(connect == 0 && first == 1 && second == 2);
  communicator.wait(connect);
  CHECK(!communicator.isDone(first) && !communicator.isDone(second));
  engine.release(2);
  communicator.wait(second);
  CHECK(communicator.isDone(first));
  CHECK((engine.ran == std::vector<Operation>{Operation::kAllReduce, Operation::kBarrier}));
  communicator.wait(communicator.start(requestOf(Operation::kClose)));
  CHECK(engine.left && engine.disconnected);
  open.reset();
  CHECK(ended == 4);
}

TEST(one_failure_fails_all_that_waits_and_all_that_comes) {
  auto owned = std::make_unique<FakeEngine>();
  Communicator communicator(std::move(owned), {});
  communicator.start(requestOf(Operation::kConnect));
  const uint64_t late = communicator.start(requestOf(Operation::kAllReduce, 30));
  const uint64_t behind = communicator.start(requestOf(Operation::kBarrier));
  const CommError error = errorOf([&] { communicator.wait(late); });
  CHECK(error.kind == FailureKind::kTimeout);
  CHECK(error.ranks == std::vector<int>{2});
  CHECK(contains(error.what(), "allReduce (collective 1) on rank 1 of 3 failed: rank 2 did not take part"));
  CHECK(contains(errorOf([&] { communicator.wait(behind); }).what(), "barrier (collective 2)"));
  const CommError later = errorOf([&] { communicator.start(requestOf(Operation::kBarrier)); });
  CHECK(later.kind == FailureKind::kClosed);
  CHECK(contains(later.what(), "has failed and can't be used any more"));
}

TEST(an_abort_from_another_thread_ends_a_wait) {
  Communicator communicator(std::make_unique<FakeEngine>(), {});
  communicator.start(requestOf(Operation::kConnect));
  const uint64_t stuck = communicator.start(requestOf(Operation::kAllReduce));
  std::thread other([&] { communicator.abort("enough"); });
  CHECK(contains(errorOf([&] { communicator.wait(stuck); }).what(), "enough"));
  other.join();
}

TEST(releasing_a_communicator_at_work_does_not_wait_for_its_time_out) {
  // A time-out of an hour: with it this test would not end.
  Communicator communicator(std::make_unique<FakeEngine>(), {});
  communicator.start(requestOf(Operation::kConnect));
  communicator.start(requestOf(Operation::kAllReduce, 3600 * 1000));
}

TEST(a_closed_communicator_takes_nothing_more) {
  Communicator communicator(std::make_unique<FakeEngine>(), {});
  communicator.wait(communicator.start(requestOf(Operation::kClose)));
  const CommError error = errorOf([&] { communicator.start(requestOf(Operation::kBarrier)); });
  CHECK(error.kind == FailureKind::kClosed);
  CHECK(contains(error.what(), "this communicator is closed"));
  CHECK(!communicator.failure());
}

TEST(a_forgotten_outcome_is_done) {
  auto owned = std::make_unique<FakeEngine>();
  owned->released = 10;
  Communicator communicator(std::move(owned), {});
  const uint64_t sequence = communicator.start(requestOf(Operation::kBarrier));
  communicator.wait(sequence);
  communicator.forget(sequence);
  CHECK(communicator.isDone(sequence));
  communicator.wait(sequence);
}

TEST(the_record_keeps_the_last_collectives_and_whom_they_waited_for) {
  char folder[] = "/tmp/scmoe-record-XXXXXX";
  CHECK(mkdtemp(folder) != nullptr);
  CommunicatorOptions options;
  options.group = "world/0.1";
  options.recordFolder = std::string(folder) + "/a/b";
  options.recordCapacity = 2;
  {
    auto owned = std::make_unique<FakeEngine>();
    owned->released = 3;
    Communicator communicator(std::move(owned), options);
    for (int i = 0; i < 3; ++i) communicator.wait(communicator.start(requestOf(Operation::kBarrier)));
    const uint64_t late = communicator.start(requestOf(Operation::kAllGather, 30));
    errorOf([&] { communicator.wait(late); });
    const std::string record = communicator.flightRecord();
    CHECK(!contains(record, "\"sequence\":1,") && contains(record, "\"sequence\":2,"));
  }
  std::ifstream file(options.recordFolder + "/scmoe-world_0.1-rank1.json");
  std::stringstream text;
  text << file.rdbuf();
  CHECK(contains(text.str(), "\"operation\":\"allGather\""));
  CHECK(contains(text.str(), "\"state\":\"failed\",\"reached\":\"waiting for ranks\",\"waitingFor\":[2]"));
  CHECK(contains(text.str(), "\"reason\":\"rank 2 did not take part in time (time-out 30 ms)\""));
}

TEST(json_text_is_escaped) { CHECK(jsonText("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\""); }
