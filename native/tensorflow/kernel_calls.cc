#include "tensorflow/kernel_calls.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/kernel_calls.h"
#include "core/shared_library.h"

namespace scmoe::tensorflow {

namespace {

using xla::CallFrame;

const KernelCalls* kernels = nullptr;

std::mutex problemMutex;
std::string problem;
std::atomic<bool> hasProblem{false};

void noteProblem(const char* text) {
  const std::lock_guard<std::mutex> lock(problemMutex);
  problem = text;
  hasProblem = true;
}

size_t bytesOfOne(xla::DataType dtype) {
  switch (dtype) {
    case xla::DataType::kBool: return 1;
    case xla::DataType::kInt32:
    case xla::DataType::kFloat32: return 4;
    default: throw Error("an argument or result of another type");
  }
}

/// Kept from call to call, for a step makes hundreds of them.
struct Arrays {
  std::vector<void*> data;
  std::vector<size_t> bytes;
  std::vector<bool> isFloat;

  /// Those of this thread, with nothing in them.
  static Arrays& empty() {
    static thread_local Arrays arrays;
    arrays.data.clear();
    arrays.bytes.clear();
    arrays.isFloat.clear();
    return arrays;
  }
};

/// What a kernel works on: its arguments, then its results. Each is a buffer of the call or, where several of them lie
/// in one buffer, what the attribute `places` says: the number of arguments, then of each array the buffer, first byte
/// and bytes.
class Operands {
 public:
  explicit Operands(const CallFrame& frame) : frame_(frame) {
    const xla::Attributes& all = frame.attributes;
    if (all.count < 1 || all.count > 2 || all.types[0] != xla::AttributeType::kScalar)
      throw Error("expected the key of a kernel");
    const auto& key = *static_cast<const xla::Scalar*>(all.values[0]);
    if (key.dtype != xla::DataType::kInt64) throw Error("expected the key of a kernel");
    key_ = *static_cast<const int64_t*>(key.value);
    if (all.count == 1) {
      numArguments_ = static_cast<size_t>(frame.arguments.count);
      const int64_t count = frame.arguments.count + frame.results.count;
      for (int64_t i = 0; i < count; ++i) add(bufferAt(i), 0, bytesOf(bufferAt(i)));
    } else {
      addPlaces(*static_cast<const xla::Array*>(all.values[1]), all.types[1]);
    }
  }

  void run() const {
    // XLA runs this on whichever of its threads is free.
    kernels->joinTeam();
    kernels->run(key_, arrays_.data.data(), arrays_.bytes.data(), arrays_.data.size());
  }

  void fillResultsWithNaN() const {
    for (size_t i = numArguments_; i < arrays_.data.size(); ++i) {
      void* const data = arrays_.data[i];
      const size_t bytes = arrays_.bytes[i];
      if (arrays_.isFloat[i])
        std::fill_n(static_cast<float*>(data), bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
      else
        std::memset(data, 0, bytes);
    }
  }

 private:
  void addPlaces(const xla::Array& places, xla::AttributeType type) {
    constexpr size_t kNumbers = 3;
    if (type != xla::AttributeType::kArray || places.dtype != xla::DataType::kInt64 || places.size % kNumbers != 1)
      throw Error("expected the places of a kernel's arrays");
    const auto* const numbers = static_cast<const int64_t*>(places.data);
    const size_t count = places.size / kNumbers;
    numArguments_ = static_cast<size_t>(numbers[0]);
    for (size_t i = 0; i < count; ++i) {
      const int64_t* const place = numbers + 1 + kNumbers * i;
      if (place[0] < 0 || place[0] >= frame_.arguments.count + frame_.results.count)
        throw Error("expected the place of an array in one of the call's buffers");
      const xla::Buffer& buffer = bufferAt(place[0]);
      const auto first = static_cast<size_t>(place[1]);
      const auto bytes = static_cast<size_t>(place[2]);
      const size_t all = bytesOf(buffer);
      if (first > all || bytes > all - first) throw Error("expected the place of an array within its buffer");
      add(buffer, first, bytes);
    }
  }

  void add(const xla::Buffer& buffer, size_t first, size_t bytes) {
    arrays_.data.push_back(static_cast<uint8_t*>(buffer.data) + first);
    arrays_.bytes.push_back(bytes);
    arrays_.isFloat.push_back(buffer.dtype == xla::DataType::kFloat32);
  }

  /// Arguments and results, counted together.
  const xla::Buffer& bufferAt(int64_t index) const {
    const int64_t count = frame_.arguments.count;
    return index < count ? *frame_.arguments.buffers[index] : *frame_.results.buffers[index - count];
  }

  static size_t bytesOf(const xla::Buffer& buffer) {
    size_t bytes = bytesOfOne(buffer.dtype);
    for (int64_t axis = 0; axis < buffer.rank; ++axis) bytes *= static_cast<size_t>(buffer.dims[axis]);
    return bytes;
  }

  const CallFrame& frame_;
  int64_t key_ = 0;
  size_t numArguments_ = 0;
  Arrays& arrays_ = Arrays::empty();
};

xla::Error* handle(CallFrame* frame) {
  for (xla::ExtensionBase* extension = frame->extension; extension; extension = extension->next) {
    if (extension->type != xla::Extension::kMetadata) continue;
    xla::Metadata& metadata = *reinterpret_cast<xla::MetadataExtension*>(extension)->metadata;
    metadata.version.major = xla::kMajorVersion;
    metadata.version.minor = xla::kMinorVersion;
    metadata.traits = 0;
    return nullptr;
  }
  try {
    const Operands call(*frame);
    try {
      call.run();
    } catch (...) {
      call.fillResultsWithNaN();
      throw;
    }
  } catch (const std::exception& error) {
    noteProblem(error.what());
  }
  return nullptr;
}

xla::Span spanOf(const char* text) { return {text, std::strlen(text)}; }

void add(const xla::Api& ffi, const char* name, xla::Handler* handler) {
  xla::Registration registration{
      sizeof(xla::Registration), nullptr, spanOf(name), spanOf("Host"), nullptr, nullptr, nullptr, handler, 0};
  xla::Error* const error = ffi.registerHandler(&registration);
  if (!error) return;
  xla::MessageArguments said{sizeof(xla::MessageArguments), nullptr, error, nullptr};
  ffi.messageOf(&said);
  const std::string message = said.message;
  xla::DestroyArguments done{sizeof(xla::DestroyArguments), nullptr, error};
  ffi.destroyError(&done);
  throw Error("XLA refuses " + std::string(name) + ": " + message);
}

}  // namespace

void registerKernelCalls(const xla::Api* ffi, const std::string& library) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (kernels) return;
  if (!ffi) throw Error("this TensorFlow lets no kernels from outside into compiled steps");
  const xla::ApiVersion version = ffi->version;
  if (version.major != xla::kMajorVersion || version.minor < xla::kMinorVersion)
    throw Error("XLA's interface for kernels from outside is " + std::to_string(version.major) + "." +
                std::to_string(version.minor) + ", and 0.2 is the one that is known");
  auto* const get = reinterpret_cast<GetKernelCalls*>(SharedLibrary(library).find(KernelCalls::kSymbol));
  const KernelCalls* const found = get ? get() : nullptr;
  if (!found || found->version != KernelCalls::kVersion) throw Error(library + " is of another release");
  add(*ffi, "scmoe_kernel", handle);
  kernels = found;
}

std::string takeKernelProblem() {
  if (!hasProblem) return {};
  const std::lock_guard<std::mutex> lock(problemMutex);
  hasProblem = false;
  return std::move(problem);
}

}  // namespace scmoe::tensorflow
