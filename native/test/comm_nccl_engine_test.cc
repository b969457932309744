#include "comm/nccl/nccl_engine.h"

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <thread>

#include "comm/error.h"
#include "comm/nccl/nccl_probe.h"
#include "comm/nccl/shared_library.h"
#include "comm/reduce.h"
#include "test/check.h"

using namespace scmoe::comm;

namespace {

const std::string kCuda = STANDIN_FOLDER "/libscmoe_standin_cuda.so";
const std::string kNccl = STANDIN_FOLDER "/libscmoe_standin_nccl.so";
const std::string kLacking = STANDIN_FOLDER "/libscmoe_standin_nccl_lacking.so";

/// A variable of the stand-ins, for as long as this lives.
class Knob {
 public:
  Knob(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Knob() { ::unsetenv(name_); }

 private:
  const char* name_;
};

long countOf(const std::string& library, const char* symbol) {
  static_assert(sizeof(void*) == sizeof(long (*)()));
  return reinterpret_cast<long (*)()>(SharedLibrary(library).find(symbol))();
}

std::unique_ptr<NcclEngine> makeEngine(int rank, int size) {
  NcclEngineOptions options;
  options.rank = rank;
  options.size = size;
  options.device = rank;
  return std::make_unique<NcclEngine>(NcclApi::open({kNccl}), CudaApi::open({kCuda}), options);
}

using Body = std::function<void(NcclEngine& engine)>;

/// Each rank on a thread of its own, and off the device when its body has ended.
/// @returns what each rank has thrown, or nothing
std::vector<std::exception_ptr> onRanks(int size, const Body& body, int connectMs = 20000) {
  std::vector<std::unique_ptr<NcclEngine>> engines;
  for (int rank = 0; rank < size; ++rank) engines.push_back(makeEngine(rank, size));
  const NcclUniqueId id = engines[0]->createId();
  std::vector<std::exception_ptr> errors(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      NcclEngine& engine = *engines[rank];
      try {
        engine.setId(id);
        engine.connect(Clock::now() + Milliseconds(connectMs));
        body(engine);
      } catch (...) {
        errors[rank] = std::current_exception();
      }
      engine.disconnect();
    });
  }
  for (std::thread& thread : threads) thread.join();
  engines.clear();
  // Whatever has happened, nothing is left on a device.
  CHECK(countOf(kCuda, "standinCudaLive") == 0);
  CHECK(countOf(kNccl, "standinNcclLive") == 0);
  return errors;
}

void run(NcclEngine& engine, const Request& request, uint64_t sequence, int timeoutMs = 20000) {
  engine.run(request, sequence, Clock::now() + Milliseconds(timeoutMs), [](WorkState, const std::vector<int>&) {});
}

void waitUntil(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(Milliseconds(5));
}

void rethrow(const std::vector<std::exception_ptr>& errors) {
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

CommError caught(const std::exception_ptr& error) {
  if (!error) throw scmoe::testing::Failure("expected an error");
  try {
    std::rethrow_exception(error);
  } catch (const CommError& commError) {
    return commError;
  }
}

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  throw scmoe::testing::Failure("expected '" + part + "' in: " + text);
}

std::string errorOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const scmoe::Error& error) {
    return error.what();
  }
  throw scmoe::testing::Failure("expected an error");
}

/// Values of one rank, not all of them exact in bf16, some negative.
std::vector<char> valuesOf(DType dtype, int rank, size_t elements) {
  std::vector<char> bytes(elements * sizeOf(dtype));
  std::vector<float> floats(elements);
  for (size_t i = 0; i < elements; ++i) floats[i] = std::sin(static_cast<float>(i) + 10.0f * rank) * 100;
  if (dtype == DType::kFloat32) std::memcpy(bytes.data(), floats.data(), bytes.size());
  if (dtype == DType::kBf16) toBf16(floats.data(), reinterpret_cast<uint16_t*>(bytes.data()), elements);
  if (dtype == DType::kInt32)
    for (size_t i = 0; i < elements; ++i) reinterpret_cast<int32_t*>(bytes.data())[i] = static_cast<int32_t>(floats[i]);
  return bytes;
}

std::vector<char> reduced(DType dtype, Reduction reduction, int size, size_t elements) {
  std::vector<std::vector<char>> all;
  std::vector<const void*> sources;
  for (int rank = 0; rank < size; ++rank) all.push_back(valuesOf(dtype, rank, elements));
  for (const auto& one : all) sources.push_back(one.data());
  std::vector<char> result(all[0].size());
  reduce(dtype, reduction, sources, result.data(), elements);
  return result;
}

}  // namespace

TEST(reductions_of_every_kind_give_the_bits_of_the_other_engines) {
  for (int size : {1, 2, 4}) {
    rethrow(onRanks(size, [&](NcclEngine& engine) {
      uint64_t sequence = 0;
      for (DType dtype : {DType::kFloat32, DType::kBf16, DType::kInt32}) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kMean, Reduction::kMax}) {
          if (dtype == DType::kInt32 && reduction == Reduction::kMean) continue;
          for (size_t elements : {0, 1, 5, 3000}) {
            const std::vector<char> input = valuesOf(dtype, engine.rank(), elements * size);
            std::vector<char> output(input.size());
            Request request;
            request.dtype = request.wire = dtype;
            request.reduction = reduction;
            request.operation = Operation::kAllReduce;
            request.input = input.data();
            request.output = output.data();
            request.elements = elements * size;
            run(engine, request, ++sequence);
            const std::vector<char> expected = reduced(dtype, reduction, size, elements * size);
            CHECK(output == expected);

            request.operation = Operation::kReduceScatter;
            const size_t share = elements * sizeOf(dtype);
            output.assign(share, 0);
            request.output = output.data();
            run(engine, request, ++sequence);
            CHECK(std::memcmp(output.data(), expected.data() + engine.rank() * share, share) == 0);
          }
        }
      }
    }));
  }
}

TEST(a_nan_wins_a_maximum_whatever_its_sign) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  rethrow(onRanks(2, [&](NcclEngine& engine) {
    const bool first = engine.rank() == 0;
    std::vector<float> data = {first ? nan : infinity, first ? 1.0f : -nan, first ? -infinity : -1.0f,
                               first ? -0.5f : -2};
    Request request;
    request.operation = Operation::kAllReduce;
    request.reduction = Reduction::kMax;
    request.input = request.output = data.data();
    request.elements = data.size();
    run(engine, request, 1);
    CHECK(std::isnan(data[0]) && std::isnan(data[1]));
    CHECK(data[2] == -1.0f && data[3] == -0.5f);
  }));
}

TEST(exchanges_with_uneven_and_empty_shares_arrive_in_every_dtype) {
  for (int size : {2, 4}) {
    rethrow(onRanks(size, [&](NcclEngine& engine) {
      uint64_t sequence = 0;
      for (DType dtype : {DType::kFloat32, DType::kBf16, DType::kInt32}) {
        Request request;
        request.dtype = request.wire = dtype;
        request.operation = Operation::kAllToAllV;
        std::vector<char> expected;
        const auto countOf = [](int from, int to) { return (from * to) % 3 * 1000; };
        // What a rank sends to another one: the first values of a rank with both their numbers.
        const auto share = [&](int from, int to) { return valuesOf(dtype, 100 * from + to, countOf(from, to)); };
        std::vector<char> input;
        for (int peer = 0; peer < size; ++peer) {
          request.sendCounts.push_back(countOf(engine.rank(), peer));
          request.recvCounts.push_back(countOf(peer, engine.rank()));
          for (char byte : share(engine.rank(), peer)) input.push_back(byte);
          for (char byte : share(peer, engine.rank())) expected.push_back(byte);
        }
        std::vector<char> output(expected.size(), 'x');
        request.elements = input.size() / sizeOf(dtype);
        request.input = input.data();
        request.output = output.data();
        run(engine, request, ++sequence);
        CHECK(output == expected);

        // Rank r gives r * 7 elements, rank 0 none.
        Request gather;
        gather.dtype = gather.wire = dtype;
        gather.operation = Operation::kAllGatherV;
        expected.clear();
        for (int peer = 0; peer < size; ++peer) {
          gather.recvCounts.push_back(peer * 7);
          for (char byte : valuesOf(dtype, peer, peer * 7)) expected.push_back(byte);
        }
        input = valuesOf(dtype, engine.rank(), engine.rank() * 7);
        output.assign(expected.size(), 'x');
        gather.elements = engine.rank() * 7;
        gather.input = input.data();
        gather.output = output.data();
        run(engine, gather, ++sequence);
        CHECK(output == expected);
      }
    }));
  }
}

TEST(long_vectors_pass_through_the_pinned_buffers_piece_by_piece) {
  // Two whole pieces of 4 MiB and a rest; a broadcast from the last rank, and as bf16.
  const size_t elements = 2 * (size_t{1} << 20) + 12345;
  rethrow(onRanks(2, [&](NcclEngine& engine) {
    std::vector<float> data(elements);
    for (size_t i = 0; i < elements; ++i) data[i] = engine.rank() == 1 ? static_cast<float>(i % 1009) + 0.001f : -1;
    Request request;
    request.operation = Operation::kBroadcast;
    request.root = 1;
    request.input = engine.rank() == 1 ? data.data() : nullptr;
    request.output = data.data();
    request.elements = elements;
    run(engine, request, 1);
    for (size_t i = 0; i < elements; i += 1013) CHECK(data[i] == static_cast<float>(i % 1009) + 0.001f);
    request.wire = DType::kBf16;
    run(engine, request, 2);
    for (size_t i = 0; i < elements; i += 1013) CHECK_CLOSE(data[i], i % 1009, 4);  // 8 bits of 1009
    CHECK(data[1] == 1.0f);
  }));
}

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

TEST(a_probe_tells_libraries_versions_and_devices) {
  const NcclProbe probe = probeNccl({"/nowhere/libnccl.so.2", kNccl}, {kCuda});
  CHECK(probe.ncclPath == kNccl && probe.ncclVersion == "2.30.7" && probe.ncclProblem.empty());
  CHECK(probe.driverPath == kCuda && probe.driverVersion == "13.0" && probe.driverProblem.empty());
  CHECK(probe.devices.size() == 8);
  CHECK(probe.devices[3].name == "stand-in device 3");
  CHECK(probe.devices[3].uuid == "GPU-00000000-0000-0000-0000-000000000003");
  CHECK(has(jsonOf(probe), "\"nccl\":{\"path\":\"" + kNccl + "\",\"version\":\"2.30.7\",\"problem\":\"\"}"));
}

TEST(a_probe_says_of_every_candidate_why_it_will_not_do) {
  const std::string missing = probeNccl({"/nowhere/libnccl.so.2", "libno-such-nccl.so"}, {}).ncclProblem;
  CHECK(has(missing, "no usable NCCL library: /nowhere/libnccl.so.2: cannot open shared object file"));
  CHECK(has(missing, "; libno-such-nccl.so: cannot open shared object file"));
  CHECK(has(probeNccl({kLacking}, {}).ncclProblem, kLacking + " lacks ncclRecv"));
  CHECK(has(probeNccl({}, {}).driverProblem, "no CUDA driver: there is nowhere to look"));
  CHECK(has(probeNccl({}, {"libm.so.6"}).driverProblem, "libm.so.6 lacks cuInit, cuDriverGetVersion"));
  const Knob old("STANDIN_NCCL_VERSION", "21403"), none("STANDIN_CUDA_DEVICES", "0");
  const NcclProbe probe = probeNccl({kNccl}, {kCuda});
  CHECK(has(probe.ncclProblem, kNccl + " is NCCL 2.14.3, too old: 2.17.0 is the oldest that can be used"));
  CHECK(has(probe.driverProblem, "cuInit: CUDA error 100, no CUDA-capable device is detected"));
}
