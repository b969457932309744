#include <atomic>

#include "test/nccl_ranks.h"

using namespace scmoe::comm;

TEST(ranks_leave_together_and_the_communicator_is_finalized) {
  rethrow(onRanks(3, [](NcclEngine& engine) { engine.leave(1, Clock::now() + Milliseconds(20000)); }));
}

TEST(a_rank_that_does_not_come_is_named_when_time_is_up) {
  std::atomic<int> done{0};
  const auto errors = onRanks(4, [&](NcclEngine& engine) {
    Request request;
    request.operation = Operation::kBarrier;
    run(engine, request, 1);
    // It stays on its device until all others have seen who is missing.
    if (engine.rank() == 2) return waitUntil([&] { return done == 3; });
    try {
      run(engine, request, 2, 2000);
    } catch (...) {
      ++done;
      throw;
    }
  });
  for (int rank : {0, 1, 3}) {
    const CommError error = caught(errors[rank]);
    CHECK(error.kind == FailureKind::kTimeout);
    CHECK(has(error.what(), "rank 2 did not take part in time"));
    CHECK(error.ranks == std::vector<int>{2});
  }
}

TEST(ranks_that_disagree_throw_the_same_and_move_nothing) {
  const auto errors = onRanks(3, [](NcclEngine& engine) {
    std::vector<float> data(4);
    Request request;
    request.operation = engine.rank() == 1 ? Operation::kBroadcast : Operation::kAllReduce;
    request.input = request.output = data.data();
    request.elements = data.size();
    run(engine, request, 1);
  });
  for (const auto& error : errors) {
    CHECK(caught(error).kind == FailureKind::kMismatch);
    CHECK(has(caught(error).what(), "rank 1 called broadcast(root 0, float32, 4 elements)"));
  }
}

TEST(a_rank_that_never_connects_is_a_time_out_and_everything_is_given_back) {
  const auto engine = makeEngine(0, 2);
  engine->setId(engine->createId());
  const std::string text = errorOf([&] { engine->connect(Clock::now() + Milliseconds(200)); });
  CHECK(has(text, "NCCL did not connect the 2 ranks in time"));
  engine->disconnect();
  engine->disconnect();
  CHECK(countOf(kCuda, "standinCudaLive") == 0);
  CHECK(countOf(kNccl, "standinNcclLive") == 0);
}

TEST(an_abort_ends_a_connect_and_a_collective_from_another_thread) {
  const auto engine = makeEngine(0, 2);
  engine->setId(engine->createId());
  std::thread other([&] {
    std::this_thread::sleep_for(Milliseconds(50));
    engine->abort();
  });
  CHECK(errorOf([&] { engine->connect(Clock::now() + Milliseconds(20000)); }) == "aborted");
  engine->disconnect();
  other.join();

  std::atomic<bool> done{false};
  const auto errors = onRanks(2, [&](NcclEngine& waiting) {
    if (waiting.rank() == 1) return waitUntil([&] { return done.load(); });
    std::thread aborting([&] {
      std::this_thread::sleep_for(Milliseconds(50));
      waiting.abort();
    });
    Request request;
    request.operation = Operation::kBarrier;
    const std::string text = errorOf([&] { run(waiting, request, 1); });
    aborting.join();
    done = true;
    CHECK(text == "aborted");
  });
  rethrow(errors);
}

TEST(a_call_that_fails_says_which_with_what_and_in_the_librarys_words) {
  const Knob knob("STANDIN_NCCL_FAIL", "ncclAllReduce:1@1");
  const auto errors = onRanks(2, [](NcclEngine& engine) {
    std::vector<float> data(8);
    Request request;
    request.operation = Operation::kAllReduce;
    request.input = request.output = data.data();
    request.elements = data.size();
    run(engine, request, 1, engine.rank() == 1 ? 20000 : 300);
  });
  CHECK(caught(errors[1]).kind == FailureKind::kEngine);
  CHECK(std::string(caught(errors[1]).what()) ==
        "allReduce(sum, float32, 8 elements): ncclAllReduce: unhandled cuda error (run with NCCL_DEBUG=INFO for "
        "details): stand-in: ncclAllReduce was told to fail");
  CHECK(caught(errors[0]).kind == FailureKind::kTimeout);
}

TEST(a_send_that_fails_inside_a_group_leaves_no_group_open) {
  const Knob knob("STANDIN_NCCL_FAIL", "ncclSend:5@0");
  const auto errors = onRanks(
      2, [](NcclEngine&) {}, 300);
  CHECK(has(caught(errors[0]).what(), "ncclSend and ncclRecv: invalid usage"));
}

TEST(an_asynchronous_error_ends_the_wait_before_the_time_out) {
  const Knob knob("STANDIN_NCCL_ASYNC", "ncclBroadcast:6@0");
  const auto errors = onRanks(2, [](NcclEngine& engine) {
    std::vector<float> data(8);
    Request request;
    request.operation = Operation::kBroadcast;
    request.input = request.output = data.data();
    request.elements = data.size();
    run(engine, request, 1, engine.rank() == 0 ? 60000 : 300);
  });
  // A remote error may be the death of a rank, which somebody else may know more of.
  CHECK(caught(errors[0]).kind == FailureKind::kConnection);
  CHECK(has(caught(errors[0]).what(), "remote process exited or there was a network error"));
}

TEST(memory_that_the_device_does_not_have_is_an_error_with_the_size) {
  const auto errors = onRanks(1, [](NcclEngine& engine) {
    const Knob knob("STANDIN_CUDA_FAIL", "cuMemAlloc_v2:2");
    std::vector<float> data(1000);
    Request request;
    request.operation = Operation::kAllReduce;
    request.input = request.output = data.data();
    request.elements = data.size();
    run(engine, request, 1);
  });
  CHECK(caught(errors[0]).kind == FailureKind::kEngine);
  CHECK(has(caught(errors[0]).what(), "cuMemAlloc of 4096 bytes: CUDA error 2, out of memory"));
}

TEST(a_failure_while_connecting_gives_everything_back) {
  {
    const Knob knob("STANDIN_NCCL_FAIL", "ncclCommInitRankConfig:2");
    CHECK(has(caught(onRanks(1, [](NcclEngine&) {})[0]).what(), "ncclCommInitRankConfig: unhandled system error"));
  }
  {
    const Knob knob("STANDIN_CUDA_FAIL", "cuEventCreate:2");
    CHECK(has(caught(onRanks(1, [](NcclEngine&) {})[0]).what(), "cuEventCreate: CUDA error 2, out of memory"));
  }
  const Knob knob("STANDIN_CUDA_DEVICES", "1");
  const auto errors = onRanks(
      2, [](NcclEngine&) {}, 300);
  CHECK(has(caught(errors[1]).what(), "cuDeviceGet for device 1: CUDA error 101, invalid device ordinal"));
}
