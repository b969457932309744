#include "comm/nccl/nccl_engine.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include "comm/nccl/cuda_device.h"
#include "comm/reduce.h"
#include "test/nccl_ranks.h"

using namespace scmoe::comm;

namespace {

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

namespace {

/// Memory on the device that is current, and what goes there and back while nothing else happens.
class OnDevice {
 public:
  explicit OnDevice(const std::vector<char>& values) : stream_(api_), memory_(api_), pinned_(api_, values.size() + 1) {
    size_ = values.size();
    memory_.reserve(size_ + 1);
    std::memcpy(pinned_.data(), values.data(), size_);
    if (size_ > 0) api_.check(api_.copyToDevice(memory_.get(), pinned_.data(), size_, stream_.get()), "to the device");
    rest();
  }
  uintptr_t address() const { return memory_.get(); }
  std::vector<char> values() {
    if (size_ > 0) api_.check(api_.copyToHost(pinned_.data(), memory_.get(), size_, stream_.get()), "to the host");
    rest();
    return {pinned_.data(), pinned_.data() + size_};
  }

 private:
  void rest() {
    Event end(api_);
    end.record(stream_);
    waitUntil([&] { return end.hasHappened(); });
  }

  CudaApi api_ = CudaApi::open({kCuda});
  Stream stream_;
  DeviceMemory memory_;
  PinnedMemory pinned_;
  size_t size_ = 0;
};

Request onDevice(Request request, const OnDevice& input, const OnDevice& output) {
  request.onDevice = true;
  request.input = reinterpret_cast<const void*>(input.address());
  request.output = reinterpret_cast<void*>(output.address());
  return request;
}

}  // namespace

TEST(memory_of_the_device_is_sent_from_where_it_is_and_received_where_it_is_wanted) {
  char log[] = "/tmp/scmoe-nccl-XXXXXX";
  ::close(::mkstemp(log));
  const Knob logged("STANDIN_NCCL_LOG", log);
  std::set<std::string> expectedLines[2];
  rethrow(onRanks(2, [&](NcclEngine& engine) {
    const int rank = engine.rank(), other = 1 - rank;
    // Rank 0 keeps 3 and gives 5, rank 1 keeps 2 and gives 7.
    const int own = rank == 0 ? 3 : 2, given = rank == 0 ? 5 : 7, taken = rank == 0 ? 7 : 5;
    const auto share = [](int from, int to, int count) { return valuesOf(DType::kFloat32, 10 * from + to, count); };
    std::vector<char> sent, expected;
    for (int peer = 0; peer < 2; ++peer) {
      for (char byte : share(rank, peer, peer == rank ? own : given)) sent.push_back(byte);
      for (char byte : share(peer, rank, peer == rank ? own : taken)) expected.push_back(byte);
    }
    OnDevice input(sent), output(std::vector<char>(expected.size(), 'x'));
    Request request;
    request.operation = Operation::kAllToAllV;
    request.elements = own + given;
    request.sendCounts = rank == 0 ? std::vector<int64_t>{own, given} : std::vector<int64_t>{given, own};
    request.recvCounts = rank == 0 ? std::vector<int64_t>{own, taken} : std::vector<int64_t>{taken, own};
    run(engine, onDevice(request, input, output), 1);
    CHECK(output.values() == expected);
    const auto line = [&](const char* call, uintptr_t address, size_t bytes) {
      return std::string(call) + " rank " + std::to_string(rank) + " " + std::to_string(address) + " " +
             std::to_string(bytes);
    };
    expectedLines[rank] = {line("ncclSend", input.address() + (other == 1 ? own * 4 : 0), given * 4),
                           line("ncclRecv", output.address() + (other == 1 ? own * 4 : 0), taken * 4)};

    OnDevice values(valuesOf(DType::kFloat32, rank, 100)), sum(std::vector<char>(400));
    Request reduction;
    reduction.operation = Operation::kAllReduce;
    reduction.elements = 100;
    run(engine, onDevice(reduction, values, sum), 2);
    CHECK(sum.values() == reduced(DType::kFloat32, Reduction::kSum, 2, 100));

    OnDevice spread(rank == 1 ? valuesOf(DType::kFloat32, 1, 9) : std::vector<char>(36));
    Request broadcast = onDevice({}, spread, spread);
    broadcast.operation = Operation::kBroadcast;
    broadcast.elements = 9;
    broadcast.root = 1;
    if (rank == 0) broadcast.input = nullptr;
    run(engine, broadcast, 3);
    CHECK(spread.values() == valuesOf(DType::kFloat32, 1, 9));
  }));
  std::set<std::string> lines;
  std::ifstream written(log);
  for (std::string text; std::getline(written, text);) lines.insert(text);
  for (const auto& expected : expectedLines)
    for (const std::string& text : expected) CHECK(lines.count(text) == 1);
  std::remove(log);
}

TEST(what_is_no_memory_of_the_device_or_would_have_to_change_on_the_way_is_refused) {
  const auto messageOf = [](const std::function<void(Request&, const OnDevice&)>& change) {
    return errorOf([&] {
      rethrow(onRanks(1, [&](NcclEngine& engine) {
        const OnDevice memory(std::vector<char>(400));
        Request request = onDevice({}, memory, memory);
        request.operation = Operation::kAllReduce;
        request.elements = 100;
        change(request, memory);
        run(engine, request, 1);
      }));
    });
  };
  float host = 0;
  has(messageOf([&](Request& request, const OnDevice&) { request.input = &host; }),
      "input: expected 400 bytes of the device's memory, got CUDA error 1");
  has(messageOf([](Request& request, const OnDevice& memory) {
        request.output = reinterpret_cast<void*>(memory.address() + 200);
      }),
      "output: expected 400 bytes of the device's memory, got 201");
  has(messageOf([](Request& request, const OnDevice&) { request.reduction = Reduction::kMax; }),
      "expected values that travel as they are");
}
