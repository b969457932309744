#include "tensorflow/session.h"

#include <cstring>

#include "core/error.h"
#include "tensorflow/attributes.h"
#include "tensorflow/kernel_calls.h"
#include "tensorflow/status.h"

namespace scmoe::tensorflow {

namespace {

constexpr int kInt32 = 3;
/// An operation with more outputs than this is none that anybody runs.
constexpr int kMostOutputs = 4096;
constexpr int32_t kLargestId = 1 << 30;

/// Deletes what it holds when an error or the end of a scope comes.
template <typename T>
class Held {
 public:
  Held(T* value, void (*release)(T*)) : value_(value), release_(release) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (value_) release_(value_);
  }
  operator T*() const { return value_; }

 private:
  T* value_;
  void (*release_)(T*);
};

}  // namespace

Session::Session(const Api& api, const uint8_t* config, size_t size) : api_(api) {
  const Status status(api);
  const Held<TFE_ContextOptions> options(api.NewContextOptions(), api.DeleteContextOptions);
  api.ContextOptionsSetConfig(options, config, size, status);
  status.check("the configuration");
  context_ = api.NewContext(options, status);
  status.check("TensorFlow could not start");
  const Held<TF_DeviceList> list(api.ContextListDevices(context_, status), api.DeleteDeviceList);
  status.check("the list of devices");
  for (int i = api.DeviceListCount(list) - 1; i >= 0; --i)
    if (std::strcmp(api.DeviceListType(list, i, status), "CPU") == 0) host_ = api.DeviceListName(list, i, status);
  device_ = host_;
}

Session::~Session() {
  for (const auto& [id, handle] : handles_) api_.DeleteTensorHandle(handle);
  if (context_) api_.DeleteContext(context_);
}

std::string Session::devices() const {
  const Status status(api_);
  const Held<TF_DeviceList> list(api_.ContextListDevices(context_, status), api_.DeleteDeviceList);
  status.check("the list of devices");
  std::string text;
  for (int i = 0; i < api_.DeviceListCount(list); ++i) {
    text += std::string(api_.DeviceListName(list, i, status)) + "\t" + api_.DeviceListType(list, i, status) + "\t" +
            std::to_string(api_.DeviceListMemoryBytes(list, i, status)) + "\n";
    status.check("a device");
  }
  return text;
}

void Session::setDevice(const std::string& name) { device_ = name; }

size_t Session::bytesOf(int dtype, const std::vector<int64_t>& dims, size_t got) const {
  size_t bytes = api_.DataTypeSize(dtype);
  for (int64_t size : dims)
    if (__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes))
      throw ArgumentError("tensor: dims: expected fewer elements, got too many");
  if (bytes != got)
    throw ArgumentError("tensor: data: expected the " + std::to_string(bytes) + " bytes of " +
                        textOf({dtype, true, dims}) + ", got " + std::to_string(got));
  return bytes;
}

int32_t Session::create(int dtype, const std::vector<int64_t>& dims, const uint8_t* data, size_t bytes) {
  bytesOf(dtype, dims, bytes);
  const Status status(api_);
  const Held<TF_Tensor> tensor(api_.AllocateTensor(dtype, dims.data(), static_cast<int>(dims.size()), bytes),
                               api_.DeleteTensor);
  const std::string what = "a tensor of " + textOf({dtype, true, dims});
  if (!tensor) throw Error(what + ": there is no memory for it");
  if (bytes > 0) std::memcpy(api_.TensorData(tensor), data, bytes);
  TFE_TensorHandle* handle = api_.NewTensorHandle(tensor, status);
  status.check(what);
  // Once, here: an operation would copy what lies elsewhere each time. TensorFlow's own kernels want int32 on the host.
  if (device_ == host_ || dtype == kInt32) return keep(handle);
  const Held<TFE_TensorHandle> onHost(handle, api_.DeleteTensorHandle);
  TFE_TensorHandle* copy = api_.TensorHandleCopyToDevice(onHost, context_, device_.c_str(), status);
  status.check(what + " on " + device_);
  return keep(copy);
}

int32_t Session::createOver(int dtype, const std::vector<int64_t>& dims, void* data, size_t bytes, Deallocator release,
                            void* argument) {
  bytesOf(dtype, dims, bytes);
  const Status status(api_);
  TFE_TensorHandle* handle =
      api_.NewTensorHandleFromDeviceMemory(context_, host_.c_str(), dtype, dims.data(), static_cast<int>(dims.size()),
                                           data, bytes, release, argument, status);
  status.check("a tensor of " + textOf({dtype, true, dims}) + " over memory");
  return keep(handle);
}

int32_t Session::allocate(int dtype, const std::vector<int64_t>& dims) {
  size_t bytes = api_.DataTypeSize(dtype);
  for (int64_t size : dims)
    if (__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes))
      throw ArgumentError("tensor: dims: expected fewer elements, got too many");
  const std::string what = "a tensor of " + textOf({dtype, true, dims});
  if (api_.DataTypeSize(dtype) == 0) throw ArgumentError("tensor: dtype: expected a type of numbers, got " + what);
  const Status status(api_);
  const Held<TF_Tensor> tensor(api_.AllocateTensor(dtype, dims.data(), static_cast<int>(dims.size()), bytes),
                               api_.DeleteTensor);
  if (!tensor) throw Error(what + ": there is no memory for it");
  TFE_TensorHandle* handle = api_.NewTensorHandle(tensor, status);
  status.check(what);
  return keep(handle);
}

int32_t Session::part(int32_t id, size_t first, const std::vector<int64_t>& dims) {
  const Description whole = describe(id);
  const size_t size = api_.DataTypeSize(whole.dtype);
  if (device_ != host_ || size == 0)
    throw ArgumentError("a part of a tensor: id: expected one of numbers on the CPU, got " + textOf(whole) + " on " +
                        device_);
  const Held<TF_Tensor> from(resolve(id), api_.DeleteTensor);
  size_t count = 1;
  bool isTooMany = false;
  for (int64_t extent : dims) isTooMany |= __builtin_mul_overflow(count, static_cast<size_t>(extent), &count);
  const size_t available = api_.TensorByteSize(from) / size;
  if (isTooMany || first > available || count > available - first)
    throw ArgumentError("a part of a tensor: dims: expected elements of " + textOf(whole) + ", got " +
                        textOf({whole.dtype, true, dims}) + " from element " + std::to_string(first) + " on");
  const int32_t made = allocate(whole.dtype, dims);
  const Held<TF_Tensor> to(resolve(made), api_.DeleteTensor);
  if (count > 0)
    std::memcpy(api_.TensorData(to), static_cast<const uint8_t*>(api_.TensorData(from)) + first * size, count * size);
  return made;
}

Session::View Session::view(int32_t id) const {
  const Description description = describe(id);
  if (device_ != host_ || api_.DataTypeSize(description.dtype) == 0)
    throw ArgumentError("a view of a tensor: id: expected one of numbers on the CPU, got " + textOf(description) +
                        " on " + device_);
  // Holds the memory as well: no operation writes over it while somebody looks on.
  TF_Tensor* tensor = resolve(id);
  return {api_.TensorData(tensor), api_.TensorByteSize(tensor), tensor, api_.DeleteTensor};
}

int Session::execute(const OperationCall& call, Results& results) {
  const Status status(api_);
  const Held<TFE_Op> op(api_.NewOp(context_, call.operation.c_str(), status), api_.DeleteOp);
  const auto check = [&] {
    if (!status.isGood()) status.check(textOfCall(call));
  };
  check();
  api_.OpSetDevice(op, device_.c_str(), status);
  check();
  eachAttribute(call.attributes, static_cast<size_t>(call.numAttributeBytes),
                [&](const char* name, const uint8_t* bytes, size_t size) {
                  api_.OpSetAttrValueProto(op, name, bytes, size, status);
                  check();
                });
  std::vector<TFE_TensorHandle*> list;
  eachArgument(
      call,
      [&](int64_t first) {
        api_.OpAddInput(op, find(call.inputs[first]), status);
        check();
      },
      [&](int64_t first, int count) {
        list.clear();
        for (int i = 0; i < count; ++i) list.push_back(find(call.inputs[first + i]));
        api_.OpAddInputList(op, list.data(), count, status);
        check();
      });
  static thread_local std::vector<TFE_TensorHandle*> outputs(kMostOutputs);
  int count = kMostOutputs;
  api_.Execute(op, outputs.data(), &count, status);
  check();
  if (const std::string problem = takeKernelProblem(); !problem.empty()) {
    for (int i = 0; i < count; ++i) api_.DeleteTensorHandle(outputs[static_cast<size_t>(i)]);
    throw Error(problem);
  }
  int described = 0;
  try {
    for (; described < count; ++described) {
      TFE_TensorHandle* handle = outputs[static_cast<size_t>(described)];
      const Description description = describe(handle);
      results.add(keep(handle), description);
    }
  } catch (...) {
    for (int i = described; i < count; ++i) api_.DeleteTensorHandle(outputs[static_cast<size_t>(i)]);
    throw;
  }
  return count;
}

std::string Session::textOfCall(const OperationCall& call) const {
  std::string text = call.operation + "(";
  for (int64_t i = 0; i < call.numInputs; ++i) {
    const auto found = handles_.find(call.inputs[i]);
    text += (i ? ", " : "") + (found == handles_.end() ? "?" : textOf(describe(found->second)));
  }
  return text + ")";
}

Description Session::describe(int32_t id) const { return describe(find(id)); }

Description Session::describe(TFE_TensorHandle* handle) const {
  const Status status(api_);
  Description description;
  description.dtype = api_.TensorHandleDataType(handle);
  const int rank = api_.TensorHandleNumDims(handle, status);
  status.check("the rank of a tensor");
  for (int i = 0; i < rank; ++i) description.dims.push_back(api_.TensorHandleDim(handle, i, status));
  status.check("the shape of a tensor");
  return description;
}

TF_Tensor* Session::resolve(int32_t id) const {
  const Status status(api_);
  TFE_TensorHandle* handle = find(id);
  TF_Tensor* tensor = api_.TensorHandleResolve(handle, status);
  if (!status.isGood()) status.check("reading " + textOf(describe(handle)));
  return tensor;
}

void* Session::pointer(int32_t id) const {
  const Status status(api_);
  void* address = api_.TensorHandleDevicePointer(find(id), status);
  status.check("the address of a tensor");
  return address;
}

void Session::remove(int32_t id) {
  api_.DeleteTensorHandle(find(id));
  handles_.erase(id);
}

TFE_TensorHandle* Session::find(int32_t id) const {
  const auto found = handles_.find(id);
  if (found == handles_.end())
    throw ArgumentError("tensor: id: expected a tensor that is there, got " + std::to_string(id) +
                        ", which was deleted or never was");
  return found->second;
}

int32_t Session::keep(TFE_TensorHandle* handle) {
  // A training run makes billions of tensors: numbers come round again, those in use are passed over.
  do last_ = last_ % kLargestId + 1;
  while (handles_.count(last_) > 0);
  handles_.emplace(last_, handle);
  return last_;
}

}  // namespace scmoe::tensorflow
