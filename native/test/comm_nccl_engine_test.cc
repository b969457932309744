#include "comm/nccl/nccl_engine.h"

#include <cmath>
#include <cstring>
#include <limits>

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
