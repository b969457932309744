#include "bindings/comm/request.h"

#include <numeric>

namespace scmoe::comm {

namespace {

/// The checks of one call that a signature can't say, for they depend on the operation and on the group.
class Checker {
 public:
  Checker(const Call& call, const signatures::commStart& args, int rank, int size)
      : call_(call), args_(args), rank_(rank), size_(size) {}

  void wire() const {
    const bool narrows = args_.dtype == DType::kFloat32 && args_.wire == DType::kBf16;
    if (args_.wire != args_.dtype && !narrows)
      call_.reject("wire", std::string(nameOf(args_.dtype)) + ", as the data is", nameOf(args_.wire));
  }

  void input(int64_t elements) const { array("input", args_.input, elements); }
  void output(int64_t elements) const { array("output", args_.output, elements); }

  /// @returns their sum, of which this rank's own share has to be `own`
  int64_t counts(const char* name, const std::vector<int64_t>& counts, int64_t own) const {
    call_.expect(static_cast<int64_t>(counts.size()) == size_, name, std::to_string(size_) + " counts, one a rank",
                 static_cast<int64_t>(counts.size()));
    call_.expect(counts[rank_] == own, name, std::to_string(own) + " for this rank's own share", counts[rank_]);
    Length sum{0};
    for (int64_t count : counts) sum = sum + Length{count};
    return sum.value;
  }

 private:
  template <typename Array>
  void array(const char* name, const Array& array, int64_t elements) const {
    const napi_typedarray_type type = args_.dtype == DType::kFloat32 ? napi_float32_array
                                      : args_.dtype == DType::kInt32 ? napi_int32_array
                                                                     : napi_uint16_array;
    const std::string expected =
        "an array of " + std::string(nameOf(args_.dtype)) + " of at least " + std::to_string(elements);
    if (!array.data && elements > 0) call_.reject(name, expected, "none");
    if (array.data && array.type != type) call_.reject(name, expected, "an array of another dtype");
    if (array.length < elements) call_.reject(name, expected, std::to_string(array.length));
  }

  const Call& call_;
  const signatures::commStart& args_;
  const int rank_, size_;
};

}  // namespace

Request readRequest(const Call& call, const signatures::commStart& args, int rank, int size) {
  const Checker check(call, args, rank, size);
  check.wire();
  const int64_t elements = args.elements;
  switch (args.operation) {
    case Operation::kConnect:
    case Operation::kBarrier:
    case Operation::kClose: break;
    case Operation::kAllToAll:
    case Operation::kAllToAllV: {
      const int64_t own = rank < static_cast<int>(args.sendCounts.size()) ? args.sendCounts[rank] : 0;
      check.input(check.counts("sendCounts", args.sendCounts, own));
      check.output(check.counts("recvCounts", args.recvCounts, own));
      break;
    }
    case Operation::kAllGather:
    case Operation::kAllGatherV:
      check.input(elements);
      check.output(check.counts("recvCounts", args.recvCounts, elements));
      break;
    case Operation::kAllReduce:
      check.input(elements);
      check.output(elements);
      break;
    case Operation::kReduceScatter:
      call.expect(elements % size == 0, "elements", "a multiple of " + std::to_string(size), elements);
      check.input(elements);
      check.output(elements / size);
      break;
    case Operation::kBroadcast:
      call.expect(args.root < size, "root", "a rank below " + std::to_string(size), args.root);
      if (args.input.data) check.input(elements);
      check.output(elements);
      break;
  }
  Request request;
  request.operation = args.operation;
  request.dtype = args.dtype;
  request.wire = args.wire;
  request.reduction = args.reduction;
  request.root = static_cast<int>(args.root);
  request.input = args.input.data;
  request.output = args.output.data;
  request.elements = static_cast<size_t>(elements);
  request.sendCounts = args.sendCounts;
  request.recvCounts = args.recvCounts;
  request.timeout = Milliseconds(args.timeoutMs);
  return request;
}

}  // namespace scmoe::comm
