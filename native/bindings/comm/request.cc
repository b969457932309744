#include "bindings/comm/request.h"

#include <numeric>

namespace scmoe::comm {

namespace {

/// The checks of one call that a signature can't say, for they depend on the operation and on the group.
class Checker {
 public:
  Checker(const Call& call, const signatures::commStart& args, const Engine& engine)
      : call_(call), args_(args), rank_(engine.rank()), size_(engine.size()), readsDevice_(engine.readsDevice()) {}

  bool isOnDevice() const { return args_.inputAddress != 0 || args_.outputAddress != 0; }

  void wire() const {
    const bool narrows = args_.dtype == DType::kFloat32 && args_.wire == DType::kBf16;
    if (args_.wire != args_.dtype && !narrows)
      call_.reject("wire", std::string(nameOf(args_.dtype)) + ", as the data is", nameOf(args_.wire));
  }

  void input(int64_t elements) const { memory("input", args_.input, args_.inputAddress, elements); }
  void output(int64_t elements) const { memory("output", args_.output, args_.outputAddress, elements); }

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
  /// The engine looks whether there is such memory on its device, where it knows the device.
  template <typename Array>
  void memory(const char* name, const Array& given, int64_t address, int64_t elements) const {
    if (!isOnDevice()) return array(name, given, elements);
    if (given.data) call_.reject(name, "an address, as the other one is", "an array");
    if (!readsDevice_) call_.reject(name, "an array: this engine knows no memory of a device", "an address");
    if (address == 0 && elements > 0) call_.reject(name, "an address of the device", "none");
  }

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
  const bool readsDevice_;
};

}  // namespace

Request readRequest(const Call& call, const signatures::commStart& args, const Engine& engine) {
  const int rank = engine.rank(), size = engine.size();
  const Checker check(call, args, engine);
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
      if (args.input.data || args.inputAddress != 0) check.input(elements);
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
  request.onDevice = check.isOnDevice();
  if (request.onDevice) {
    request.input = reinterpret_cast<const void*>(args.inputAddress);
    request.output = reinterpret_cast<void*>(args.outputAddress);
  }
  request.elements = static_cast<size_t>(elements);
  request.sendCounts = args.sendCounts;
  request.recvCounts = args.recvCounts;
  request.timeout = Milliseconds(args.timeoutMs);
  return request;
}

}  // namespace scmoe::comm
